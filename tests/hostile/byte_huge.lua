-- a million bytes as values, again and again => run: took longer than its time-out
job "byte_huge" {
  timeout = "400ms",
  run = function()
    local text = ("x"):rep(500000)
    while true do
      pcall(string.byte, text, 1, -1)
    end
  end,
}
