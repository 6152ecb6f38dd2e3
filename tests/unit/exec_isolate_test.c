/* Isolated runs of a worker, with the test in the place of the scheduler; and of itself also the
 * program that the processes run. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/isolate_wire.h"
#include "exec/isolated.h"
#include "exec/worker.h"
#include "time/duration.h"

enum { PATIENCE_US = 30 * 1000000 };

static const char script[] =
    "count = 0\n"
    "function counts(run, a) count = count + 1 log.info('line %d', count) return { count, a } end\n"
    "function fails() error('no luck') end\n"
    "function asks() local v, message = scheduler.get_job('other') return v or message end\n"
    "function listens() return select(2, pcall(scheduler.add_listener, print, 'job_error')) end\n"
    "function dies() exec('kill -KILL $PPID') sleep(60) end\n"
    "function exits() exec('kill -TERM $PPID') sleep(60) end\n"
    "function hangs() exec('sleep 0.3; kill -STOP $PPID') sleep(60) end\n"
    "function stops() exec('kill -STOP $PPID') sleep(60) end\n"
    "function sleeps() sleep(60) end\n"
    "function spins() while true do end end\n"
    "function eats() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100) .. i end end\n"
    "function env() return { os.getenv('A'), tostring(os.getenv('USER')) } end\n"
    "function babbles() fs.append('/proc/self/fd/4', ('\\255'):rep(64)) sleep(60) end\n"
    "function forges(_, hex) fs.append('/proc/self/fd/4', (hex:gsub('..', function(byte)"
    " return string.char(tonumber(byte, 16)) end))) sleep(60) end\n"
    "function slow() sleep(0.2) return 1 end\n"
    "if os.getenv('FAIL') then error('not here') end\n";

static char *program; /* this one */

struct desk {
  uv_loop_t loop;
  struct bus *bus;
  struct worker *worker;
  struct message_list got;
  int64_t next_fence;
};

static void receive(void *context, struct message_list *messages)
{
  message_list_join(&((struct desk *)context)->got, messages);
}

/* The next message of the kind; others before it are dropped. */
static struct message *await(struct desk *desk, enum message_kind kind)
{
  int64_t began_us = clock_monotonic_us();
  for (;;) {
    struct message *message;
    while ((message = message_list_pop(&desk->got))) {
      if (message->kind == kind)
        return message;
      message_destroy(message);
    }
    uv_run(&desk->loop, UV_RUN_NOWAIT);
    if (clock_monotonic_us() - began_us > PATIENCE_US)
      fail_msg("no message of kind %d", (int)kind);
  }
}

static struct message *to_worker(enum message_kind kind)
{
  return message_create(kind, ADDRESS_SCHEDULER, ADDRESS_WORKER);
}

static void load_text(struct desk *desk, uint64_t generation, const char *text)
{
  struct message *load = to_worker(MESSAGE_LOAD);
  load->as.load.generation = generation;
  load->as.load.script = memory_strdup("s");
  load->as.load.path = memory_strdup("jobs/s.lua");
  load->as.load.text = memory_strdup(text);
  load->as.load.size = strlen(text);
  bus_post(desk->bus, load);
  struct message *loaded = await(desk, MESSAGE_LOADED);
  if (loaded->as.loaded.code != ERROR_OK)
    fail_msg("%s", loaded->as.loaded.text);
  message_destroy(loaded);
}

static void load(struct desk *desk, uint64_t generation)
{
  load_text(desk, generation, script);
}

static int set_up(void **state)
{
  struct desk *desk = memory_alloc(sizeof *desk);
  uv_loop_init(&desk->loop);
  desk->bus = bus_create();
  bus_open(desk->bus, ADDRESS_SCHEDULER, &desk->loop, receive, desk);
  desk->worker = worker_start(&(struct worker_options){.bus = desk->bus,
                                                       .address = ADDRESS_WORKER,
                                                       .isolate = {.program = program}},
                              NULL);
  load(desk, 1);
  *state = desk;
  return 0;
}

static int tear_down(void **state)
{
  struct desk *desk = *state;
  bus_post(desk->bus, to_worker(MESSAGE_STOP));
  message_destroy(await(desk, MESSAGE_STOPPED));
  worker_join(desk->worker);
  bus_close(desk->bus, ADDRESS_SCHEDULER);
  uv_run(&desk->loop, UV_RUN_DEFAULT);
  uv_loop_close(&desk->loop);
  message_list_deinit(&desk->got);
  bus_destroy(desk->bus);
  free(desk);
  return 0;
}

static struct message *make_run(struct desk *desk, const char *func)
{
  struct message *run = to_worker(MESSAGE_RUN);
  run->as.run.attempt =
      (struct attempt){{.scheduled_us = 1000000, .job = 7}, .fence = ++desk->next_fence, 1};
  run->as.run.generation = 1;
  run->as.run.job_id = memory_strdup("j");
  run->as.run.func = memory_strdup(func);
  run->as.run.isolate = true;
  return run;
}

static void check_finished(struct desk *desk, enum run_state state, const char *result,
                           const char *error)
{
  struct message *finished = await(desk, MESSAGE_FINISHED);
  assert_int_equal(finished->as.finished.attempt.fence, desk->next_fence);
  if (finished->as.finished.state != state)
    fail_msg("state %s: %s", run_state_name(finished->as.finished.state),
             finished->as.finished.error ? finished->as.finished.error : "");
  if (result)
    assert_string_equal(finished->as.finished.result, result);
  else
    assert_null(finished->as.finished.result);
  if (!error)
    assert_null(finished->as.finished.error);
  else if (!strstr(finished->as.finished.error, error))
    fail_msg("error: %s", finished->as.finished.error);
  message_destroy(finished);
}

static void run(struct desk *desk, const char *func, enum run_state state, const char *result,
                const char *error)
{
  bus_post(desk->bus, make_run(desk, func));
  check_finished(desk, state, result, error);
}

/* One process for the runs of a job that succeed, another one after a failure. */
static void runs(void **state)
{
  struct desk *desk = *state;
  struct message *message = make_run(desk, "counts");
  message->as.run.args = memory_strdup("[\"x\"]");
  bus_post(desk->bus, message);
  struct message *line = await(desk, MESSAGE_LOG);
  assert_string_equal(line->as.log.text, "line 1");
  assert_int_equal(line->as.log.attempt.fence, desk->next_fence);
  message_destroy(line);
  check_finished(desk, RUN_SUCCEEDED, "[1,\"x\"]", NULL);
  run(desk, "counts", RUN_SUCCEEDED, "[2]", NULL);
  message = make_run(desk, "counts");
  free(message->as.run.job_id);
  message->as.run.job_id = memory_strdup("another");
  bus_post(desk->bus, message);
  check_finished(desk, RUN_SUCCEEDED, "[1]", NULL);
  run(desk, "fails", RUN_FAILED, NULL, "jobs/s.lua:3: no luck\nstack traceback:");
  run(desk, "counts", RUN_SUCCEEDED, "[1]", NULL);
}

/* What a script declares may be longer than a frame. ThreadSanitizer makes that a longer load than
 * there may be. */
#ifndef __SANITIZE_THREAD__
static void declares_much(void **state)
{
  struct desk *desk = *state;
  load_text(desk, 2,
            "for i = 1, 100 do\n"
            "  job('j' .. i) { args = { ('x'):rep(200000) }, run = function() end }\n"
            "end\n"
            "function one() return 1 end\n");
  struct message *message = make_run(desk, "one");
  message->as.run.generation = 2;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_SUCCEEDED, "1", NULL);
}
#endif

static void relays_requests(void **state)
{
  struct desk *desk = *state;
  bus_post(desk->bus, make_run(desk, "asks"));
  struct message *request = await(desk, MESSAGE_REQUEST);
  assert_string_equal(request->as.request.op, "show");
  assert_string_equal(request->as.request.script, "s");
  assert_int_equal(request->as.request.generation, 1);
  assert_int_equal(request->as.request.attempt.fence, desk->next_fence);
  struct error error;
  error_set(&error, ERROR_NOT_FOUND, "there is no job \"other\"");
  bus_post(desk->bus, message_reply_error(request, &error));
  message_destroy(request);
  check_finished(desk, RUN_SUCCEEDED, "\"there is no job \\\"other\\\"\"", NULL);

  bus_post(desk->bus, make_run(desk, "listens"));
  struct message *finished = await(desk, MESSAGE_FINISHED);
  assert_non_null(strstr(finished->as.finished.result, "an isolated run cannot add listeners"));
  message_destroy(finished);
}

static void is_given_its_environment(void **state)
{
  struct desk *desk = *state;
  setenv("USER", "somebody", 1);
  struct message *message = make_run(desk, "env");
  message->as.run.env = memory_strdup("{\"A\":\"b c\"}");
  bus_post(desk->bus, message);
  check_finished(desk, RUN_SUCCEEDED, "[\"b c\",\"nil\"]", NULL);
}

static void names_the_end(void **state)
{
  struct desk *desk = *state;
  run(desk, "dies", RUN_FAILED, NULL, "the isolated process ended by signal KILL");
  run(desk, "exits", RUN_FAILED, NULL, "the isolated process ended by signal TERM");
  /* Into the middle of what it says to the worker. */
  run(desk, "babbles", RUN_FAILED, NULL, "the isolated process said what cannot be understood");
  run(desk, "counts", RUN_SUCCEEDED, "[1]", NULL);

  struct message *message = make_run(desk, "counts");
  message->as.run.env = memory_strdup("{\"FAIL\":\"1\"}");
  bus_post(desk->bus, message);
  check_finished(desk, RUN_FAILED, NULL, "does not load: jobs/s.lua:17: not here");

  message = make_run(desk, "counts");
  message->as.run.generation = 99;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_FAILED, NULL, "is gone");
}

/* As a script that has got at the pipe would say it. */
static struct message *make_forgery(struct desk *desk, int64_t delay_us)
{
  struct message *finished = message_create(MESSAGE_FINISHED, 0, 0);
  finished->as.finished.state = RUN_PENDING;
  finished->as.finished.answer = (struct run_answer){VERDICT_SNOOZE, delay_us};
  struct buffer frame = {0}, args = {0};
  wire_put(&frame, finished);
  message_destroy(finished);
  buffer_append_text(&args, "[\"");
  for (size_t i = 0; i < frame.size; i++)
    buffer_printf(&args, "%02x", (unsigned char)frame.data[i]);
  buffer_append_text(&args, "\"]");
  buffer_deinit(&frame);
  struct message *run = make_run(desk, "forges");
  run->as.run.args = buffer_take(&args);
  return run;
}

/* A delay becomes an instant, which must be one. */
static void believes_no_delay_that_cannot_be(void **state)
{
  static const int64_t wrong_us[] = {-1, DURATION_MAX_US + 1, INT64_MAX};
  struct desk *desk = *state;
  for (size_t i = 0; i < sizeof wrong_us / sizeof wrong_us[0]; i++) {
    bus_post(desk->bus, make_forgery(desk, wrong_us[i]));
    check_finished(desk, RUN_FAILED, NULL, "ended the run with what cannot be understood");
  }
  bus_post(desk->bus, make_forgery(desk, DURATION_MAX_US));
  check_finished(desk, RUN_PENDING, NULL, NULL);
}

static void keeps_limits(void **state)
{
  struct desk *desk = *state;
  struct message *message = make_run(desk, "eats");
  message->as.run.limits.memory_bytes = 32 << 20;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_FAILED, NULL, "32 MiB");
  message = make_run(desk, "spins");
  message->as.run.limits.cpu_us = 100000;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_FAILED, NULL, "used more than its limit of 100ms of CPU time");
}

static void ends_at_the_time_out(void **state)
{
  struct desk *desk = *state;
  struct message *message = make_run(desk, "spins");
  message->as.run.timeout_us = 100000;
  bus_post(desk->bus, message);
  /* The place stands in front when a slice ends it, below when the clock does between two slices.
   */
  struct message *finished = await(desk, MESSAGE_FINISHED);
  assert_int_equal(finished->as.finished.state, RUN_TIMED_OUT);
  assert_non_null(strstr(finished->as.finished.error, "took longer than its time-out of 100ms"));
  assert_non_null(strstr(finished->as.finished.error, "jobs/s.lua:11: "));
  message_destroy(finished);
  message = make_run(desk, "stops"); /* the whole process */
  message->as.run.timeout_us = 2000000;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_TIMED_OUT, NULL, "was killed with its process");
  message = make_run(desk, "stops");
  message->as.run.silence_us = 2000000;
  bus_post(desk->bus, message);
  check_finished(desk, RUN_TIMED_OUT, NULL, "showed no life");
  message = make_run(desk, "sleeps"); /* the process turns, the run is silent */
  message->as.run.silence_us = 300000;
  bus_post(desk->bus, message);
  finished = await(desk, MESSAGE_FINISHED);
  assert_int_equal(finished->as.finished.state, RUN_TIMED_OUT);
  assert_null(strstr(finished->as.finished.error, "process"));
  message_destroy(finished);
}

static void cancel(struct desk *desk)
{
  struct message *cancel = to_worker(MESSAGE_CANCEL);
  cancel->as.cancel.attempt =
      (struct attempt){{.scheduled_us = 1000000, .job = 7}, .fence = desk->next_fence, 1};
  cancel->as.cancel.state = RUN_CANCELLED;
  bus_post(desk->bus, cancel);
}

static void is_cancelled(void **state)
{
  static const char *const functions[] = {"sleeps", "hangs"};
  struct desk *desk = *state;
  for (int i = 0; i < 2; i++) {
    bus_post(desk->bus, make_run(desk, functions[i]));
    message_destroy(await(desk, MESSAGE_STARTED));
    cancel(desk);
    check_finished(desk, RUN_CANCELLED, NULL, NULL);
  }
  /* Before it has begun. */
  bus_post(desk->bus, make_run(desk, "sleeps"));
  cancel(desk);
  check_finished(desk, RUN_CANCELLED, NULL, NULL);
}

/* Its worker hears of it from the process. */
static void is_told_at_its_soft_time_out(void **state)
{
  struct desk *desk = *state;
  struct message *message = make_run(desk, "sleeps");
  message->as.run.soft_timeout_us = 50000;
  bus_post(desk->bus, message);
  message = await(desk, MESSAGE_TOLD);
  assert_int_equal(message->as.told.attempt.fence, desk->next_fence);
  assert_int_equal(message->as.told.reason, TOLD_SOFT_TIMEOUT);
  message_destroy(message);
  check_finished(desk, RUN_TIMED_OUT, NULL, "took longer than its soft_timeout");
}

/* More than there may be processes: the rest waits. */
static void many_at_once(void **state)
{
  enum { MANY = 70 };
  struct desk *desk = *state;
  for (int i = 0; i < MANY; i++)
    bus_post(desk->bus, make_run(desk, "slow"));
  for (int i = 0; i < MANY; i++) {
    struct message *finished = await(desk, MESSAGE_FINISHED);
    if (finished->as.finished.state != RUN_SUCCEEDED)
      fail_msg("%s", finished->as.finished.error);
    message_destroy(finished);
  }
}

/* A version that is retired is what its runs have begun with. */
static void outlives_its_version(void **state)
{
  struct desk *desk = *state;
  bus_post(desk->bus, make_run(desk, "slow"));
  struct message *retire = to_worker(MESSAGE_RETIRE);
  retire->as.retire.generation = 1;
  bus_post(desk->bus, retire);
  check_finished(desk, RUN_SUCCEEDED, "1", NULL);
}

static void stops_with_its_worker(void **state)
{
  struct desk *desk = *state;
  bus_post(desk->bus, make_run(desk, "sleeps"));
  message_destroy(await(desk, MESSAGE_STARTED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "--child") == 0)
    return isolated_main(argv);
  /* Not the link itself: a child that has it to run would run valgrind where that runs this. */
  program = realpath("/proc/self/exe", NULL);
  const struct CMUnitTest tests[] = {
      TEST(runs),
#ifndef __SANITIZE_THREAD__
      TEST(declares_much),
#endif
      TEST(relays_requests),
      TEST(is_given_its_environment),
      TEST(names_the_end),
      TEST(believes_no_delay_that_cannot_be),
      TEST(keeps_limits),
      TEST(ends_at_the_time_out),
      TEST(is_cancelled),
      TEST(is_told_at_its_soft_time_out),
      TEST(many_at_once),
      TEST(outlives_its_version),
      TEST(stops_with_its_worker),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(program);
  return failed;
}
