-- chunks compiled for ever => run: took longer than its time-out
job "load_loop" {
  timeout = "400ms",
  run = function()
    while true do
      load("return 1")()
    end
  end,
}
