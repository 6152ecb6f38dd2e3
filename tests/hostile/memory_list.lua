-- a list that grows => run: used more than 64 MiB
job "memory_list" {
  timeout = "30s",
  run = function()
    local t = {}
    while true do
      t[#t + 1] = {}
    end
  end,
}
