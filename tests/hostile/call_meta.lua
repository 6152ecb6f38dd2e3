-- a __call that calls itself => run: stack overflow or used more than 64 MiB
job "call_meta" {
  timeout = "30s",
  run = function()
    local t = setmetatable({}, {})
    getmetatable(t).__call = function(self) return self() + 1 end
    t()
  end,
}
