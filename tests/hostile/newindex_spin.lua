-- a __newindex that spins => run: took longer than its time-out
job "newindex_spin" {
  timeout = "400ms",
  run = function()
    setmetatable({}, { __newindex = function()
      while true do end
    end }).x = 1
  end,
}
