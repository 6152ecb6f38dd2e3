--- Orders that come as files: a CSV that is put into ../data/inbox is added up as soon as it has been
-- left alone for a second, then moved to ../data/inbox/done; another job follows with the report. What
-- comes while the scheduler is down is found at its next start.
--
--   echo 'ada,12.50' > data/inbox/today.csv
--
-- A sample is put there by itself at each start.

local INBOX = "../data/inbox"
local DONE = INBOX .. "/done"

assert(fs.mkdir(DONE, { parents = true }))

local function add_up(path)
  local count, total = 0, 0
  for line in fs.lines(path) do
    local amount = tonumber(line:match "^[^,]+,([%d.]+)$")
    if amount then
      count, total = count + 1, total + amount
    end
  end
  return count, total
end

job "inbox" {
  trigger = on_file(INBOX .. "/*.csv", { debounce = "1s", batch = 100 }),
  run = function(run)
    local result = { files = 0, orders = 0, total = 0 }
    for _, event in ipairs(run.events) do
      -- A run that was cut off begins again with the same files, of which some may be done.
      if fs.exists(event.path) then
        local count, total = add_up(event.path)
        assert(fs.rename(event.path, DONE .. "/" .. fs.basename(event.path)))
        log.info("%s: %d orders", fs.basename(event.path), count)
        result.files, result.orders, result.total = result.files + 1, result.orders + count, result.total + total
      end
    end
    return result
  end,
}

job "inbox_report" {
  trigger = after_job "inbox",
  run = function(run)
    local result = run.event.result
    log.info("%d orders in %d files came to %.2f", result.orders, result.files, result.total)
    return result.total
  end,
}

job "inbox_sample" {
  trigger = on_start(),
  run = function()
    sleep "3s"
    assert(fs.write(INBOX .. "/sample.csv", "Ada,12.50\nGrace,30.00\nEdsger,7.25\n"))
  end,
}
