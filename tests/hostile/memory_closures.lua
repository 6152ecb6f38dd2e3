-- closures kept => run: used more than 64 MiB
job "memory_closures" {
  timeout = "30s",
  run = function()
    local t = {}
    while true do
      local n = #t
      t[n + 1] = function() return n end
    end
  end,
}
