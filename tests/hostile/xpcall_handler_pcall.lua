-- a message handler that catches its kill => run: took longer than its time-out
job "xpcall_handler_pcall" {
  timeout = "400ms",
  run = function()
    xpcall(error, function()
      while true do
        pcall(function()
          while true do end
        end)
      end
    end)
  end,
}
