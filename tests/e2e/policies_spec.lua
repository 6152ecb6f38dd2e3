--- Policies of jobs in the real daemon: that each way of writing them down means the same, and that what they hold
-- back runs in the end, also over a kill.

local daemon = require "support.daemon"

local PATIENCE = 20

local d

before_each(function()
  d = daemon.new()
end)

after_each(function()
  d:close()
end)

--- The ended runs of a job, oldest first, when there are `count` of them.
local function ended_runs(job, count)
  return daemon.wait_until(function()
    local runs = {}
    for _, run in ipairs(d:json("runs", job, "-n", "1000")) do
      if run.finished_at then
        table.insert(runs, 1, run)
      end
    end
    return #runs >= count and runs
  end, PATIENCE, ("%s has run %d times"):format(job, count))
end

--- Fails if two of the runs were open at once.
local function expect_apart(runs)
  table.sort(runs, function(a, b)
    return a.started_at < b.started_at
  end)
  for i = 2, #runs do
    assert.is_true(runs[i].started_at >= runs[i - 1].finished_at,
      ("%s began before %s had ended"):format(runs[i].id, runs[i - 1].id))
  end
end

--- As Lua, and word by word for the command line: sets that do not contradict themselves.
local OF_COMMANDS = {
  { "overlap", '"buffer_all"', "buffer_all" },
  { "buffer_limit", "7" },
  { "max_instances", "2" },
  { "misfire_grace_time", '"90s"', "90s" },
  { "replay_rate", '"10/min"', "10/min" },
  { "pool", '"db"', "db" },
  { "priority", "-3" },
  { "concurrency_key", '"shop-{1}"', "shop-{1}" },
  { "concurrency_limit", "3" },
  { "args", '{ "a" }', '["a"]' },
  { "rate", '"100/h"', "100/h" },
  { "soft_timeout", '"1m"', "1m" },
  { "timeout", '"2m"', "2m" },
  { "cancel_grace", "5" },
  { "retry", '{ attempts = 4, backoff = "exponential", delay = "1s", factor = 3, jitter = 0.5, max_delay = "1m", '
    .. 'give_up_on = "404" }',
    '{"attempts":4,"backoff":"exponential","delay":"1s","factor":3,"jitter":0.5,"max_delay":"1m","give_up_on":"404"}' },
  { "max_interruptions", "2" },
  { "expect", '"1d"', "1d" },
  { "max_failures", "9" },
}

local OF_FUNCTIONS = {
  { "coalesce", '"all"', "all" },
  { "replay_limit", "5" },
  { "heartbeat_timeout", '"30s"', "30s" },
  { "delivery", '"at_most_once"', "at_most_once" },
  { "isolate", "true" },
  { "limits", '{ memory = "64M", cpu = "10s", files = 32 }', '{"memory":"64M","cpu":"10s","files":32}' },
}

local OF_RETRIES = {
  { "coalesce", '"earliest"', "earliest" },
  { "retry", '{ attempts = 3, backoff = "linear", delay = "1s", retry_on = { "timeout", "5%d%d" }, '
    .. 'decide = "a.decide" }',
    '{"attempts":3,"backoff":"linear","delay":"1s","retry_on":["timeout","5%d%d"],"decide":"a.decide"}' },
}

local OF_ADDED = {
  { "retry", '{ backoff = "fixed", delay = "1s", jitter = "2s" }', '{"backoff":"fixed","delay":"1s","jitter":"2s"}' },
  { "unique", '{ key = "shop-{job}", period = "1h", on_conflict = "replace" }',
    '{"key":"shop-{job}","period":"1h","on_conflict":"replace"}' },
}

local function expect_same(ids, policies)
  local first = d:job(ids[1])
  for i = 2, #ids do
    local other = d:job(ids[i])
    for _, policy in ipairs(policies) do
      assert.same(first[policy[1]], other[policy[1]], ids[i] .. ": " .. policy[1])
      assert.not_nil(first[policy[1]], policy[1])
    end
  end
end

--- A job of each kind with these policies; `what` is what runs, in a file, and `in_words` in words.
local function declare_and_add(what, in_words, policies, is_added_only)
  local options, words = {}, {}
  for i, policy in ipairs(policies) do
    options[i] = ("  %s = %s,"):format(policy[1], policy[2])
    words[#words + 1] = "-o"
    words[#words + 1] = policy[1] .. "=" .. (policy[3] or policy[2])
  end
  options = table.concat(options, " ")
  d:write("a.lua", ([[
    pool("db", 4)
    function f() end
    function decide() end
    %s job "declared" { %s, trigger = "0 9 1 1 *", %s }
  ]]):format(is_added_only and "--" or "", what, options))
  d:start()
  d:must("add", "job", "by-command", in_words[1], in_words[2], "--trigger", "0 9 1 1 *", table.unpack(words))
  d:must("repl", "-e", ([[assert(scheduler.add_job { id = "at-prompt", %s, trigger = "0 9 1 1 *", %s })]])
    :format(what, options))
  expect_same(is_added_only and { "by-command", "at-prompt" } or { "declared", "by-command", "at-prompt" }, policies)
end

describe("policies mean the same in a job file, add_job, at the prompt and on the command line:", function()
  it("those of commands", function()
    declare_and_add("run = command { 'true' }", { "--command", "true" }, OF_COMMANDS)
  end)

  it("those of functions", function()
    declare_and_add("func = 'a.f'", { "--func", "a.f" }, OF_FUNCTIONS)
  end)

  it("those of retries", function()
    declare_and_add("func = 'a.f'", { "--func", "a.f" }, OF_RETRIES)
  end)

  it("those of jobs that are added only", function()
    declare_and_add("func = 'a.f'", { "--func", "a.f" }, OF_ADDED, true)
  end)
end)

it("a pool that is not there is refused in a job file, and by a change", function()
  d:write("a.lua", [[
    pool("db", 1)
    job "works" { run = function() end }
  ]])
  d:start()
  d:write("b.lua", [[job "lost" { pool = "dbb", run = function() end }]])
  d:cli("reload")
  assert.matches('jobs/b.lua:1: job "lost": there is no pool "dbb", did you mean "db"?', d:must "list", 1, true)
  local refused = d:cli("repl", "-e", [[scheduler.modify_job("works", { pool = "dbb" })]])
  assert.matches('job "works": there is no pool "dbb", did you mean "db"?', refused.err, 1, true)
  assert.is_nil(d:job("works").pool)
end)

it("a pool's jobs run one after the other, those of higher priority first", function()
  d:write("a.lua", [[
    pool("one", 1)
    local function work(run)
      while run.job == "a" and not fs.stat "../all" do sleep "50ms" end
    end
    for _, name in ipairs { "a", "b", "c" } do
      job(name) { pool = "one", run = work, priority = name == "c" and 5 or 0 }
    end
  ]])
  d:start()
  for _, name in ipairs { "a", "b", "c" } do
    d:must("run-now", name)
  end
  d:write("../all", "")
  local runs = {}
  for _, name in ipairs { "a", "b", "c" } do
    runs[#runs + 1] = ended_runs(name, 1)[1]
  end
  expect_apart(runs)
  assert.equal("acb", runs[1].job .. runs[2].job .. runs[3].job)
end)

it("what waits for a slot is there after a kill, and runs when there is one", function()
  d:write("a.lua", [[
    pool("shut", 0)
    job "timed" { pool = "shut", trigger = every "1s", overlap = "buffer_one", run = function() end }
    job "by-hand" { pool = "shut", delivery = "at_most_once", run = function() end }
  ]])
  d:start()
  d:must("run-now", "by-hand")
  daemon.wait_until(function()
    return d:json("pools", "shut")[1].waiting == 2
  end, PATIENCE, "both wait")
  d:kill()
  d:start()
  daemon.wait_until(function()
    return d:json("pools", "shut")[1].waiting == 2
  end, PATIENCE, "both wait again")
  assert.equal(0, #d:json("runs", "timed"))
  d:must("set", "pool", "shut", "2")
  assert.equal("succeeded", ended_runs("by-hand", 1)[1].state)
  assert.equal("succeeded", ended_runs("timed", 1)[1].state)
end)

it("the open run is told to end, and the next one begins", function()
  d:write("a.lua", [[
    job "t" {
      trigger = every "1s",
      overlap = "cancel_other",
      run = function(run)
        local _, why = pcall(sleep, 60)
        log.info("%s", why)
        error(why, 0)
      end,
    }
  ]])
  d:start()
  local runs = ended_runs("t", 2)
  assert.equal("cancelled", runs[1].state)
  assert.matches("as the next one of its job is due", d:must("logs", runs[1].id))
  expect_apart(runs)
end)

it("a pool and a calendar are there for the files before theirs too", function()
  d:write("a.lua", [[
    job "pooled" { pool = "late", run = function() end }
  ]])
  d:write("b.lua", [[
    job "daily" { trigger = cron("0 9 * * *"):except "closed", run = function() end }
  ]])
  d:write("z.lua", [[
    sleep(0.2)
    pool("late", 1)
    calendar "closed" { yearly = "12-24" }
  ]])
  local checked = d:must("check", "jobs")
  for _, script in ipairs { "a", "b", "z" } do
    assert.matches("ok +" .. script, checked)
  end
  assert.matches("2 jobs", d:must("simulate", "jobs", "--for", "1d"))
  d:start()
  daemon.wait_until(function()
    return #d:json "list" == 2
  end, PATIENCE, "both jobs are there")
  assert.equal("active", d:job("pooled").state)
end)

it("contradictions are refused in one sentence", function()
  d:start()
  for _, case in ipairs {
    { 'retry = 3, delivery = "at_most_once"', "retry on an at_most_once job: a retry would run it twice" },
    { 'overlap = "buffer_all"', 'overlap "buffer_all" needs a bound: give buffer_limit = 100, say' },
    { "buffer_limit = 3", 'buffer_limit is for overlap = "buffer_all"' },
    { 'overlap = "buffer_all", buffer_limit = 2, coalesce = "latest"', "it contradicts coalesce" },
    { 'replay_rate = "1/s"', 'replay_limit and replay_rate are for coalesce = "all"' },
    { "concurrency_limit = 2", "concurrency_limit needs a concurrency_key" },
    { 'concurrency_key = "{2}"', 'concurrency_key: key "{2}": there is no argument {2}' },
    { 'pool = "nowhere"', 'there is no pool "nowhere"' },
    { 'rate = "fast"', 'rate: "fast" is not a count and a time: write "10/s", "100/min", "5/30s"' },
    { 'rate = "0/s"', "the count must be between 1 and 10000" },
    { 'soft_timeout = "2m", timeout = "1m"', "soft_timeout is not shorter than timeout" },
    { 'heartbeat_timeout = "2m", timeout = "1m"', "heartbeat_timeout is not shorter than timeout" },
    { "priority = 101", "priority 101 is not between -100 and 100" },
    { 'retry = { delay = "2h", max_delay = "1h" }', "retry.delay is longer than retry.max_delay" },
    { 'retry = { factor = 2, backoff = "fixed" }', 'retry.factor is for backoff "exponential", not "fixed"' },
    { "retry = { jitter = 2 }", "retry.jitter 2 is not between 0 and 1" },
    { 'retry = { atempts = 2 }', 'unknown option "retry.atempts", did you mean "attempts"?' },
    { "isolate = true", "isolate is for functions: a command is a process of its own" },
    { 'limits = { memory = "1G" }', "limits are for jobs with isolate = true" },
    { 'unique = true, replace_existing = true', "both unique and replace_existing" },
    { 'overlap = "buffer-one"', 'did you mean "buffer_one"?' },
  } do
    local line = ('print(select(2, scheduler.add_job { id = "x", run = command "true", trigger = "@daily", %s }))\n')
      :format(case[1])
    local result = d:cli_with(line, "repl")
    assert.matches(case[2], result.out .. result.err, 1, true)
  end
  assert.equal(0, #d:json "list")
end)
