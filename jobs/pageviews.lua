--- Page views counted from a web server's access log every five minutes, each line once.
--
-- Where the count stopped (the file's inode and an offset) is kept together with the counts, in one
-- value, so that a crash neither loses nor doubles a line. When the log has been rotated, the rest of
-- the old file is read first: renamed to LOG.1, as logrotate does it, or truncated in place.

local LOG = os.getenv "ACCESS_LOG" or "../data/access.log"
local PART = 256 * 1024

-- 203.0.113.9 - - [21/Nov/2026:10:00:00 +0000] "GET /shoes?page=2 HTTP/1.1" 200 5120 "-" "Mozilla/5.0"
local function count_line(views, line)
  local path, status = line:match '"GET ([^ ?"]+)[^"]*" (%d+)'
  if status == "200" and not path:find "%.%l+$" then
    views[path] = (views[path] or 0) + 1
  end
end

--- Counts the whole lines behind `offset`; returns where the last one ends.
local function count_from(path, offset, views)
  while true do
    local part = assert(fs.read(path, { offset = offset, size = PART }))
    local last = part:match "^.*()\n"
    if not last then
      return offset
    end
    for line in part:sub(1, last):gmatch "[^\n]+" do
      count_line(views, line)
    end
    offset = offset + last
  end
end

local function top(views)
  local path, total = nil, 0
  for page, count in pairs(views) do
    total = total + count
    if not path or count > views[path] or (count == views[path] and page < path) then
      path = page
    end
  end
  return total, path
end

job "pageviews" {
  trigger = cron "*/5 * * * *",
  run = function(run)
    local state = kv.get("state") or { day = run.scheduled_at:date(), offset = 0, views = {} }
    local file = fs.stat(LOG)
    if not file then
      log.info("there is no log at %s yet", LOG)
      return
    end
    if state.day ~= run.scheduled_at:date() then
      log.info("%s: %d page views, most of %s", state.day, top(state.views))
      state.day, state.views = run.scheduled_at:date(), {}
    end
    local old = fs.stat(LOG .. ".1")
    if state.inode and state.inode ~= file.inode then
      if old and old.inode == state.inode then
        count_from(LOG .. ".1", state.offset, state.views)
      end
      state.offset = 0
    elseif file.size < state.offset then
      state.offset = 0
    end
    state.inode = file.inode
    state.offset = count_from(LOG, state.offset, state.views)
    kv.set("state", state)
    local total, path = top(state.views)
    log.info("%d page views today, most of %s", total, path)
    return { today = total, top = path }
  end,
}
