-- a pattern of sixty stars => run: took longer than its time-out
job "pattern_stars" {
  timeout = "400ms",
  run = function()
    ("a"):rep(200000):find(("a*"):rep(60) .. "b")
  end,
}
