-- an insertion into a list that says it is endless => run: table.insert: the range
job "insert_length" {
  timeout = "30s",
  run = function()
    table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, "x")
  end,
}
