-- coroutines kept until memory is full => run: used more than 64 MiB
job "coroutine_keep" {
  timeout = "30s",
  run = function()
    local kept = {}
    while true do
      local co = coroutine.create(function() coroutine.yield(1) end)
      coroutine.resume(co)
      kept[#kept + 1] = co
    end
  end,
}
