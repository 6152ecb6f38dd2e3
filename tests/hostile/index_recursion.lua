-- an __index that asks itself, caught each time => run: took longer than its time-out
job "index_recursion" {
  timeout = "400ms",
  run = function()
    local t = setmetatable({}, { __index = function(t, key) return t[key + 1] end })
    while true do
      pcall(function() return t[1] end)
    end
  end,
}
