-- garbage as fast as it can be made => run: took longer than its time-out
job "memory_garbage" {
  timeout = "400ms",
  run = function()
    while true do
      local t = {}
      for i = 1, 100 do
        t[i] = { i }
      end
    end
  end,
}
