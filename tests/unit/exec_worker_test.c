/* A worker with the test in the place of the scheduler and the front. */
#include "support/unit.h"

#include <time.h>

#include "support/desk.h"

static void loads_and_runs(void **state)
{
  struct desk *desk = *state;
  post_load(desk, 1,
            "function add(run, a, b) return a + b end\n"
            "function nothing() end\n"
            "function fails() error('no luck') end\n"
            "function odd() return function() end end\n"
            "function long() return ('x'):rep(100000) end\n"
            "function who(run) return {run.scheduled_at:iso(), run.attempt} end\n"
            "job 'j' { trigger = every '1h', run = function() return 'declared' end }\n");
  struct message *loaded = await(desk, MESSAGE_LOADED);
  assert_int_equal(loaded->as.loaded.code, ERROR_OK);
  assert_non_null(strstr(loaded->as.loaded.text, "\"jobs\":[{"));
  assert_non_null(strstr(loaded->as.loaded.text, "\"nothing\""));
  assert_string_equal(loaded->as.loaded.modules, "[]");
  message_destroy(loaded);

  check_finished(desk, post_run(desk, 1, "add", "[2,3]", 0), RUN_SUCCEEDED, "5", NULL);
  check_finished(desk, post_run(desk, 1, "nothing", NULL, 0), RUN_SUCCEEDED, NULL, NULL);
  check_finished(desk, post_run(desk, 1, NULL, NULL, 0), RUN_SUCCEEDED, "\"declared\"", NULL);
  check_finished(desk, post_run(desk, 1, "fails", NULL, 0), RUN_FAILED, NULL,
                 "jobs/s.lua:3: no luck\nstack traceback:");
  check_finished(desk, post_run(desk, 1, "odd", NULL, 0), RUN_FAILED, NULL, "cannot be stored");
  check_finished(desk, post_run(desk, 1, "missing", NULL, 0), RUN_FAILED, NULL, "missing");
  check_finished(desk, post_run(desk, 99, "add", NULL, 0), RUN_FAILED, NULL, "is gone");

  post_run(desk, 1, "long", NULL, 0);
  struct message *finished = await(desk, MESSAGE_FINISHED);
  assert_non_null(strstr(finished->as.finished.result, "{\"truncated\":100002,\"start\":"));
  message_destroy(finished);
}

static void tells_why_a_load_fails(void **state)
{
  struct desk *desk = *state;
  static const struct {
    const char *source, *error;
  } cases[] = {
      {"x = = 1", "jobs/s.lua:1: unexpected symbol near '='"},
      {"\nerror('broken')", "jobs/s.lua:2: broken"},
      {"local t = {} while true do t[#t + 1] = {} end", "jobs/s.lua:1: used more than 32 MiB"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    post_load(desk, 10 + i, cases[i].source);
    struct message *loaded = await(desk, MESSAGE_LOADED);
    assert_int_equal(loaded->as.loaded.code, ERROR_SCRIPT);
    assert_string_equal(loaded->as.loaded.text, cases[i].error);
    message_destroy(loaded);
  }
}

static void generations_live_side_by_side(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, "function f() sleep(0.5) return 'old' end");
  struct attempt old = post_run(desk, 1, "f", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  load(desk, 2, "function f() return 'new' end");
  struct message *retire = to_worker(MESSAGE_RETIRE, ADDRESS_SCHEDULER);
  retire->as.retire.generation = 1;
  bus_post(desk->bus, retire);
  check_finished(desk, post_run(desk, 2, "f", NULL, 0), RUN_SUCCEEDED, "\"new\"", NULL);
  check_finished(desk, old, RUN_SUCCEEDED, "\"old\"", NULL);
  check_finished(desk, post_run(desk, 1, "f", NULL, 0), RUN_FAILED, NULL, "is gone");
}

static void ends_runs_at_their_time_out_and_on_demand(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function spin() while true do pcall(function() while true do end end) end end\n"
       "function nap() coroutine.wrap(function() sleep(60) end)() end\n"
       "function quick() return 1 end");
  struct attempt spin = post_run(desk, 1, "spin", NULL, 200000);
  message_destroy(await(desk, MESSAGE_STARTED));
  check_finished(desk, post_run(desk, 1, "quick", NULL, 0), RUN_SUCCEEDED, "1", NULL);
  check_finished(desk, spin, RUN_TIMED_OUT, NULL, "took longer than its time-out of 200ms");
  check_finished(desk, post_run(desk, 1, "nap", NULL, 30000), RUN_TIMED_OUT, NULL, "time-out");

  struct attempt nap = post_run(desk, 1, "nap", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  struct message *cancel = to_worker(MESSAGE_CANCEL, ADDRESS_SCHEDULER);
  cancel->as.cancel.attempt = nap;
  cancel->as.cancel.state = RUN_CANCELLED;
  bus_post(desk->bus, cancel);
  check_finished(desk, nap, RUN_CANCELLED, NULL, NULL);

  post_run(desk, 1, "spin", NULL, 0); /* is interrupted by the end */
  message_destroy(await(desk, MESSAGE_STARTED));
}

/* STOP in tear_down must not wait for any of it. */
static void ends_with_work_in_flight(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function child() exec { 'sleep', '60' } end\n"
       "function web() return http.get('http://127.0.0.1:9/') == nil end\n"
       "function nap() sleep(60) end\n"
       "function disk() local db = sqlite.open(':memory:') return db:value('SELECT 7') end");
  check_finished(desk, post_run(desk, 1, "disk", NULL, 0), RUN_SUCCEEDED, "7", NULL);
  check_finished(desk, post_run(desk, 1, "web", NULL, 0), RUN_SUCCEEDED, "true", NULL);
  post_run(desk, 1, "child", NULL, 0);
  post_run(desk, 1, "nap", NULL, 0);
  message_destroy(await(desk, MESSAGE_STARTED));
  message_destroy(await(desk, MESSAGE_STARTED));
}

static void logs_belong_to_their_run(void **state)
{
  struct desk *desk = *state;
  load(desk, 1, "function f() print('one', 2) log.error('bad') end");
  struct attempt attempt = post_run(desk, 1, "f", NULL, 0);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "one\t2");
  assert_int_equal(line->as.log.attempt.fence, attempt.fence);
  assert_string_equal(line->as.log.script, "s");
  message_destroy(line);
  line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "bad");
  message_destroy(line);
  check_finished(desk, attempt, RUN_SUCCEEDED, NULL, NULL);
}

static void asks_the_scheduler(void **state)
{
  struct desk *desk = *state;
  load(desk, 1,
       "function f() return scheduler.pause_job('a') ~= nil end\n"
       "function g() scheduler.pause_job('a') end");
  struct attempt attempt = post_run(desk, 1, "f", NULL, 0);
  struct message *request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "pause_job");
  assert_string_equal(request->as.request.script, "s");
  assert_int_equal(request->as.request.attempt.key.job, attempt.key.job);
  assert_int_equal(request->as.request.attempt.fence, attempt.fence);
  assert_true(request->as.request.call > 0);
  bus_post(desk->bus, message_reply(request, memory_strdup("{\"id\":\"a\"}")));
  message_destroy(request);
  check_finished(desk, attempt, RUN_SUCCEEDED, "true", NULL);
  post_run(desk, 1, "g", NULL, 0); /* never answered */
  message_destroy(await(desk, MESSAGE_REQUEST));
}

static void post_console(struct desk *desk, enum message_kind kind, uint64_t tag, const char *text)
{
  struct message *message = to_worker(kind, ADDRESS_FRONT);
  message->tag = tag;
  message->as.console.session = 5;
  message->as.console.text = memory_strdup(text);
  bus_post(desk->bus, message);
}

static void check_reply(struct desk *desk, uint64_t tag, enum error_code code, const char *part)
{
  struct message *reply = await(desk, MESSAGE_REPLY);
  assert_int_equal(reply->tag, tag);
  assert_int_equal(reply->as.reply.code, code);
  if (!strstr(reply->as.reply.text, part))
    fail_msg("%s is not in %s", part, reply->as.reply.text);
  message_destroy(reply);
}

static void has_consoles(void **state)
{
  struct desk *desk = *state;
  post_console(desk, MESSAGE_EVALUATE, 1, "x = 20 + 1");
  check_reply(desk, 1, ERROR_OK, "{");
  post_console(desk, MESSAGE_EVALUATE, 2, "x * 2");
  check_reply(desk, 2, ERROR_OK, "42");
  post_console(desk, MESSAGE_EVALUATE, 3, "for i = 1, 2 do");
  check_reply(desk, 3, ERROR_OK, "\"incomplete\":true");
  post_console(desk, MESSAGE_EVALUATE, 4, "error('oops')");
  check_reply(desk, 4, ERROR_SCRIPT, "oops");
  post_console(desk, MESSAGE_EVALUATE, 5, "print('hello', 1)");
  struct message *print = await(desk, MESSAGE_PRINT);
  assert_string_equal(print->as.console.text, "hello\t1");
  assert_int_equal(print->as.console.session, 5);
  message_destroy(print);
  check_reply(desk, 5, ERROR_OK, "{");
  post_console(desk, MESSAGE_EVALUATE, 6, "while true do end");
  post_console(desk, MESSAGE_EVALUATE, 7, "y = 1");
  post_console(desk, MESSAGE_COMPLETE, 8, "string.re");
  check_reply(desk, 8, ERROR_OK, "rep");
  post_console(desk, MESSAGE_INTERRUPT, 9, NULL);
  check_reply(desk, 7, ERROR_CANCELLED, "interrupted");
  check_reply(desk, 6, ERROR_CANCELLED, "interrupted");
  post_console(desk, MESSAGE_EVALUATE, 10, "x");
  check_reply(desk, 10, ERROR_OK, "21");
  post_console(desk, MESSAGE_END_SESSION, 11, NULL);
  post_console(desk, MESSAGE_EVALUATE, 12, "x");
  check_reply(desk, 12, ERROR_OK, "nil");
}

/* The CPU time of the worker's thread: all but ours. */
static int64_t worker_cpu_us(void)
{
  struct timespec all, mine;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mine);
  return ((int64_t)all.tv_sec - mine.tv_sec) * 1000000 + (all.tv_nsec - mine.tv_nsec) / 1000;
}

static void empty_runs_are_cheap(void **state)
{
  struct desk *desk = *state;
  enum { RUNS = 5000 };
  load(desk, 1, "function f() end");
  int64_t best_us = INT64_MAX;
  for (int round = 0; round < 10; round++) {
    int64_t began_us = worker_cpu_us();
    for (int i = 0; i < RUNS; i++)
      post_run(desk, 1, "f", NULL, 0);
    for (int i = 0; i < RUNS; i++)
      message_destroy(await(desk, MESSAGE_FINISHED));
    int64_t took_us = worker_cpu_us() - began_us;
    best_us = took_us < best_us ? took_us : best_us;
  }
  print_message("an empty run: %.2f us of the worker\n", (double)best_us / RUNS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(loads_and_runs),
      TEST(tells_why_a_load_fails),
      TEST(generations_live_side_by_side),
      TEST(ends_runs_at_their_time_out_and_on_demand),
      TEST(ends_with_work_in_flight),
      TEST(logs_belong_to_their_run),
      TEST(asks_the_scheduler),
      TEST(has_consoles),
      TEST(empty_runs_are_cheap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
