-- a pattern of lazy repetitions => run: took longer than its time-out
job "pattern_lazy" {
  timeout = "400ms",
  run = function()
    ("a"):rep(200000):match(("a-"):rep(60) .. "b")
  end,
}
