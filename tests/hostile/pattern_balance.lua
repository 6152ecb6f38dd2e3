-- parentheses that never close => run: took longer than its time-out
job "pattern_balance" {
  timeout = "400ms",
  run = function()
    local text = ("("):rep(300000)
    while true do
      text:find("%b()")
    end
  end,
}
