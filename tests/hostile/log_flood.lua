-- lines without end => run: took longer than its time-out
job "log_flood" {
  timeout = "400ms",
  run = function()
    while true do
      log.info("again")
    end
  end,
}
