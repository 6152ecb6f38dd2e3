-- a query that never ends => run: took longer than its time-out
job "sqlite_recursive" {
  timeout = "400ms",
  run = function()
    local db = sqlite.open(":memory:")
    db:value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
  end,
}
