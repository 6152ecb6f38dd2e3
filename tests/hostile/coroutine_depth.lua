-- coroutines resumed within each other until C has no room => run: C stack overflow
job "coroutine_depth" {
  timeout = "30s",
  run = function()
    local function deeper()
      return coroutine.wrap(deeper)()
    end
    deeper()
  end,
}
