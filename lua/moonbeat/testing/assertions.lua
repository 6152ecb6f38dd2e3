--- What busted's `assert` can say of a simulation: fires, skips, succeeds, fails, logs, never_overlaps,
-- and the same with `assert.no`. Each takes the names of jobs, as in the files.

local arguments = require "moonbeat.testing.arguments"
local fail = require "moonbeat.testing.fail"
local world = require "moonbeat.testing.world"

local LISTED = 10 -- of what has happened, in a message

local REASONS = { "misfire", "overlap", "paused", "calendar", "limit" }

local function shown(list, what)
  if #list == 0 then
    return "  never\n"
  end
  local lines = {}
  for i, item in ipairs(list) do
    if i > LISTED then
      lines[i] = ("  and %d more\n"):format(#list - LISTED)
      break
    end
    lines[i] = "  " .. what(item) .. "\n"
  end
  return table.concat(lines)
end

--- Says `text` when the assertion does not hold; with `assert.no`, `negative` when it does. What the test says itself
-- (assert.message) comes first.
local function verdict(state, holds, text, negative)
  local own = rawget(state, "failure_message") -- else luassert takes it for an assertion of that name
  state.failure_message = (own ~= nil and tostring(own) .. "\n" or "") .. (holds and negative or text)
  return holds
end

-- What was given to an assertion that takes so much; more would not be looked at.
local function take(name, given, most, what)
  if given.n > most then
    fail("assert.%s takes %s: %d arguments are too many", name, what, given.n)
  end
  return table.unpack(given, 1, most)
end

local function plural(count, word)
  return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

---@class luassert
---@field fires fun(job: string, expected?: integer|string|string[], from?: string, to?: string)
---@field skips fun(job: string, reason?: "misfire"|"overlap"|"paused"|"calendar"|"limit", count?: integer)
---@field succeeds fun(job: string, count?: integer)
---@field fails fun(job: string, error?: string)
---@field logs fun(job: string, text: string)
---@field never_overlaps fun(job: string, ...: string)

--- Registers them. Without luassert there is nothing to register them with.
return function(sim)
  local function at(run)
    return run.scheduled_at
  end

  -- moonbeat's own files are in the traceback, too.
  local function is_own(path)
    for _, source in ipairs(world.settings.sources) do
      if source.path == path then
        return false
      end
    end
    return path:find "^moonbeat/" ~= nil
  end

  local function first_place(text)
    for path, line in text:gmatch "\n%s+(%S+%.lua):(%d+):" do
      if not is_own(path) then
        return path .. ":" .. line
      end
    end
  end

  -- The first line of its error; where it has no place, with the first of its traceback.
  local function ended(run)
    local line, place = "", nil
    if run.error then
      line = ": " .. run.error:match "^[^\n]*"
      place = not line:find "%.lua:%d+: " and first_place(run.error)
    end
    return ("%s %s%s%s"):format(run.scheduled_at, run.state, line, place and (" (%s)"):format(place) or "")
  end

  --- The runs whose due time lies in a span, and the span as text; both ends count, and either may be missing.
  local function runs_between(job, from, to)
    local from_us = from ~= nil and sim.to_us("assert.fires: the span's begin", from)
    local to_us = to ~= nil and sim.to_us("assert.fires: the span's end", to)
    if from_us and to_us and to_us < from_us then
      fail("assert.fires: the span ends at %s, before it begins at %s", to, from)
    end
    local found = {}
    for _, run in ipairs(sim.runs(job)) do
      if (not from_us or run.scheduled_us >= from_us) and (not to_us or run.scheduled_us <= to_us) then
        found[#found + 1] = run
      end
    end
    return found, (from_us and " from " .. from or "") .. (to_us and " to " .. to or "")
  end

  local function times_equal(runs, times)
    local equal = #runs == #times
    for i, time in ipairs(times) do -- all are read, as one that is none is no difference but a mistake
      local us = sim.to_us("assert.fires", time)
      equal = equal and runs[i].scheduled_us == us
    end
    return equal
  end

  local function place_of_difference(runs, times)
    local place = 1
    while runs[place] and times[place] and runs[place].scheduled_us == sim.to_us("assert.fires", times[place]) do
      place = place + 1
    end
    return place
  end

  -- What is in one list and not in the other.
  local function lacking(list, us_of, other, us_of_other)
    local counts, found = {}, {}
    for _, item in ipairs(other) do
      local us = us_of_other(item)
      counts[us] = (counts[us] or 0) + 1
    end
    for _, item in ipairs(list) do
      local us = us_of(item)
      if (counts[us] or 0) == 0 then
        found[#found + 1] = item
      else
        counts[us] = counts[us] - 1
      end
    end
    return found
  end

  -- Of lists that differ, however long they are: where they begin to, and what one has and the other has not.
  local function difference(runs, times)
    local function time_us(time) return sim.to_us("assert.fires", time) end
    local function run_us(run) return run.scheduled_us end
    local place = place_of_difference(runs, times)
    local missing, unexpected = lacking(times, time_us, runs, run_us), lacking(runs, run_us, times, time_us)
    return ("First difference: time %d is %s, not %s\n%s%s"):format(place, runs[place] and at(runs[place]) or "none",
      times[place] or "none", #missing > 0 and "Missing:\n" .. shown(missing, tostring) or "",
      #unexpected > 0 and "Unexpected:\n" .. shown(unexpected, at) or "")
  end

  local function has_time(runs, time)
    local us = sim.to_us("assert.fires", time)
    for _, run in ipairs(runs) do
      if run.scheduled_us == us then
        return true
      end
    end
    return false
  end

  --- assert.fires("backup"): at least once. A number: so often. A time: then, among others. A list of
  -- times: then, and at no others. Behind that the span that counts, from and to.
  local function fires(state, given)
    local job, expected, from, to = take("fires", given, 4, "a job's name, what is expected, from and to")
    local runs, span = runs_between(arguments.text("assert.fires", "a job's name", job), from, to)
    local holds, text, but, stop, differs = #runs > 0, "to fire", "", ". ", ""
    if math.type(expected) then
      expected = arguments.count("assert.fires", expected)
      holds, text, but = #runs == expected, "to fire " .. plural(expected, "time"), ", not " .. plural(#runs, "time")
    elseif type(expected) == "string" then
      holds, text = has_time(runs, expected), "to fire at " .. expected
    elseif type(expected) == "table" then
      holds, text = times_equal(runs, expected), "to fire at these times and no others:\n"
      stop, differs = shown(expected, tostring), not holds and difference(runs, expected) or ""
    elseif expected ~= nil then
      fail("assert.fires wants a number, a time or a list of times, not a %s", type(expected))
    end
    local fired = ("%sIt fired%s:\n%s"):format(stop, span, shown(runs, at))
    return verdict(state, holds, ("Expected %s %s%s%s%s"):format(job, text, but, fired, differs),
      ("Expected %s not %s%s"):format(job, text, fired))
  end

  --- assert.skips("backup", "overlap", 2): so many due times were passed over, for that reason.
  local function skips(state, given)
    local job, reason, expected = take("skips", given, 3, "a job's name, a reason and a number")
    local count, found = 0, sim.skips(arguments.text("assert.skips", "a job's name", job))
    arguments.choice("assert.skips", "a reason", reason, REASONS)
    expected = arguments.count("assert.skips", expected)
    for _, skip in ipairs(found) do
      count = count + ((reason == nil or skip.reason == reason) and skip.count or 0)
    end
    local holds = expected and count == expected or not expected and count > 0
    local function describe(skip)
      return ("%s from %s to %s: %s"):format(plural(skip.count, "time"), skip.first_at, skip.last_at, skip.reason)
    end
    local wanted = ("%s%s"):format(expected and plural(expected, "due time") or "a due time",
      reason and " for " .. reason or "")
    return verdict(state, holds,
      ("Expected %s to skip %s, not %d. It skipped:\n%s"):format(job, wanted, count, shown(found, describe)),
      ("Expected %s not to skip %s. It skipped:\n%s"):format(job, wanted, shown(found, describe)))
  end

  --- assert.succeeds("backup"): all its runs have, and there is one. A number: so many have.
  local function succeeds(state, given)
    local job, expected = take("succeeds", given, 2, "a job's name and a number")
    local runs, good = sim.runs(arguments.text("assert.succeeds", "a job's name", job)), 0
    expected = arguments.count("assert.succeeds", expected)
    for _, run in ipairs(runs) do
      good = good + (run.state == "succeeded" and 1 or 0)
    end
    local holds = expected and good == expected or not expected and good > 0 and good == #runs
    local wanted = expected and plural(expected, "time") or "always"
    return verdict(state, holds,
      ("Expected %s to succeed %s. Its runs:\n%s"):format(job, wanted, shown(runs, ended)),
      ("Expected %s not to succeed %s. Its runs:\n%s"):format(job, wanted, shown(runs, ended)))
  end

  local is_failed = { failed = true, timed_out = true }

  --- assert.fails("backup", "disk full"): its last run has, with that in its error.
  local function fails(state, given)
    local job, wanted = take("fails", given, 2, "a job's name and an error")
    local runs = sim.runs(arguments.text("assert.fails", "a job's name", job))
    local last = runs[#runs]
    arguments.text("assert.fails", "an error", wanted, true)
    local holds = last and is_failed[last.state] and (not wanted or (last.error or ""):find(wanted, 1, true)) and true
    local how = wanted and (' with "%s"'):format(wanted) or ""
    return verdict(state, holds or false,
      ("Expected the last run of %s to fail%s. Its runs:\n%s"):format(job, how, shown(runs, ended)),
      ("Expected the last run of %s not to fail%s. Its runs:\n%s"):format(job, how, shown(runs, ended)))
  end

  --- assert.logs("backup", "12 rows"): a line of its runs' logs holds that.
  local function logs(state, given)
    local job, wanted = take("logs", given, 2, "a job's name and a text")
    arguments.text("assert.logs", "what a line is to hold", wanted)
    local lines, holds = sim.log(arguments.text("assert.logs", "a job's name", job)), false
    for _, line in ipairs(lines) do
      holds = holds or line.text:find(wanted, 1, true) ~= nil
    end
    local function describe(line)
      return ("%s %-5s %s"):format(line.at, line.level, line.text)
    end
    return verdict(state, holds,
      ('Expected a line with "%s" in the log of %s. Its log:\n%s'):format(wanted, job, shown(lines, describe)),
      ('Expected no line with "%s" in the log of %s. Its log:\n%s'):format(wanted, job, shown(lines, describe)))
  end

  -- What never ran overlaps with nothing, which proves nothing.
  local function must_have_run(job)
    for _, stay in ipairs(sim.stays()) do
      if stay.job == job then
        return
      end
    end
    fail("assert.never_overlaps: %s has never run, so this would always hold", job)
  end

  local function span_of(stay)
    return ("%s from %s to %s"):format(stay.job, stay.began, stay.ended or "now")
  end

  -- By the order in which runs began and ended, as runs that take no time have the same instants. They are listed in
  -- that of their beginnings.
  local function find_overlap(all, a, b)
    for i, one in ipairs(all) do
      local wanted = one.job == a and b or one.job == b and a
      local j = i + 1
      while wanted and all[j] and all[j].first < (one.last or math.huge) do
        if all[j].job == wanted then
          return one, all[j]
        end
        j = j + 1
      end
    end
  end

  local function find_overlap_of_any(jobs)
    local stays = sim.stays()
    for i, job in ipairs(jobs) do
      for j = i + 1, #jobs do
        local one, other = find_overlap(stays, job, jobs[j])
        if one then
          return one, other
        end
      end
    end
  end

  --- assert.never_overlaps("backup", "cleanup", ...): no run of one has begun while one of another was
  -- running. With one job: its own runs.
  local function never_overlaps(state, given)
    local jobs = {}
    for i = 1, math.max(given.n, 1) do
      jobs[i] = arguments.job("assert.never_overlaps", given[i])
    end
    for _, job in ipairs(jobs) do
      must_have_run(job)
    end
    if #jobs == 1 then
      jobs[2] = jobs[1]
    end
    local one, other = find_overlap_of_any(jobs)
    local text = one and ("Expected no overlap, but at the same time there were\n  %s\n  %s\n"):format(
      span_of(one), span_of(other))
    return verdict(state, not one, text, ("Expected runs of %s to overlap"):format(table.concat(jobs, " and ")))
  end

  local luassert = package.loaded["luassert"]
  if luassert then
    for name, assertion in pairs {
      fires = fires,
      skips = skips,
      succeeds = succeeds,
      fails = fails,
      logs = logs,
      never_overlaps = never_overlaps,
    } do
      luassert:register("assertion", name, assertion)
    end
  end
  return luassert
end
