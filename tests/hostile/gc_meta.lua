-- a finalizer, which nothing could stop => run: __gc is not available
job "gc_meta" {
  timeout = "30s",
  run = function()
    setmetatable({}, { __gc = function()
      while true do end
    end })
  end,
}
