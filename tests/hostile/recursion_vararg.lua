-- ever more arguments => run: took longer than its time-out
job "recursion_vararg" {
  timeout = "400ms",
  run = function()
    local function more(...)
      return more(1, ...)
    end
    while true do
      pcall(more)
    end
  end,
}
