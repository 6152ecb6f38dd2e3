-- coroutines made and left by the million => run: took longer than its time-out
job "coroutine_storm" {
  timeout = "400ms",
  run = function()
    while true do
      coroutine.wrap(function() coroutine.yield() end)()
    end
  end,
}
