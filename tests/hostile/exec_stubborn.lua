-- a command that ignores being told => run: took longer than its time-out
job "exec_stubborn" {
  timeout = "400ms",
  run = function()
    exec { "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done" }
  end,
}
