-- a table of ever more keys => run: used more than 64 MiB
job "memory_keys" {
  timeout = "2m",
  run = function()
    local t = {}
    local n = 0
    while true do
      n = n + 1
      t["key" .. n] = n
    end
  end,
}
