-- xpcall whose function spins => run: took longer than its time-out
job "xpcall_loop" {
  timeout = "400ms",
  run = function()
    while true do
      xpcall(function()
        while true do end
      end, function() end)
    end
  end,
}
