-- a goto to itself => run: took longer than its time-out
job "spin_goto" {
  timeout = "400ms",
  run = function()
    ::again::
    goto again
  end,
}
