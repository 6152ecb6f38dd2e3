-- a line of many megabytes, then a spin => run: took longer than its time-out
job "print_huge" {
  timeout = "400ms",
  run = function()
    print(("x"):rep(10000000))
    while true do end
  end,
}
