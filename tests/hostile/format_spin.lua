-- a __tostring that spins beneath string.format => run: took longer than its time-out
job "format_spin" {
  timeout = "400ms",
  run = function()
    string.format("%s", setmetatable({}, { __tostring = function()
      while true do end
    end }))
  end,
}
