-- databases that a weak table still has when they are finalized => run: the database is closed
job "weak_database" {
  timeout = "30s",
  run = function()
    local cache = setmetatable({}, { __mode = "k" })
    for i = 1, 1e6 do
      cache[sqlite.open ":memory:"] = i
      for db in pairs(cache) do
        db:value "SELECT 1"
      end
      collectgarbage "step"
    end
  end,
}
