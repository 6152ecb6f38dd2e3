-- naps of a microsecond for ever => run: took longer than its time-out
job "sleep_storm" {
  timeout = "400ms",
  run = function()
    while true do
      sleep(0.000001)
    end
  end,
}
