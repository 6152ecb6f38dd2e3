--- A nightly backup of the shop's database by SQLite's own command, which copies it in one piece
-- while it is in use. A copy has its name only when it is complete and sound; the seven newest stay.

local DATABASE = "../data/shop.db"
local FOLDER = "../data/backup"
local KEEP = 7

local function prune()
  local copies = assert(fs.glob(FOLDER .. "/shop-*.db"))
  for i = 1, #copies - KEEP do
    assert(fs.remove(copies[i]))
    log.info("removed %s", copies[i])
  end
end

job "backup" {
  trigger = cron "30 3 * * *",
  timeout = "10m",
  retry = { attempts = 3, delay = "1m" },
  overlap = "skip",
  run = function(run)
    local copy = ("%s/shop-%s.db"):format(FOLDER, run.scheduled_at:format "%Y-%m-%dT%H%M%S")
    assert(fs.mkdir(FOLDER, { parents = true }))
    fs.remove(copy .. ".part")
    exec { "sqlite3", DATABASE, ".backup '" .. copy .. ".part'", check = true }
    local verdict = exec { "sqlite3", copy .. ".part", "PRAGMA integrity_check", check = true }
    assert(verdict.stdout == "ok\n", verdict.stdout)
    assert(fs.rename(copy .. ".part", copy))
    prune()
    local size = fs.stat(copy).size
    log.info("%s: %d bytes", copy, size)
    return { copy = copy, bytes = size }
  end,
}
