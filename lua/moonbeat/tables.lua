--- Lists that show themselves as aligned columns: jobs, runs, scripts, the lines of a log. They are
-- plain lists with a metatable.

local tables = {}

local function width(text)
  return utf8.len(text) or #text
end

--- Text of others, which must not act on a terminal: control characters as the command line shows them.
local function visible(text)
  return (text:gsub("[%c\x7f]", function(c) return ("\\x%02x"):format(c:byte()) end)
    :gsub("\xc2([\x80-\x9f])", function(c) return ("\\u%04x"):format(c:byte()) end))
end

--- Lines of columns, each as wide as its widest cell; the last is not padded.
function tables.align(titles, rows)
  local widths = {}
  table.insert(rows, 1, titles)
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      cell = visible(cell)
      row[i] = cell
      widths[i] = math.max(widths[i] or 0, width(cell))
    end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = i == #row and cell or cell .. (" "):rep(widths[i] - width(cell))
    end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n")
end

local function clock(time)
  return time and time:format("%Y-%m-%d %H:%M:%S") or "-"
end

local function first_line(text)
  return type(text) == "string" and text:match("[^\n]*") or ""
end

--- A metatable for lists whose elements become rows.
local function list_of(name, titles, to_row)
  return {
    __name = name,
    __tostring = function(list)
      if #list == 0 then
        return "no " .. name
      end
      local rows = {}
      for i, element in ipairs(list) do
        rows[i] = to_row(element)
      end
      return tables.align(titles, rows)
    end,
  }
end

--- The text of a job's trigger, without the moment from which an interval counts.
function tables.trigger_of(job)
  return job.trigger_text and job.trigger_text:gsub(" anchor=[^%s)]+", "") or "no trigger"
end

--- How far a run is: "37 % (370/1000), rows"; nothing when it has not said.
local function progress_of(shown)
  local progress = shown.progress
  if type(progress) ~= "table" then
    return nil
  end
  local text = ("%.10g"):format(progress.done)
  if progress.total then
    text = ("%.0f %% (%s/%.10g)"):format(progress.done / progress.total * 100, text, progress.total)
  end
  return type(progress.note) == "string" and text .. ", " .. progress.note or text
end

--- "active, late, failed 3 times"
local function state_of(job)
  local failures = job.failures or 0
  return (job.state or "") .. (job.late and ", late" or "")
    .. (failures == 1 and ", failed" or failures > 1 and (", failed %d times"):format(failures) or "")
end

tables.Jobs = list_of("jobs", { "JOB", "STATE", "NEXT RUN", "TRIGGER", "" }, function(job)
  return { job.id, state_of(job), clock(job.next_run_at), tables.trigger_of(job),
    job.error and first_line(job.error) or progress_of(job) or "" }
end)

local function took(run)
  if not run.started_at or not run.finished_at then
    return "-"
  end
  return ("%.3fs"):format(run.finished_at - run.started_at)
end

tables.Runs = list_of("runs", { "RUN", "STATE", "STARTED", "TOOK", "ATTEMPT", "" }, function(run)
  return { run.id, run.cancelling and "cancelling" or run.state, clock(run.started_at), took(run),
    tostring(run.attempt or "-"), run.error and first_line(run.error) or progress_of(run) or "" }
end)

tables.Scripts = list_of("scripts", { "SCRIPT", "ORIGIN", "JOBS", "" }, function(script)
  local jobs = type(script.jobs) == "table" and #script.jobs or script.jobs
  return { script.name, script.origin or "", tostring(jobs or "-"), first_line(script.error) }
end)

tables.Log = list_of("lines", { "AT", "LEVEL", "TEXT" }, function(line)
  return { clock(line.at), line.level or "", line.text }
end)

tables.Skips = list_of("skips", { "FIRST", "LAST", "COUNT", "REASON" }, function(skip)
  return { clock(skip.first_at), clock(skip.last_at), tostring(skip.count), skip.reason }
end)

tables.Listeners = list_of("listeners",
  { "LISTENER", "EVENTS", "DURABLE", "DELIVERED", "WAITING", "FAILED", "DROPPED", "DEAD", "" },
  function(listener)
    return {
      listener.listener, table.concat(listener.events, ", "), listener.durable and "yes" or "no",
      tostring(listener.delivered), tostring(listener.waiting), tostring(listener.failed),
      tostring(listener.dropped), tostring(listener.dead), first_line(listener.error),
    }
  end)

--- "paused       it is paused by hand, until it is resumed (since 2026-11-21 09:00:00)"
local function reason_line(reason)
  local times = {}
  local clears = reason.kind == "due" and "" or reason.held_by and "at the latest " or "clears "
  for field, word in pairs { at = "", since = "since ", clears_at = clears } do
    if reason[field] then
      times[#times + 1] = word .. clock(reason[field])
    end
  end
  table.sort(times)
  local text = reason.text .. (times[1] and " (" .. table.concat(times, "; ") .. ")" or "")
  if reason.held_by and reason.held_by[1] then
    text = text .. ", held by " .. table.concat(reason.held_by, " ")
  end
  return ("%-12s %s"):format(reason.kind, visible(text))
end

tables.Reasons = {
  __name = "reasons",
  __tostring = function(reasons)
    local lines = {}
    for _, list in ipairs { reasons, reasons.notes } do
      for _, reason in ipairs(list) do
        lines[#lines + 1] = reason_line(reason)
      end
    end
    return table.concat(lines, "\n")
  end,
}

return tables
