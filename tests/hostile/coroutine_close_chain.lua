-- closes within closes within closes => run: nested calls of coroutine.close
job "coroutine_close_chain" {
  timeout = "30s",
  run = function()
    local last = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(last)
    for _ = 1, 1000 do
      local inner = last
      last = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = function() assert(coroutine.close(inner)) end })
        coroutine.yield()
      end)
      coroutine.resume(last)
    end
    assert(coroutine.close(last))
  end,
}
