-- a __close that spins, run by coroutine.close => run: took longer than its time-out
job "coroutine_close" {
  timeout = "400ms",
  run = function()
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function()
        while true do end
      end })
      coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)
  end,
}
