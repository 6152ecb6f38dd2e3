-- a message handler that spins => run: took longer than its time-out
job "xpcall_handler" {
  timeout = "400ms",
  run = function()
    xpcall(error, function()
      while true do end
    end)
  end,
}
