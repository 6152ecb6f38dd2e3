-- a spin twenty coroutines deep => run: took longer than its time-out
job "coroutine_nest" {
  timeout = "400ms",
  run = function()
    local function nest(n)
      if n == 0 then
        while true do end
      end
      return coroutine.wrap(nest)(n - 1)
    end
    nest(20)
  end,
}
