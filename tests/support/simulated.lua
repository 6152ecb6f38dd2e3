--- What `moonbeat simulate` says of the jobs folder of a daemon, which need not run.

local simulated = {}

--- Its text.
function simulated.text(d, ...)
  return d:must("simulate", d.jobs_folder, ...)
end

--- The only object that it writes with --json.
function simulated.object(d, ...)
  local objects = d:json("simulate", d.jobs_folder, ...)
  assert(#objects == 1, #objects .. " objects")
  return objects[1]
end

--- One of its jobs; nil: it is not there.
function simulated.job(answer, id)
  for _, job in ipairs(answer.jobs) do
    if job.id == id then
      return job
    end
  end
end

--- The messages of the warnings of that kind.
function simulated.warnings(answer, kind)
  local list = {}
  for _, warning in ipairs(answer.warnings) do
    if warning.kind == kind then
      list[#list + 1] = warning.message
    end
  end
  return list
end

return simulated
