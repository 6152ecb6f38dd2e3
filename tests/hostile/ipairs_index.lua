-- ipairs over a table whose __index spins => run: took longer than its time-out
job "ipairs_index" {
  timeout = "400ms",
  run = function()
    for _ in ipairs(setmetatable({}, { __index = function()
      while true do end
    end })) do
    end
  end,
}
