-- pcall around a loop, in a loop => run: took longer than its time-out
job "pcall_loop" {
  timeout = "400ms",
  run = function()
    while true do
      pcall(function()
        while true do end
      end)
    end
  end,
}
