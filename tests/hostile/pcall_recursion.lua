-- recursion through pcall, which survives each overflow => run: took longer than its time-out
job "pcall_recursion" {
  timeout = "400ms",
  run = function()
    local function deeper()
      return pcall(deeper)
    end
    while true do
      deeper()
    end
  end,
}
