-- memory that pcall wants to survive => run: used more than 64 MiB
job "memory_pcall" {
  timeout = "30s",
  run = function()
    while true do
      pcall(function()
        local t = {}
        while true do
          t[#t + 1] = ("x"):rep(1000) .. #t
        end
      end)
    end
  end,
}
