-- a module that is not there, asked for ever => run: took longer than its time-out
job "require_itself" {
  timeout = "400ms",
  run = function()
    while true do
      pcall(require, "nowhere")
    end
  end,
}
