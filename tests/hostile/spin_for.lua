-- a numeric for without an end in sight => run: took longer than its time-out
job "spin_for" {
  timeout = "400ms",
  run = function()
    local sum = 0
    for i = 1, math.maxinteger do
      sum = sum + i
    end
  end,
}
