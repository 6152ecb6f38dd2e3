-- more queries that never end than there are threads for them => run: took longer than its time-out
function hoard()
  sqlite.open(":memory:"):value("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
end

job "sqlite_hoard" {
  timeout = "2s",
  run = function()
    for i = 1, 40 do
      scheduler.add_job { id = "hoard-" .. i, func = "sqlite_hoard.hoard", trigger = after "0s", timeout = "2s" }
    end
    hoard()
  end,
}
