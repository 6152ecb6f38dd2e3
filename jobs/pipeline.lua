--- An asynchronous pipeline: each stage is work that goes on elsewhere and is polled until its result
-- is verified; only then comes the next. Where it stands is in kv, so that a restart goes on there.
-- When the last stage is verified, the polling job removes itself.
--
-- This one publishes an archive of the jobs folder to ../data/publish; stages are shell lines that
-- begin in the jobs folder. The sleeps stand for slow machines.

local stages = {
  {
    name = "pack",
    start = "sleep 4; tar -czf ../data/publish/new.tar.gz .",
    verify = "gzip -t ../data/publish/new.tar.gz",
  },
  {
    name = "sum",
    start = "sleep 4; cd ../data/publish && sha256sum new.tar.gz > new.sum",
    verify = "cd ../data/publish && sha256sum --quiet -c new.sum",
  },
  {
    name = "release",
    start = "sleep 4; cp ../data/publish/new.tar.gz ../data/publish/jobs.tar.gz",
    verify = "cmp ../data/publish/new.tar.gz ../data/publish/jobs.tar.gz",
  },
}

local function start(stage)
  -- In a session of its own, so that it outlives this run and the scheduler.
  assert(exec { "setsid", "--fork", "sh", "-c", ("(%s) >/dev/null 2>&1 </dev/null"):format(stage.start), check = true })
end

--- One look: starts the stage, finds it unfinished, or verifies it and moves on.
function poll(run)
  local at = kv.get("at", { stage = 1 })
  local stage = stages[at.stage]
  if not at.started then
    start(stage)
    kv.set("at", { stage = at.stage, started = true })
    log.info("%s: started", stage.name)
  elseif not exec(stage.verify).ok then
    log.info("%s: not verified yet", stage.name)
  elseif stages[at.stage + 1] then
    kv.set("at", { stage = at.stage + 1 })
    log.info("%s: verified", stage.name)
  else
    kv.set("at", nil)
    log.info("%s: verified, the pipeline is done", stage.name)
    assert(scheduler.remove_job(run.job))
  end
end

function begin()
  if scheduler.get_job "publish" then
    log.info "the pipeline is still under way"
    return
  end
  assert(exec "mkdir -p ../data/publish && rm -f ../data/publish/new.*")
  kv.set("at", nil)
  assert(scheduler.add_job { id = "publish", func = poll, trigger = every "3s", timeout = "1m" })
end

job "publish_nightly" { trigger = cron "0 4 * * *", func = begin }

--- And once, soon after this file is first seen.
job "publish_first" { trigger = after "5s", func = begin }
