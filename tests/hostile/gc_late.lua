-- a finalizer that comes in by the back door => run: nothing was finalized
job "gc_late" {
  timeout = "30s",
  run = function()
    local meta = {}
    local t = setmetatable({}, meta)
    meta.__gc = function() error("finalized") end
    t = nil
    collectgarbage()
    error("nothing was finalized")
  end,
}
