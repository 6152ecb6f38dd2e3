-- tables that ask each other in a circle => run: '__index' chain too long
job "index_chain" {
  timeout = "30s",
  run = function()
    local a, b = {}, {}
    setmetatable(a, { __index = b })
    setmetatable(b, { __index = a })
    return a.x
  end,
}
