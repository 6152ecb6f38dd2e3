-- questions to the scheduler without end => run: took longer than its time-out
job "request_storm" {
  timeout = "400ms",
  run = function()
    while true do
      scheduler.get_job("pulse")
    end
  end,
}
