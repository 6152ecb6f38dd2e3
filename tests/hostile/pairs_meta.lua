-- a __pairs that spins => run: took longer than its time-out
job "pairs_meta" {
  timeout = "400ms",
  run = function()
    for _ in pairs(setmetatable({}, { __pairs = function()
      while true do end
    end })) do
    end
  end,
}
