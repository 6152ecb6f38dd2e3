/* How runs end before they are through: told, killed, silent. The worker is on its thread, the test
 * in the place of the scheduler. */
#include "support/unit.h"

#include "support/desk.h"

#include "vm/call.h"

enum { LONG_US = 60 * 1000000 };

static void one_that_is_told_can_clean_up(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function nap(run)\n"
       "  local guard <close> = setmetatable({}, { __close = function()\n"
       "    sleep(0.01) log.info('closed') end })\n"
       "  sleep(60)\n"
       "end\n"
       "function deaf() while true do pcall(sleep, 60) end end\n"
       "function done() pcall(sleep, 60) return 'saved' end\n");
  struct attempt nap = post_run(desk, 1, "nap", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, nap, TOLD_CANCELLED, LONG_US);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "closed");
  message_destroy(line);
  check_finished(desk, nap, RUN_CANCELLED, NULL, "jobs/s.lua:4: the run was cancelled");

  struct attempt done = post_run(desk, 1, "done", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, done, TOLD_OVERLAP, LONG_US);
  check_finished(desk, done, RUN_SUCCEEDED, "\"saved\"", NULL);

  struct attempt deaf = post_run(desk, 1, "deaf", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, deaf, TOLD_STOPPING, 20000);
  check_finished(desk, deaf, RUN_CANCELLED, NULL, "was told to end (stopping) and went on");
}

static void a_command_that_is_told_gets_term(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function child()\n"
       "  exec { 'sh', '-c', 'trap \"echo bye; exit 3\" TERM; echo up; while :; do sleep 0.01; "
       "done',"
       " capture = false }\n"
       "end\n");
  struct attempt child = post_run(desk, 1, "child", NULL, 0);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "up");
  message_destroy(line);
  post_cancel(desk, child, TOLD_CANCELLED, LONG_US);
  check_finished(desk, child, RUN_CANCELLED, NULL, "jobs/s.lua:2: the run was cancelled");
}

/* It has always something to read, and need not wait for it. */
static void a_reader_of_much_is_told(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function reads()\n"
       "  for _ in io.popen('yes'):lines() do end\n"
       "end\n");
  struct attempt attempt = post_run(desk, 1, "reads", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  post_cancel(desk, attempt, TOLD_CANCELLED, LONG_US);
  check_finished(desk, attempt, RUN_CANCELLED, NULL, "jobs/s.lua:2: the run was cancelled");
}

/* Where that is what it would wait for next. */
static void one_that_is_told_gives_its_lock_back(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function f(run)\n"
       "  local ok, message = pcall(lock, 'db', function()\n"
       "    log.info('held')\n"
       "    local began = os.clock()\n"
       "    while os.clock() - began < 0.5 do end\n"
       "  end)\n"
       "  log.info('%s %s', ok, message)\n"
       "  sleep(60)\n"
       "end\n");
  struct attempt attempt = post_run(desk, 1, "f", NULL, 0);
  struct message *request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "lock");
  bus_post(desk->bus, message_reply(request, memory_strdup("{\"fence\":1}")));
  message_destroy(request);
  message_destroy(await(desk, MESSAGE_LOG));
  post_cancel(desk, attempt, TOLD_STOPPING, LONG_US);
  request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "unlock");
  message_destroy(request);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "false jobs/s.lua:2: the daemon is stopping");
  message_destroy(line);
}

static struct message *to_run(struct desk *desk, const char *func)
{
  struct message *run = to_worker(MESSAGE_RUN, ADDRESS_SCHEDULER);
  run->as.run.attempt = (struct attempt){
      {.scheduled_us = 1000000, .job = 7}, .fence = ++desk->next_fence, .number = 2};
  run->as.run.generation = 1;
  run->as.run.job_id = memory_strdup("j");
  run->as.run.func = memory_strdup(func);
  return run;
}

/* How a run of the function ends. The caller destroys the message. */
static struct message *finish_of(struct desk *desk, struct message *run, enum run_state state)
{
  bus_post(desk->bus, run);
  struct message *finished = await(desk, MESSAGE_FINISHED);
  if (finished->as.finished.state != state)
    fail_msg("state %s: %s", run_state_name(finished->as.finished.state),
             finished->as.finished.error ? finished->as.finished.error : "");
  return finished;
}

static void check_answer(struct desk *desk, struct message *run, enum run_state state,
                         enum run_verdict verdict, int64_t delay_us, const char *error)
{
  struct message *finished = finish_of(desk, run, state);
  assert_int_equal(finished->as.finished.answer.verdict, verdict);
  assert_int_equal(finished->as.finished.answer.delay_us, delay_us);
  assert_null(finished->as.finished.result);
  if (error && !strstr(finished->as.finished.error, error))
    fail_msg("error: %s", finished->as.finished.error);
  if (!error)
    assert_null(finished->as.finished.error);
  message_destroy(finished);
}

static void check_bounded(struct desk *desk, const char *func, enum run_state state,
                          const char *begin, const char *end)
{
  struct message *finished = finish_of(desk, to_run(desk, func), state);
  const char *error = finished->as.finished.error;
  assert_true(strlen(error) <= CALL_ERROR_MAX);
  assert_memory_equal(error, begin, strlen(begin));
  assert_non_null(strstr(error, " bytes left out) ... "));
  if (!strstr(error + strlen(error) - 300, end))
    fail_msg("the error ends in: %s", error + strlen(error) - 300);
  message_destroy(finished);
}

static void a_long_error_is_kept_in_part(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function raises() error(('e'):rep(1000000)) end\n"
       "function snoozes(run) run:snooze(1, ('s'):rep(1000000)) end\n"
       "function retries(run) pcall(run.retry, run, 1, ('r'):rep(1000000)) end\n");
  check_bounded(desk, "raises", RUN_FAILED, "jobs/s.lua:1: eeee", "jobs/s.lua:1: in ");
  check_bounded(desk, "snoozes", RUN_PENDING, "ssss", "ssss");
  check_bounded(desk, "retries", RUN_FAILED, "rrrr", "rrrr");
}

static void a_run_says_what_follows(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function again(run) run:retry '30s' end\n"
       "function again_why(run) run:retry(nil, 'shop is closed') end\n"
       "function swallowed(run) pcall(run.retry, run, 5) return 'fine' end\n"
       "function later(run) local ok = pcall(run.snooze, run, '1m') error 'other' end\n"
       "function later_why(run) run:snooze(60, 'too early') end\n"
       "function last(run) pcall(run.retry, run) run:snooze '2m' end\n"
       "function never(run) run:snooze() end\n"
       "function other() kept:snooze '1m' end\n"
       "function keep(run) kept = run end\n"
       "function closes(run)\n"
       "  local x <close> = setmetatable({}, { __close = function() log.info 'closed' end })\n"
       "  run:snooze '1m'\n"
       "end\n"
       "function eternal(run) run:snooze(1e12) end\n"
       "function eternal_too(run) run:retry '15250000w' end\n");
  check_answer(desk, to_run(desk, "again"), RUN_FAILED, VERDICT_RETRY, 30000000,
               "asked to be tried again (run:retry)");
  check_answer(desk, to_run(desk, "again_why"), RUN_FAILED, VERDICT_RETRY, -1, "shop is closed");
  check_answer(desk, to_run(desk, "swallowed"), RUN_FAILED, VERDICT_RETRY, 5000000,
               "asked to be tried again");
  check_answer(desk, to_run(desk, "later"), RUN_PENDING, VERDICT_SNOOZE, 60000000, NULL);
  check_answer(desk, to_run(desk, "later_why"), RUN_PENDING, VERDICT_SNOOZE, 60000000, "too early");
  check_answer(desk, to_run(desk, "last"), RUN_PENDING, VERDICT_SNOOZE, 120000000, NULL);
  check_answer(desk, to_run(desk, "never"), RUN_FAILED, VERDICT_NONE, 0,
               "jobs/s.lua:7: run:snooze: for how long?");
  check_answer(desk, to_run(desk, "eternal"), RUN_FAILED, VERDICT_NONE, 0,
               "jobs/s.lua:14: run:snooze: delay: the duration is over 1000 years");
  check_answer(desk, to_run(desk, "eternal_too"), RUN_FAILED, VERDICT_NONE, 0,
               "jobs/s.lua:15: run:retry: delay: the duration is over 1000 years");
  struct message *run = to_run(desk, "keep");
  run->as.run.attempt.number = 1;
  message_destroy(finish_of(desk, run, RUN_SUCCEEDED));
  check_answer(desk, to_run(desk, "other"), RUN_FAILED, VERDICT_NONE, 0,
               "run:snooze: only the run itself can call this, while it runs");
}

static void at_most_once_is_not_tried_again(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, "function again(run) run:retry '30s' end function later(run) run:snooze '1s' end");
  struct message *run = to_run(desk, "again");
  run->as.run.is_once = true;
  check_answer(desk, run, RUN_FAILED, VERDICT_NONE, 0,
               "run:retry: its job is at_most_once, so it is not tried again");
  run = to_run(desk, "later");
  run->as.run.is_once = true;
  check_answer(desk, run, RUN_PENDING, VERDICT_SNOOZE, 1000000, NULL);
}

static struct message *to_decide(struct desk *desk, const char *func, const char *decide)
{
  struct message *run = to_run(desk, func);
  run->as.run.decide = memory_strdup(decide);
  return run;
}

/* What it takes is no part of the attempt, and who cancels the run does not wait for it. */
static void a_decision_is_behind_the_attempt(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function fails(run) sleep(0.01) error('HTTP 503') end\n"
       "function ponders(run, e) log.info 'asked' sleep(run.args[1]) return 1 end\n");
  for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
    struct message *run = to_decide(desk, "fails", "ponders");
    struct attempt attempt = run->as.run.attempt;
    run->as.run.args = memory_strdup(is_cancelled ? "[60]" : "[1]");
    bus_post(desk->bus, run);
    message_destroy(await(desk, MESSAGE_STARTED));
    struct message *line = await(desk, MESSAGE_LOG);
    int64_t asked_us = line->as.log.at_us;
    assert_string_equal(line->as.log.text, "asked");
    message_destroy(line);
    if (is_cancelled)
      post_cancel(desk, attempt, TOLD_CANCELLED, LONG_US);
    struct message *finished = await(desk, MESSAGE_FINISHED);
    assert_int_equal(finished->as.finished.state, is_cancelled ? RUN_CANCELLED : RUN_FAILED);
    assert_true(finished->as.finished.finished_us <= asked_us);
    assert_non_null(strstr(finished->as.finished.error, "HTTP 503"));
    message_destroy(finished);
  }
}

static void a_function_decides_on_errors(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function fails(run) error('HTTP 503') end\n"
       "function nap(run) sleep(60) end\n"
       "function fine() return 1 end\n"
       "function asks(run) run:retry(1) end\n"
       "function delay(run, e) return e:find '503' and run.attempt .. 'm' end\n"
       "function waits(run, e) sleep(0.01) return false end\n"
       "function table_says() return true end\n"
       "function nothing() end\n"
       "function late(run, e) return e:find 'time%-out' and 0.5 end\n"
       "function breaks() error 'oh' end\n"
       "function odd() return {} end\n"
       "function before() return -5 end\n"
       "function never() return 1e11 end\n"
       "job 'j' { trigger = every '1h', run = fails, retry = function() return '7s' end }\n");
  check_answer(desk, to_decide(desk, "fails", "delay"), RUN_FAILED, VERDICT_RETRY, 120000000,
               "HTTP 503");
  check_answer(desk, to_decide(desk, "fails", "s.waits"), RUN_FAILED, VERDICT_GIVE_UP, -1, "503");
  check_answer(desk, to_decide(desk, "fails", "table_says"), RUN_FAILED, VERDICT_RETRY, -1, "503");
  check_answer(desk, to_decide(desk, "fails", "nothing"), RUN_FAILED, VERDICT_NONE, 0, "503");
  check_answer(desk, to_decide(desk, "fails", ""), RUN_FAILED, VERDICT_RETRY, 7000000, "503");
  check_answer(desk, to_decide(desk, "asks", "waits"), RUN_FAILED, VERDICT_RETRY, 1000000, "asked");
  struct message *run = to_decide(desk, "nap", "late");
  run->as.run.timeout_us = 20000;
  check_answer(desk, run, RUN_TIMED_OUT, VERDICT_RETRY, 500000, "time-out");
  message_destroy(finish_of(desk, to_decide(desk, "fine", "breaks"), RUN_SUCCEEDED));
  const char *const bad[][2] = {
      {"breaks", "retry.decide says nothing, as it failed: jobs/s.lua:10: oh"},
      {"odd", "retry.decide of job \"j\" returned a table, not a duration"},
      {"before", "retry.decide of job \"j\" returned -5: a delay is not below 0"},
      {"never", "retry.decide says nothing, as it failed: the duration is over 1000 years"},
      {"gone", "script \"s\" has no function \"gone\""},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    bus_post(desk->bus, to_decide(desk, "fails", bad[i][0]));
    struct message *line = await(desk, MESSAGE_LOG);
    if (!strstr(line->as.log.text, bad[i][1]))
      fail_msg("%s", line->as.log.text);
    message_destroy(line);
    struct message *finished = await(desk, MESSAGE_FINISHED);
    assert_int_equal(finished->as.finished.answer.verdict, VERDICT_NONE);
    message_destroy(finished);
  }
}

/* Runs it with a soft time-out: the scheduler hears of that before the end, and once. */
static struct message *finish_after_told(struct desk *desk, struct message *run,
                                         enum run_state state)
{
  int64_t fence = run->as.run.attempt.fence;
  int told = 0;
  struct message *message;
  run->as.run.soft_timeout_us = 20000;
  bus_post(desk->bus, run);
  while ((message = await_any(desk))->kind != MESSAGE_FINISHED) {
    if (message->kind == MESSAGE_TOLD) {
      told++;
      assert_int_equal(message->as.told.attempt.fence, fence);
      assert_int_equal(message->as.told.reason, TOLD_SOFT_TIMEOUT);
    }
    message_destroy(message);
  }
  assert_int_equal(message->as.finished.state, state);
  assert_int_equal(told, 1);
  return message;
}

static void soft_time_outs_and_silence(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function nap(run) sleep(60) end\n"
       "function polls(run)\n"
       "  while not run:cancelled() do pcall(sleep, 0.005) end\n"
       "  sleep(0.001)\n" /* knows already, and is left alone */
       "  return run:cancelled()\n"
       "end\n"
       "function beats(run) for i = 1, 30 do sleep(0.04) run:heartbeat() end return 1 end\n"
       "function tells(run) for i = 1, 30 do sleep(0.04) log.info(i) end return 1 end\n"
       "function spins() while true do end end\n");
  struct message *run = to_run(desk, "nap");
  struct message *finished = finish_after_told(desk, run, RUN_TIMED_OUT);
  assert_non_null(strstr(finished->as.finished.error,
                         "jobs/s.lua:1: the run took longer than its soft_timeout"));
  message_destroy(finished);
  run = to_run(desk, "polls");
  finished = finish_after_told(desk, run, RUN_SUCCEEDED);
  assert_string_equal(finished->as.finished.result, "\"soft_timeout\"");
  message_destroy(finished);
  const char *const lively[] = {"beats", "tells"}, *const silent[] = {"nap", "spins"};
  for (int i = 0; i < 2; i++) {
    run = to_run(desk, lively[i]);
    run->as.run.silence_us = 1000000;
    message_destroy(finish_of(desk, run, RUN_SUCCEEDED));
    run = to_run(desk, silent[i]);
    run->as.run.silence_us = 100000;
    finished = finish_of(desk, run, RUN_TIMED_OUT);
    assert_non_null(strstr(finished->as.finished.error, "no heartbeat for 100ms"));
    message_destroy(finished);
  }
}

/* How a run of the function ends that is told when it has begun, for one reason after the other. */
static void post_told(struct desk *desk, struct message *run, const enum run_told *reasons,
                      int count)
{
  struct attempt attempt = run->as.run.attempt;
  bus_post(desk->bus, run);
  message_destroy(await(desk, MESSAGE_STARTED));
  for (int i = 0; i < count; i++)
    post_cancel(desk, attempt, reasons[i], LONG_US);
}

static void check_told(struct desk *desk, struct message *run, enum run_told reason,
                       enum run_state state, enum run_verdict verdict)
{
  post_told(desk, run, &reason, 1);
  struct message *finished = await(desk, MESSAGE_FINISHED);
  if (finished->as.finished.state != state || finished->as.finished.answer.verdict != verdict)
    fail_msg("%s, verdict %d: %s", run_state_name(finished->as.finished.state),
             (int)finished->as.finished.answer.verdict, finished->as.finished.error);
  message_destroy(finished);
}

/* A soft time-out and a stop leave it to the run how it ends; who cancels it does not. */
static void one_that_is_told_says_what_follows(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function snoozes(run) pcall(sleep, 60) run:snooze '1m' end\n"
       "function retries(run) pcall(sleep, 60) run:retry() end\n"
       "function polls(run) while not run:cancelled() do end run:snooze '1m' end\n"
       "function nap(run) sleep(60) end\n"
       "function spoils(run) local i = 0 repeat i = i + 1 until i > 5e6 error 'own' "
       "end\n"
       "function hangs(run) pcall(run.retry, run) while true do pcall(sleep, 60) end end\n"
       "function decide() return false end\n");
  struct message *run = to_run(desk, "snoozes");
  run->as.run.soft_timeout_us = 20000;
  check_answer(desk, run, RUN_PENDING, VERDICT_SNOOZE, 60000000, NULL);
  run = to_decide(desk, "retries", "decide");
  run->as.run.soft_timeout_us = 20000;
  check_answer(desk, run, RUN_FAILED, VERDICT_RETRY, -1, "asked to be tried again");
  run = to_decide(desk, "hangs", "decide"); /* what it asked for is lost with it */
  run->as.run.timeout_us = 20000;
  check_answer(desk, run, RUN_TIMED_OUT, VERDICT_GIVE_UP, -1, "time-out");
  check_told(desk, to_run(desk, "snoozes"), TOLD_STOPPING, RUN_PENDING, VERDICT_SNOOZE);
  check_told(desk, to_run(desk, "polls"), TOLD_STOPPING, RUN_PENDING, VERDICT_SNOOZE);
  check_told(desk, to_run(desk, "retries"), TOLD_STOPPING, RUN_FAILED, VERDICT_RETRY);
  check_told(desk, to_run(desk, "nap"), TOLD_STOPPING, RUN_CANCELLED, VERDICT_NONE);
  check_told(desk, to_run(desk, "spoils"), TOLD_STOPPING, RUN_FAILED, VERDICT_NONE);
  check_told(desk, to_run(desk, "snoozes"), TOLD_CANCELLED, RUN_CANCELLED, VERDICT_NONE);
}

static void the_stronger_reason_stays(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function says(run)\n"
       "  for i = 1, 20 do pcall(sleep, 0.01) end\n"
       "  return run:cancelled()\n"
       "end\n"
       "function ends(run) pcall(sleep, 60) sleep(0.2) error 'tidied' end\n");
  const enum run_told stop_first[] = {TOLD_STOPPING, TOLD_CANCELLED},
                      cancel_first[] = {TOLD_CANCELLED, TOLD_STOPPING};
  for (int i = 0; i < 2; i++) {
    struct message *run = to_run(desk, "says");
    run->as.run.soft_timeout_us = 50000;
    struct attempt attempt = run->as.run.attempt;
    post_told(desk, run, i ? cancel_first : stop_first, 2);
    check_finished(desk, attempt, RUN_SUCCEEDED, "\"cancelled\"", NULL);
  }
  struct message *run = to_run(desk, "ends");
  run->as.run.soft_timeout_us = 50000;
  check_told(desk, run, TOLD_CANCELLED, RUN_CANCELLED, VERDICT_NONE);
}

/* A soft time-out that is over when the run has heard a stronger reason tells nobody anything. */
static void what_is_not_told_is_not_announced(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, "function ends(run) pcall(sleep, 60) sleep(0.2) error 'tidied' end\n");
  struct message *run = to_run(desk, "ends"), *message;
  const enum run_told reason = TOLD_CANCELLED;
  run->as.run.soft_timeout_us = 100000;
  post_told(desk, run, &reason, 1);
  while ((message = await_any(desk))->kind != MESSAGE_FINISHED) {
    assert_int_not_equal(message->kind, MESSAGE_TOLD);
    message_destroy(message);
  }
  message_destroy(message);
}

/* Of a thousand words few are sent, the last one among them. */
static void progress_is_told_in_moderation(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function f(run) for i = 1, 1000 do run:progress(i, 1000, 'rows') end end\n"
       "function waits(run) run:progress(1) run:progress(2) sleep(60) end\n"
       "function bad(run) run:progress('x') end\n"
       "function over(run) run:progress(5, 1) end\n");
  bus_post(desk->bus, to_run(desk, "f"));
  int count = 0;
  double last = 0;
  struct message *message;
  while ((message = await_any(desk))->kind != MESSAGE_FINISHED) {
    if (message->kind == MESSAGE_PROGRESS) {
      count++;
      last = message->as.progress.done;
      assert_true(message->as.progress.total == 1000);
      assert_string_equal(message->as.progress.note, "rows");
    }
    message_destroy(message);
  }
  message_destroy(message);
  assert_true(last == 1000);
  assert_in_range(count, 1, 500);

  struct message *run = to_run(desk, "waits");
  struct attempt attempt = run->as.run.attempt;
  bus_post(desk->bus, run);
  for (last = 0; last < 2;) { /* the second comes while the run sleeps */
    message = await(desk, MESSAGE_PROGRESS);
    last = message->as.progress.done;
    message_destroy(message);
  }
  post_cancel(desk, attempt, TOLD_NOTHING, 0);
  message_destroy(await(desk, MESSAGE_FINISHED));
  message = finish_of(desk, to_run(desk, "bad"), RUN_FAILED);
  assert_non_null(strstr(message->as.finished.error,
                         "jobs/s.lua:3: run:progress: done must be a number from 0 on, got \"x\""));
  message_destroy(message);
  bus_post(desk->bus, to_run(desk, "over"));
  message = await(desk, MESSAGE_PROGRESS);
  assert_true(message->as.progress.done == 5 && message->as.progress.total == 5);
  message_destroy(message);
  message_destroy(await(desk, MESSAGE_FINISHED));
}

static void knows_itself_and_what_was_before(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function f(run, a) return { run.key, run.args[1] == a, run.checkpointed.row, run.id } end\n"
       "function first(run) return { run.checkpointed == nil, #run.args, run:cancelled() } end\n"
       "function asks(run) return { run.previous.result, run:checkpoint { row = 8 } } end\n"
       "function bad(run) run:checkpoint { a = { print } } end\n");
  struct message *run = to_run(desk, "f");
  run->as.run.args = memory_strdup("[5]");
  run->as.run.checkpoint = memory_strdup("{\"row\":7}");
  struct message *finished = finish_of(desk, run, RUN_SUCCEEDED);
  assert_string_equal(finished->as.finished.result,
                      "[\"j@1970-01-01T00:00:01Z#2\",true,7,\"j@1970-01-01T00:00:01Z\"]");
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "first"), RUN_SUCCEEDED);
  assert_string_equal(finished->as.finished.result, "[true,0,false]");
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "bad"), RUN_FAILED);
  assert_non_null(strstr(finished->as.finished.error, "jobs/s.lua:4: run:checkpoint: value.a[1]"));
  message_destroy(finished);

  run = to_run(desk, "asks");
  struct attempt attempt = run->as.run.attempt;
  bus_post(desk->bus, run);
  struct message *request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "previous_run");
  assert_int_equal(request->as.request.attempt.fence, attempt.fence);
  bus_post(
      desk->bus,
      message_reply(
          request,
          memory_strdup("{\"id\":\"j@x\",\"result\":6,\"scheduled_at\":\"2026-01-01T00:00:00Z\","
                        "\"finished_at\":\"2026-01-01T00:00:01Z\"}")));
  message_destroy(request);
  request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "checkpoint");
  assert_string_equal(request->as.request.params, "{\"value\":{\"row\":8}}");
  bus_post(desk->bus, message_reply(request, memory_strdup("true")));
  message_destroy(request);
  check_finished(desk, attempt, RUN_SUCCEEDED, "[6,true]", NULL);
}

static void what_is_used_is_measured(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function short() return 1 end\n"
       "function long()\n"
       "  local t, from = {}, os.clock()\n"
       "  while os.clock() - from < 0.5 do t[#t + 1] = #t end\n"
       "  return 1\n"
       "end\n"
       "function fails() error 'no' end\n"
       "function snoozes(run) run:snooze(1) end\n"
       "function burns()\n"
       "  exec('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done') exec('true')\n"
       "end\n");
  struct message *finished = finish_of(desk, to_run(desk, "short"), RUN_SUCCEEDED);
  assert_int_equal(finished->as.finished.usage.slices, 0);
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "fails"), RUN_FAILED);
  assert_int_equal(finished->as.finished.usage.slices, 1);
  assert_true(finished->as.finished.usage.memory_bytes > 10000);
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "snoozes"), RUN_PENDING);
  assert_int_equal(finished->as.finished.usage.slices, 0);
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "burns"), RUN_SUCCEEDED);
  assert_in_range(finished->as.finished.usage.commands_cpu_us, 10000, 10000000);
  assert_in_range(finished->as.finished.usage.commands_memory_bytes, 100000, 1 << 30);
  assert_true(finished->as.finished.usage.cpu_us < finished->as.finished.usage.commands_cpu_us);
  message_destroy(finished);
  finished = finish_of(desk, to_run(desk, "long"), RUN_SUCCEEDED);
  assert_true(finished->as.finished.usage.slices > 2);
  assert_in_range(finished->as.finished.usage.cpu_us, 20000, 1000000);
  assert_int_equal(finished->as.finished.usage.commands_memory_bytes, 0);
  assert_in_range(finished->as.finished.usage.memory_bytes, 100000, 32 << 20);
  message_destroy(finished);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_that_is_told_can_clean_up),    TEST(a_command_that_is_told_gets_term),
      TEST(a_reader_of_much_is_told),         TEST(one_that_is_told_gives_its_lock_back),
      TEST(a_long_error_is_kept_in_part),     TEST(a_run_says_what_follows),
      TEST(at_most_once_is_not_tried_again),  TEST(a_function_decides_on_errors),
      TEST(a_decision_is_behind_the_attempt), TEST(soft_time_outs_and_silence),
      TEST(progress_is_told_in_moderation),   TEST(knows_itself_and_what_was_before),
      TEST(what_is_used_is_measured),         TEST(one_that_is_told_says_what_follows),
      TEST(the_stronger_reason_stays),        TEST(what_is_not_told_is_not_announced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
