-- an __index that spins => run: took longer than its time-out
job "index_spin" {
  timeout = "400ms",
  run = function()
    local t = setmetatable({}, { __index = function()
      while true do end
    end })
    return t.x
  end,
}
