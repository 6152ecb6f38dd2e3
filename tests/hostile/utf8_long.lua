-- characters counted for ever => run: took longer than its time-out
job "utf8_long" {
  timeout = "400ms",
  run = function()
    local text = ("\u{20ac}"):rep(300000)
    while true do
      utf8.len(text)
    end
  end,
}
