-- large texts thrown away => run: took longer than its time-out
job "memory_large_garbage" {
  timeout = "400ms",
  run = function()
    while true do
      local _ = ("x"):rep(10000000)
    end
  end,
}
