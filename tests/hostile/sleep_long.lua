-- a nap of a century => run: took longer than its time-out
job "sleep_long" {
  timeout = "400ms",
  run = function()
    sleep(3e9)
  end,
}
