-- a list that says it is endless => run: table.sort: the range
job "sort_length" {
  timeout = "30s",
  run = function()
    table.sort(setmetatable({}, { __len = function() return 1 << 50 end }))
  end,
}
