-- a __lt that spins beneath table.sort => run: took longer than its time-out
job "sort_less" {
  timeout = "400ms",
  run = function()
    local meta = { __lt = function()
      while true do end
    end }
    table.sort { setmetatable({}, meta), setmetatable({}, meta) }
  end,
}
