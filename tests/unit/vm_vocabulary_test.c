/* The words of a job file and the scheduler table, with the real C below and a fake scheduler. */
#include "support/unit.h"

#include "support/lua_half.h"

static const char words[] =
    "for name, f in pairs(raw.module 'trigger') do _G[name] = f end\n"
    "v, kept = raw.module 'vocabulary', raw.module 'declared'\n"
    "job, on, command, pool = v.job, v.on, v.command, v.pool\n"
    "scheduler, kv = raw.module 'scheduler', raw.module 'kv'\n"
    "json, time = raw.module 'json', raw.module 'time'\n"
    "function last() return requests[#requests].op, requests[#requests].params end\n"
    "function refuses(what, f, ...)\n"
    "  local ok, message = pcall(f, ...)\n"
    "  assert(not ok, 'no error')\n"
    "  assert(message:find(what, 1, true), message)\n"
    "end\n"
    "function new_run(run, job)\n"
    "  run.job = job\n"
    "  return setmetatable(run, kept.Run)\n"
    "end\n"
    "kept.remember_globals()\n";

static int open_script(void **state)
{
  setenv("TZ", "UTC", 1);
  *state = lua_half_open("orders");
  lua_half_run(*state, words);
  return 0;
}

static int open_console(void **state)
{
  *state = lua_half_open("console");
  lua_half_run(*state, words);
  return 0;
}

static int close_state(void **state)
{
  lua_close(*state);
  return 0;
}

static void gathers_declarations(void **state)
{
  lua_half_run(
      *state,
      "function cancel() return 'cancelled' end\n"
      "job 'count' { trigger = cron('0 0 * * *', { timezone = 'Asia/Shanghai' }),\n"
      "  run = function(run) return run.scheduled_at:date('-1d') end }\n"
      "job { func = 'cancel', trigger = '@daily' }\n"
      "job 'by value' { func = cancel, trigger = every '1h' }\n"
      "job 'backup' { run = command { 'pg_dump', 'shop', timeout = '5m' }, overlap = 'skip' }\n"
      "on('job_e*', print)\n"
      "local d = json.decode(json.encode(v.declarations()))\n"
      "assert(#d.jobs == 4 and d.jobs[1].where == 'jobs/test.lua:2' and d.jobs[1].run == true)\n"
      "assert(d.jobs[2].id == 'orders.cancel' and d.jobs[2].func == 'cancel')\n"
      "assert(d.jobs[3].run == true and kept.find_function('by value')() == 'cancelled')\n"
      "assert(d.jobs[4].run.argv[2] == 'shop' and d.jobs[4].run.timeout == '5m')\n"
      "assert(#d.listeners == 1 and d.listeners[1].name == 'job_e*' and d.listeners[1].id == 1)\n"
      "assert(table.concat(d.functions, ' ') == 'cancel')\n"
      "local run = new_run({ scheduled_us = 1795000000123456, number = 2 }, "
      "'count')\n"
      "assert(run.id == 'count@2026-11-18T11:06:40.123456Z' and run.attempt == 2, run.id)\n"
      "assert(kept.find_function('count')(run) == '2026-11-17')\n"
      "assert(kept.find_function('x', 'cancel')() == 'cancelled')\n"
      "refuses('script \"orders\" has no function \"cancle\", did you mean \"cancel\"?',\n"
      "  kept.find_function, 'x', 'cancle')\n"
      "refuses('inside a run use scheduler.add_job', function() job 'late' { run = print } end)\n"
      "refuses('inside a run that is not isolated use scheduler.add_listener', on, 'job_error', "
      "print)\n");
}

static void refuses_at_the_line(void **state)
{
  static const struct {
    const char *lua, *error;
  } cases[] = {
      {"job 'x' { retrys = 3, run = print }",
       "jobs/test.lua:1: job \"x\": unknown option \"retrys\", did you mean \"retry\"?"},
      {"job 'x' { run = print, args = { { when = print } } }",
       "jobs/test.lua:1: job \"x\": args[1].when: a function cannot be stored"},
      {"job 'x' { run = print }\njob 'x' { run = print }",
       "jobs/test.lua:2: job \"x\" is declared twice, here and at jobs/test.lua:1"},
      {"job { run = print }", "jobs/test.lua:1: a job needs an id: job \"name\" { ... }"},
      {"job 'x' { trigger = '@daily' }", "jobs/test.lua:1: job \"x\": has nothing to run"},
      {"job 'x' { trigger = 5, run = print }", "jobs/test.lua:1: job \"x\": trigger must be"},
      {"job 'x' { id = 'y', run = print }",
       "jobs/test.lua:1: job \"x\" has another id in its table: \"y\""},
      {"job 'x' { every '1h', run = print }",
       "jobs/test.lua:1: job \"x\": an option has no name; write trigger "
       "= every \"1h\", run = function(run) ... end"},
      {"job 'x' 'y'", "jobs/test.lua:1: job \"x\" wants a table of options, not a string"},
      {"job(5)", "jobs/test.lua:1: job wants an id or a table"},
      {"job 'x' { func = print, run = print }", "jobs/test.lua:1: job \"x\" has both run and func"},
      {"job 'x'\nv.declarations()", "jobs/test.lua:1: job \"x\" has no table of options behind it"},
      {"job 'x' { func = 'nothing' }\nv.declarations()",
       "jobs/test.lua:1: job \"x\": script \"orders\" has no function \"nothing\""},
      {"job 'x' { func = 'other.f' }\nv.declarations()",
       "jobs/test.lua:1: job \"x\": script \"orders\" has no function \"other.f\": what a script "
       "declares runs functions of its own; one of another script is called with "
       "scheduler.add_job { func = \"other.f\" }"},
      {"job('x', { run = print })",
       "jobs/test.lua:1: job takes an id alone, or one table: write job \"x\" { ... }"},
      {"pool('p', -1)", "jobs/test.lua:1: pool \"p\": -1 slots are not between 0 and 1000000"},
      {"pool('p', 1000001)", "jobs/test.lua:1: pool \"p\": 1000001 slots are not"},
      {"pool('p', 5 / 2)",
       "jobs/test.lua:1: pool \"p\": slots must be a whole number, not a decimal number"},
      {"pool('p', 6 / 2)\npool('p', 3)", "jobs/test.lua:2: pool \"p\" is declared twice"},
      {"pool('p\\0', 1)", "jobs/test.lua:1: the name of a pool holds a control character"},
      {"command { 'ls', cwdd = '/' }",
       "jobs/test.lua:1: command: unknown option \"cwdd\", did you mean \"cwd\"?"},
      {"command {}", "jobs/test.lua:1: command: the name of a program is missing"},
      {"command { 'a', nil, 'b' }",
       "jobs/test.lua:1: command: argument 2 is nil, and another follows"},
      {"command { 5, {} }", "jobs/test.lua:1: command: argument 2 must be a string, not a table"},
      {"\njob 'x' { run = command { 'ls', cwd = 5 } }",
       "jobs/test.lua:2: job \"x\": command.cwd must be a string, not an integer"},
      {"job 'x' { run = command '' }",
       "jobs/test.lua:1: job \"x\": the shell line of a command is empty"},
      {"on('job_eror', print)",
       "jobs/test.lua:1: unknown event \"job_eror\", did you mean \"job_error\"?"},
      {"on('job_error')", "jobs/test.lua:1: on wants an event's name and a function, not a nil"},
      {"scheduler.add_jbo {}",
       "jobs/test.lua:1: no function \"add_jbo\" in scheduler, did you mean \"add_job\"?"},
      {"scheduler.add_job { func = function() end }",
       "jobs/test.lua:1: a function given at run time must be a global function of the script"},
      {"scheduler.get_jobs { stat = 1 }",
       "jobs/test.lua:1: scheduler.get_jobs: unknown option \"stat\", did you mean \"state\"?"},
      {"scheduler.pause_job(5)",
       "jobs/test.lua:1: scheduler.pause_job wants a job or its id, not a number"},
      {"scheduler.emit(5)",
       "jobs/test.lua:1: scheduler.emit wants the name of an event, not a number"},
      {"scheduler.emit('order', { 1, 2 })",
       "jobs/test.lua:1: scheduler.emit: what the event tells must be a table with names, "
       "{ id = 42 }, not a list"},
      {"scheduler.emit('order', 'x')", "jobs/test.lua:1: scheduler.emit: what the event tells must "
                                       "be a table with names, { id = 42 }, not a string"},
      {"kv.set('k', print)", "jobs/test.lua:1: kv: value: a function cannot be stored"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    close_state(state);
    open_script(state);
    const char *error = lua_half_text(*state, cases[i].lua);
    if (!error || strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
      fail_msg("%s: %s", cases[i].lua, error ? error : "no error");
  }
}

static void emits(void **state)
{
  lua_half_run(*state, "answers.emit = { event = 'order', jobs = 2 }\n"
                       "assert(scheduler.emit('order', { id = 42 }) == 2)\n"
                       "local op, params = last()\n"
                       "assert(op == 'emit' and params == '{\"data\":{\"id\":42},'\n"
                       "  .. '\"event\":\"order\"}', params)\n"
                       "scheduler.emit('order', {})\n"
                       "assert(select(2, last()) == '{\"event\":\"order\"}')\n"
                       "answers.emit = function() return nil, 'too large', 'limit' end\n"
                       "local n, message, code = scheduler.emit 'order'\n"
                       "assert(n == nil and message == 'too large' and code == 'limit')\n"
                       "answers.emit = function() return nil, 'is its own', 'usage' end\n"
                       "refuses('is its own', scheduler.emit, 'job_x')\n");
}

static void shows_events_to_runs(void **state)
{
  lua_half_run(*state,
               "local run = new_run({ scheduled_us = 0, number = 1, events_json =\n"
               "  '[{\"event\":\"order\",\"at\":\"2026-01-01T00:00:00.000000Z\",\"id\":1,'\n"
               "  .. '\"note\":null},{\"path\":\"/in/a\",'\n"
               "  .. '\"modified_at\":\"2026-01-02T00:00:00.000000Z\"}]' }, 'a')\n"
               "assert(#run.events == 2 and run.events[1].at == time.parse '2026-01-01')\n"
               "assert(run.events[1].note == nil and run.events[1].id == 1)\n"
               "assert(run.event.path == '/in/a')\n"
               "assert(run.event.modified_at == time.parse '2026-01-02')\n"
               "run = new_run({ scheduled_us = 0, number = 1 }, 'a')\n"
               "assert(#run.events == 0 and run.event == nil)\n");
}

static void asks_the_scheduler(void **state)
{
  lua_half_run(
      *state,
      "local view = { id = 'a', state = 'active', trigger = { kind = 'interval', every = '5s' },\n"
      "  trigger_text = 'every 5s', next_run_at = '2026-01-01T00:00:00.000000Z' }\n"
      "answers.add_job, answers.show = view, view\n"
      "answers.pause_job = { id = 'a', state = 'paused' }\n"
      "function cancel() end\n"
      "local a = scheduler.add_job { id = 'a', func = cancel, args = { 42 }, trigger = after '15m' "
      "}\n"
      "local _, params = last()\n"
      "assert(params == '{\"args\":[42],\"func\":\"orders.cancel\",\"id\":\"a\",'\n"
      "  .. '\"trigger\":{\"in\":\"15m\",\"kind\":\"date\"}}', params)\n"
      "assert(a.id == 'a' and a.next_run_at == time.parse '2026-01-01' and tostring(a.trigger) == "
      "'every 5s')\n"
      "assert(tostring(a):find '^job a: every 5s, next run 2026', tostring(a))\n"
      "scheduler.add_job { func = 'cancel' }\n"
      "assert(select(2, last()) == '{\"func\":\"orders.cancel\"}')\n"
      "assert(a:pause() == a and a.state == 'paused' and a.next_run_at == nil)\n"
      "assert(a:refresh().next_run_at == time.parse '2026-01-01')\n"
      "local none, message, code = a:remove()\n"
      "assert(none == nil and code == 'not_found' and message)\n"
      "answers.run_now = { run = 'a@2026' }\n"
      "assert(a:run_now(1, 'x') == 'a@2026' and select(2, last()) == "
      "'{\"args\":[1,\"x\"],\"job\":\"a\"}')\n"
      "answers.list = function(p)\n"
      "  return { jobs = { { id = 'j' .. (p.after or 0) } }, next = not p.after and '1' or nil } "
      "end\n"
      "assert(#scheduler.get_jobs() == 2)\n"
      "answers.next = { fires = { '2026-01-01T00:00:00.000000Z' }, timezone = 'Europe/Berlin' }\n"
      "assert(scheduler.next('a')[1].hour == 1)\n"
      "answers.pause_job = function() return nil, 'wrong', 'invalid' end\n"
      "refuses('jobs/test.lua:26: wrong', function() local x = a:pause() return x end)\n");
}

/* A page of the scheduler's may be smaller than what is asked for, and says where the next begins.
 */
static void asks_page_by_page(void **state)
{
  lua_half_run(
      *state,
      "local function page(p, most, member)\n"
      "  local list, from = {}, tonumber(p.after or p.before or 0)\n"
      "  for i = 1, math.min(p.limit, most) do list[i] = { id = 'x@' .. from + i } end\n"
      "  return { [member] = list, next = tostring(from + #list) }\n"
      "end\n"
      "answers.list = function(p) return page(p, 1000, 'jobs') end\n"
      "local jobs = scheduler.get_jobs { limit = 1500 }\n"
      "assert(#jobs == 1500 and jobs[1500].id == 'x@1500', #jobs)\n"
      "answers.runs = function(p) return page(p, 1000, 'runs') end\n"
      "local runs = scheduler.runs { limit = 2500 }\n"
      "assert(#runs == 2500 and runs[2500].id == 'x@2500', #runs)\n"
      "assert(#scheduler.runs() == 20 and #scheduler.runs { before = '7', limit = 1 } == 1)\n"
      "assert(select(2, last()) == '{\"before\":\"7\",\"limit\":1}', select(2, last()))\n");
}

/* A job's id stands for its latest run, which may be another when more is asked for. */
static void reads_the_log_of_one_run(void **state)
{
  lua_half_run(
      *state, "local logs = { ['a@1'] = { 'one', 'two' }, ['a@2'] = { 'x', 'y', 'z' } }\n"
              "local latest = 'a@1'\n"
              "answers.logs = function(p)\n"
              "  local run = logs[p.run] and p.run or latest\n"
              "  local lines, after = {}, p.after or 0\n"
              "  for i = after + 1, #logs[run] do lines[#lines + 1] = { text = logs[run][i] } end\n"
              "  latest = 'a@2'\n"
              "  return { run = run, lines = lines, next = after + #lines }\n"
              "end\n"
              "local texts = {}\n"
              "for i, line in ipairs(scheduler.logs 'a') do texts[i] = line.text end\n"
              "assert(table.concat(texts, ' ') == 'one two', table.concat(texts, ' '))\n");
}

static void adds_many_jobs_in_chunks(void **state)
{
  lua_half_run(
      *state,
      "answers.add_jobs = function(p) return { added = #p.jobs - 1, existing = 1 } end\n"
      "local specs = {}\n"
      "for i = 1, 4500 do specs[i] = { id = 'j' .. i, func = 'orders.f', args = { i } } end\n"
      "local added, existing = scheduler.add_jobs(specs)\n"
      "assert(added == 4497 and existing == 3 and #requests == 3)\n"
      "local asked = 0\n"
      "answers.add_jobs = function(p)\n"
      "  asked = asked + 1\n"
      "  if asked == 2 then return nil, 'job \"j\" is there', 'exists' end\n"
      "  return { added = #p.jobs, existing = 0 }\n"
      "end\n"
      "local n, message, code = scheduler.add_jobs(specs)\n"
      "assert(n == nil and code == 'exists')\n"
      "assert(message == 'job \"j\" is there (2000 jobs were added before)', message)\n");
}

static void adds_no_more_at_once_than_a_request_may_hold(void **state)
{
  lua_half_run(
      *state,
      "local seen = 0\n"
      "answers.add_jobs = function(p)\n"
      "  for _, spec in ipairs(p.jobs) do seen = seen + 1 assert(spec.id == 'j' .. seen) end\n"
      "  return { added = #p.jobs, existing = 0 }\n"
      "end\n"
      "local specs = {}\n"
      "for i = 1, 3000 do specs[i] = { id = 'j' .. i, func = 'orders.f', args = { ('x'):rep(3000) "
      "} } "
      "end\n"
      "assert(scheduler.add_jobs(specs) == 3000 and seen == 3000)\n"
      "assert(#requests == 5, #requests)\n"
      "for _, request in ipairs(requests) do assert(#request.params <= 2 << 20) end\n"
      "seen, specs[2999].args[1] = 0, print\n"
      "refuses('jobs[2999].args[1]: a function cannot be stored', scheduler.add_jobs, specs)\n");
}

static void keeps_values(void **state)
{
  lua_half_run(
      *state,
      "local stored = {}\n"
      "answers.kv_get = function(p) return { value = stored[p.key] } end\n"
      "answers.kv_set = function(p)\n"
      "  local kept = stored[p.key]\n"
      "  if kept == nil then kept = json.null end\n"
      "  if p.expected ~= nil and json.encode(kept) ~= json.encode(p.expected) then\n"
      "    return nil, 'another value', 'conflict'\n"
      "  end\n"
      "  stored[p.key] = p.value\n"
      "  if p.value == json.null then stored[p.key] = nil end\n"
      "  return {}\n"
      "end\n"
      "answers.kv_incr = function(p)\n"
      "  if p.key == 't' then return nil, '\"t\" holds an object, not a number', 'invalid' end\n"
      "  stored[p.key] = (stored[p.key] or 0) + (p.by or 1)\n"
      "  return { value = stored[p.key] }\n"
      "end\n"
      "answers.kv_keys = function(p)\n"
      "  if p.after then return { keys = { 'c' } } end\n"
      "  return { keys = { 'a', 'b' }, next = 'b' }\n"
      "end\n"
      "assert(kv.get('n') == nil and kv.get('n', 7) == 7)\n"
      "assert(kv.incr('n') == 1 and kv.incr('n', 2.5) == 3.5 and kv.get('n') == 3.5)\n"
      "kv.set('f', false)\n"
      "assert(kv.get('f', true) == false)\n"
      "kv.update('t', function(old) old = old or {} old.n = json.null old.a = 1 return old end)\n"
      "assert(kv.get('t').a == 1 and kv.get('t').n == nil)\n"
      "local function add() return kv.update('sum', function(v) return (v or 0) + 1 end) end\n"
      "local get = answers.kv_get\n"
      "answers.kv_get = function(p) local v = get(p) coroutine.yield() return v end\n"
      "local a, b = coroutine.wrap(add), coroutine.wrap(add)\n"
      "a() b() assert(a() == 1) b() assert(b() == 2 and stored.sum == 2)\n"
      "answers.kv_get = get\n"
      "kv.delete('n')\n"
      "assert(stored.n == nil)\n"
      "refuses('kv.incr: \"t\" holds an object', kv.incr, 't')\n"
      "assert(table.concat(kv.keys(), ' ') == 'a b c')\n"
      "refuses('kv.keys: the prefix must be a string, got number', kv.keys, 5)\n"
      "assert(kv.cas('new', nil, 1) and not kv.cas('new', nil, 2) and kv.cas('new', 1, 2))\n"
      "kv.shared.set('x', 1, { ttl = '1h' })\n"
      "local op, params = last()\n"
      "assert(op == 'kv_set' and params == "
      "'{\"key\":\"x\",\"shared\":true,\"ttl\":\"1h\",\"value\":1}', params)\n"
      "refuses('unknown option', kv.set, 'x', 1, { tll = 5 })\n"
      "local tries = 0\n"
      "answers.kv_set = function() return nil, 'another value', 'conflict' end\n"
      "refuses('changed by others 100 times', kv.update, 'n', function() tries = tries + 1 end)\n"
      "assert(tries == 100)\n"
      "refuses('a key must be a string', kv.get, 5)\n");
}

static void tells_listeners(void **state)
{
  lua_half_run(
      *state,
      "local heard, tell = {}, raw.module 'listeners'.tell\n"
      "on('job_error', function(e) heard[#heard + 1] = e e.job = 'changed' error 'oops' end)\n"
      "on({ 'job_error', 'script_*' }, function(e) heard[#heard + 1] = e end)\n"
      "local json = "
      "'{\"event\":\"job_error\",\"job\":\"x\",\"run\":null,\"at\":\"2026-01-01T00:00:00Z\"}'\n"
      "local ok, message = pcall(tell, 1, json, '1-7', 2)\n"
      "assert(not ok and message == 'jobs/test.lua:2: oops', message)\n"
      "tell(2, json, '1-7', 1)\n"
      "assert(#heard == 2 and heard[2].job == 'x' and heard[2].run == nil)\n"
      "assert(heard[1].id == '1-7' and heard[1].delivery == 2 and heard[2].delivery == 1)\n"
      "assert(heard[2].at == time.parse '2026-01-01')\n"
      "tell(2, '{\"event\":\"order\",\"id\":5}', '1-8', 1)\n"
      "assert(heard[3].id == 5 and heard[3].delivery == 1)\n"
      "tell(3, '{}', '1-8', 1)\n"
      "assert(#heard == 3)\n");
}

static void declares_listeners(void **state)
{
  lua_half_run(
      *state,
      "on('job_*', { job = 'a*', state = { 'failed', 'timed_out' } }, print, { durable = true })\n"
      "on { event = 'order', name = 'mail', durable = true, attempts = 3, timeout = '5s', run = "
      "print }\n"
      "on('job_*', print)\n"
      "local d = json.decode(json.encode(v.declarations())).listeners\n"
      "assert(#d == 3 and d[1].name == 'job_*' and d[3].name == 'job_* (2)' and d[2].name == "
      "'mail')\n"
      "assert(d[1].filter.state[2] == 'timed_out' and d[1].durable and d[1].events[1] == 'job_*')\n"
      "assert(d[2].attempts == 3 and d[2].timeout == '5s' and d[3].durable == nil)\n"
      "answers.listen, answers.unlisten = { x = 1 }, { x = 1 }\n"
      "assert(scheduler.add_listener(tostring, 'order', { id = 5 }, { name = 'x' }) == true)\n"
      "assert(requests[1].params:find('\"filter\":{\"id\":5}', 1, true), requests[1].params)\n"
      "assert(scheduler.remove_listener(tostring) == true and requests[2].params == '{\"id\":4}')\n"
      "assert(select(2, scheduler.remove_listener(tostring)) == 'the function is no listener "
      "here')\n");
}

static void refuses_odd_listeners(void **state)
{
  lua_half_run(
      *state,
      "refuses('on wants an event\\'s name and a function, not a nil', on, 'job_error')\n"
      "refuses('unknown event \"job_eror\", did you mean \"job_error\"?', on, 'job_eror', print)\n"
      "refuses('unknown event \"job_x*\"', on, 'job_x*', print)\n"
      "refuses('unknown member \"jobb\" in the filter, did you mean \"job\"?', on, 'job_error', "
      "{ jobb = 'x' }, print)\n"
      "refuses('unknown member \"version\"', on, { 'job_error', 'job_l*' }, { version = 1 }, "
      "print)\n"
      "on({ 'job_error', 'script_*' }, { version = 1, job = 'x', at = '*' }, print)\n"
      "on({ 'job_error', 'order' }, { version = 1 }, print)\n"
      "on('*', { jobb = 1 }, print)\n"
      "refuses('the filter must be a table', on, 'job_error', 5, print)\n"
      "refuses('the options must be a table', on, 'job_error', print, true)\n"
      "refuses('unknown option \"durabel\", did you mean \"durable\"?', on, 'x', print, { durabel "
      "= true })\n"
      "refuses('filter: \"job\" must be a text', on, 'x', { job = { a = 1 } }, print)\n"
      "refuses('a function cannot be stored', on, 'x', { job = print }, print)\n"
      "refuses('filter is given twice', on, 'x', { a = 1 }, print, { filter = { b = 2 } })\n"
      "refuses('attempts are those of a durable listener', on, 'x', print, { attempts = 3 })\n"
      "refuses('timeout', on, 'x', print, { timeout = 'soon' })\n"
      "refuses('durable must be true or false', on, 'x', print, { durable = 'yes' })\n"
      "refuses('on wants a function', on, { event = 'x' })\n"
      "on('x', print, { name = 'a' })\n"
      "refuses('listener \"a\" is declared twice', on, 'y', print, { name = 'a' })\n");
}

static void evaluates_and_keeps_functions(void **state)
{
  lua_half_run(
      *state,
      "local console = raw.module 'console'\n"
      "every, scheduler = raw.module('trigger').every, scheduler\n"
      "local function shown(text) return console.evaluate(text).results end\n"
      "assert(shown '1 + 1' == '2' and _ == 2 and shown 'x = 5' == '' and shown 'x, \"a\"' == '5, "
      "\"a\"')\n"
      "assert(console.evaluate('for i = 1, 3 do').incomplete)\n"
      "refuses('syntax error', console.evaluate, 'x x')\n"
      "answers.scripts = { scripts = { { name = 'console_3' }, { name = 'orders' } } }\n"
      "local source\n"
      "answers.add_script = function(p) source = p.source return { name = p.name } end\n"
      "answers.add_job = function(p) return { id = p.id, state = 'active' } end\n"
      "shown 'every(\"5s\", function() print(\"hi\") end)'\n"
      "assert(source == '-- typed at the console\\nrun = function() print(\"hi\") end\\n', "
      "source)\n"
      "local op, params = last()\n"
      "assert(op == 'add_job' and params:find('\"func\":\"console_4.run\",\"id\":\"console_4\"', "
      "1, true))\n"
      "shown 'function t(run, a) return a end'\n"
      "shown 'scheduler.add_job { id = \"t\", func = t, trigger = every \"1h\" }'\n"
      "assert(source:find('run = function(run, a) return a end', 1, true))\n"
      "shown 'a, b = function() return 1 end, function() return 2 end'\n"
      "shown 'scheduler.add_job { func = b }'\n"
      "assert(source:find('return 2', 1, true), source)\n"
      "refuses('the function uses the local variable \"y\": make it a global, or pass it in "
      "args',\n"
      "  console.evaluate, 'local y = 1 every(\"5s\", function() return y end)')\n"
      "answers.add_job = function() return nil, 'taken', 'exists' end\n"
      "assert(shown 'scheduler.add_job { id = \"t\", func = t }' == 'nil, \"taken\", \"exists\"')\n"
      "assert(last() == 'remove_script')\n"
      "answers.show = { id = 'old', state = 'active' }\n"
      "job = raw.module('vocabulary').job\n"
      "assert(shown 'job \"old\"' == 'job old\\n  state  active', shown 'job \"old\"')\n"
      "assert(shown 'job \"old\".state' == '\"active\"')\n"
      "answers.list = { jobs = { { id = 'a-1' }, { id = 'b' } } }\n"
      "local function completed(text) return table.concat(console.complete(text), ' ') end\n"
      "assert(completed 'x = scheduler.add_j' == 'scheduler.add_job scheduler.add_jobs')\n"
      "assert(completed 'job \"a' == 'a-1' and completed 'job \"old\":pa' == ':pause')\n"
      "assert(completed 'nope.x' == '' and completed 'string.fo' == 'string.format')\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(gathers_declarations, open_script, close_state),
      cmocka_unit_test_setup_teardown(refuses_at_the_line, open_script, close_state),
      cmocka_unit_test_setup_teardown(emits, open_script, close_state),
      cmocka_unit_test_setup_teardown(shows_events_to_runs, open_script, close_state),
      cmocka_unit_test_setup_teardown(asks_the_scheduler, open_script, close_state),
      cmocka_unit_test_setup_teardown(asks_page_by_page, open_script, close_state),
      cmocka_unit_test_setup_teardown(reads_the_log_of_one_run, open_script, close_state),
      cmocka_unit_test_setup_teardown(adds_many_jobs_in_chunks, open_script, close_state),
      cmocka_unit_test_setup_teardown(adds_no_more_at_once_than_a_request_may_hold, open_script,
                                      close_state),
      cmocka_unit_test_setup_teardown(keeps_values, open_script, close_state),
      cmocka_unit_test_setup_teardown(tells_listeners, open_script, close_state),
      cmocka_unit_test_setup_teardown(declares_listeners, open_script, close_state),
      cmocka_unit_test_setup_teardown(refuses_odd_listeners, open_script, close_state),
      cmocka_unit_test_setup_teardown(evaluates_and_keeps_functions, open_console, close_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
