--- Nightly clean-up: files that nobody has touched for long are removed from places that fill up.
-- A folder that is not there is nothing to do. Patterns are as in the shell, from the jobs folder.

local RULES = {
  { pattern = "../data/tmp/*", older_than = "7d" },
  { pattern = "../data/*.tmp", older_than = "1d" },
}

job "cleanup" {
  trigger = cron "15 3 * * *",
  run = function()
    local removed, bytes = 0, 0
    for _, rule in ipairs(RULES) do
      local oldest = time.now() - rule.older_than
      for _, path in ipairs(assert(fs.glob(rule.pattern))) do
        local file = fs.stat(path, { follow = false })
        if file and file.type == "file" and file.modified_at < oldest and fs.remove(path) then
          removed, bytes = removed + 1, bytes + file.size
          log.info("removed %s, last touched %s", path, file.modified_at)
        end
      end
    end
    log.info("%d files removed, %d bytes freed", removed, bytes)
    return { files = removed, bytes = bytes }
  end,
}
