-- errors caught as fast as they are raised => run: took longer than its time-out
job "pcall_error" {
  timeout = "400ms",
  run = function()
    while true do
      pcall(error, "no")
    end
  end,
}
