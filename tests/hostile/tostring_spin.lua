-- a __tostring that spins => run: took longer than its time-out
job "tostring_spin" {
  timeout = "400ms",
  run = function()
    tostring(setmetatable({}, { __tostring = function()
      while true do end
    end }))
  end,
}
