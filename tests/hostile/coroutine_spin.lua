-- a coroutine that spins => run: took longer than its time-out
job "coroutine_spin" {
  timeout = "400ms",
  run = function()
    coroutine.wrap(function()
      while true do end
    end)()
  end,
}
