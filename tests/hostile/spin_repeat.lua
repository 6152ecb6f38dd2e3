-- a repeat that never ends => run: took longer than its time-out
job "spin_repeat" {
  timeout = "400ms",
  run = function()
    local n = 0
    repeat
      n = n + 1
    until false
  end,
}
