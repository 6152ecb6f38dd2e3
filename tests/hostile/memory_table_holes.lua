-- a table of enormous indices => run: used more than 64 MiB
job "memory_table_holes" {
  timeout = "30s",
  run = function()
    local t = {}
    local n = 1
    while true do
      t[n] = n
      n = n * 3 % 9007199254740881
    end
  end,
}
