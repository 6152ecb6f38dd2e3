-- a table of gsub whose __index spins => run: took longer than its time-out
job "gsub_table" {
  timeout = "400ms",
  run = function()
    ("x"):gsub("x", setmetatable({}, { __index = function()
      while true do end
    end }))
  end,
}
