-- gmatch over a text that never matches => run: took longer than its time-out
job "pattern_gmatch" {
  timeout = "400ms",
  run = function()
    for _ in ("a"):rep(200000):gmatch(("a*"):rep(60) .. "b") do
    end
  end,
}
