-- recursion without an end => run: stack overflow or used more than 64 MiB
job "recursion" {
  timeout = "30s",
  run = function()
    local function deeper(n)
      return deeper(n + 1) + 1
    end
    deeper(1)
  end,
}
