-- a number of many digits, read for ever => run: took longer than its time-out
job "number_long" {
  timeout = "400ms",
  run = function()
    local digits = ("9"):rep(100000)
    while true do
      local _ = digits + 0
    end
  end,
}
