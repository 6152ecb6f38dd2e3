-- two coroutines that yield to and fro => run: took longer than its time-out
job "coroutine_pingpong" {
  timeout = "400ms",
  run = function()
    local other = coroutine.wrap(function()
      while true do
        coroutine.yield()
      end
    end)
    while true do
      other()
    end
  end,
}
