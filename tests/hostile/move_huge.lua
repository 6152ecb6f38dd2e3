-- elements moved to the end of time => run: table.move: the range
job "move_huge" {
  timeout = "30s",
  run = function()
    table.move({}, 1, 1 << 60, 2)
  end,
}
