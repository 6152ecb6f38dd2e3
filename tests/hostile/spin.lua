-- an empty loop => run: took longer than its time-out
job "spin" {
  timeout = "400ms",
  run = function()
    while true do end
  end,
}
