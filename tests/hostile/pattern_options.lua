-- a pattern of options, of exponential time => run: took longer than its time-out
job "pattern_options" {
  timeout = "400ms",
  run = function()
    ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(41))
  end,
}
