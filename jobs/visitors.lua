--- Plays the web server whose log pageviews.lua reads: every five seconds some lines of
-- data/access.log, a real-looking sample, go to ../data/access.log as if they were of now. The log is
-- rotated at 1 MiB. Remove this file when you have a server.

local LOG = "../data/access.log"
local sample = {}

for line in fs.lines "data/access.log" do
  sample[#sample + 1] = line
end
assert(fs.mkdir("../data", { parents = true }))

job "visitors" {
  trigger = every "5s",
  run = function(run)
    local now = run.scheduled_at:in_zone("UTC"):format "%d/%b/%Y:%H:%M:%S +0000"
    local lines = {}
    for i = 1, math.random(5) do
      lines[i] = sample[math.random(#sample)]:gsub("%b[]", "[" .. now .. "]", 1)
    end
    local log_file = fs.stat(LOG)
    if log_file and log_file.size > 1 << 20 then
      assert(fs.rename(LOG, LOG .. ".1"))
    end
    assert(fs.append(LOG, table.concat(lines, "\n") .. "\n"))
    return #lines
  end,
}
