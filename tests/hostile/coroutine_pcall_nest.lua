-- coroutines and pcall in turns => run: took longer than its time-out
job "coroutine_pcall_nest" {
  timeout = "400ms",
  run = function()
    local function nest(n)
      if n == 0 then
        while true do end
      end
      while true do
        pcall(coroutine.wrap(nest), n - 1)
      end
    end
    nest(15)
  end,
}
