/* The virtual clock: time jumps from one happening to the next, models run and are cancelled, and
 * the same inputs lead to the same messages. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sim/sim.h"
#include "support/scratch.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define BEGINS (INT64_C(1767225600) * SECOND) /* 2026-01-01T00:00:00Z */

struct tested {
  char *path;
  struct store *store;
  struct sim *sim;
  struct sim_fate fate;
  struct buffer trace; /* of RUN, CANCEL and REPLY messages */
  int runs, rests;
  bool holds_ends; /* of runs, for a minute */
  struct sim_fate told_fate;
  enum run_told told; /* the last one */
  int notices;        /* how many were */
};

static bool take(void *context, struct sim *sim, struct message *message)
{
  struct tested *t = context;
  int64_t at_us = (sim_now_us(sim) - BEGINS) / 1000;
  if (message->kind == MESSAGE_RUN) {
    t->runs++;
    buffer_printf(&t->trace, "%lld run %s;", (long long)at_us, message->as.run.job_id);
  } else if (message->kind == MESSAGE_CANCEL) {
    buffer_printf(&t->trace, "%lld cancel;", (long long)at_us);
  } else if (message->kind == MESSAGE_REPLY) {
    buffer_printf(&t->trace, "%lld reply %d;", (long long)at_us, (int)message->tag);
  } else if (message->kind == MESSAGE_LOAD) {
    struct message *m = message_create(MESSAGE_LOADED, message->to, ADDRESS_SCHEDULER);
    m->as.loaded.generation = message->as.load.generation;
    m->as.loaded.text = memory_copy(message->as.load.text, message->as.load.size);
    sim_tell_later(sim, SECOND / 2, m);
    message_destroy(message);
    return true;
  }
  return false;
}

static void model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate)
{
  const struct tested *t = context;
  (void)sim, (void)run;
  *fate = t->fate;
}

static void told(void *context, struct sim *sim, const struct message *run, enum run_told reason,
                 struct sim_fate *fate)
{
  struct tested *t = context;
  (void)sim, (void)run;
  t->told = reason;
  t->notices++;
  if (t->told_fate.lasts_us)
    *fate = t->told_fate;
}

static bool ended(void *context, struct sim *sim, struct message *run, struct message *finished)
{
  struct tested *t = context;
  if (!t->holds_ends)
    return false;
  buffer_printf(&t->trace, "%lld end %s;", (long long)(sim_now_us(sim) - BEGINS) / 1000,
                run->as.run.job_id);
  sim_tell_later(sim, MINUTE, finished);
  message_destroy(run);
  return true;
}

static void rest(void *context, struct sim *sim)
{
  struct tested *t = context;
  (void)sim;
  t->rests++;
}

static void open_store(struct tested *t)
{
  struct error error;
  if (store_open(t->path, &t->store, &error))
    fail_msg("%s", error.text);
}

/* `is_bare`: nothing happens but what jobs do. */
static void begin_as(struct tested *t, char *path, bool is_bare)
{
  struct error error;
  log_set_level(LOG_OFF);
  *t = (struct tested){.path = path, .fate = {.state = RUN_SUCCEEDED, .heeds_us = INT64_MAX}};
  open_store(t);
  struct sim_options options = {
      .sched = {.store = t->store, .workers = 2, .retention = {.age_us = 30 * DAY}},
      .callbacks =
          {.take = take, .model = model, .told = told, .ended = ended, .rest = rest, .context = t},
      .begins_us = BEGINS,
      .keeps_no_house = is_bare};
  options.sched.retention.runs_per_job = 1000;
  options.sched.horizon_us = is_bare ? 400 * DAY : 0;
  t->fate.is_silent = is_bare;
  if (sim_create(&options, &t->sim, &error))
    fail_msg("%s", error.text);
}

static void begin(struct tested *t, char *path)
{
  begin_as(t, path, false);
}

static void end(struct tested *t)
{
  sim_destroy(t->sim);
  store_close(t->store);
  buffer_deinit(&t->trace);
}

static void advance(struct tested *t, int64_t us)
{
  struct error error;
  if (sim_advance(t->sim, sim_now_us(t->sim) + us, &error))
    fail_msg("%s", error.text);
}

static void save(struct tested *t, const char *json)
{
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup("a");
  m->as.source.path = memory_strdup("jobs/a.lua");
  m->as.source.text = memory_strdup(json);
  m->as.source.size = strlen(json);
  sim_tell(t->sim, m);
  sim_tell(t->sim, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
}

static void expect_trace(const struct tested *t, const char *expected)
{
  assert_string_equal(t->trace.size ? t->trace.data : "", expected);
}

/* Of the newest run of the only job. */
static void expect_run(struct tested *t, const char *part)
{
  struct error error;
  char *text = sim_ask(t->sim, "runs", "{\"limit\":1}", &error);
  if (!text)
    fail_msg("%s", error.text);
  if (!strstr(text, part))
    fail_msg("%s: no %s", text, part);
  free(text);
}

static void cancel(struct tested *t, const char *run)
{
  struct error error;
  char *params = memory_printf("{\"run\":\"%s\"}", run);
  char *reply = sim_ask(t->sim, "cancel_run", params, &error);
  if (!reply)
    fail_msg("%s", error.text);
  free(reply);
  free(params);
}

static void an_end_may_be_told_later(void **state)
{
  struct tested t;
  (void)state;
  begin(&t, NULL);
  t.fate.lasts_us = 2 * SECOND;
  t.holds_ends = true;
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 10m\"}]}");
  advance(&t, 10 * MINUTE + 30 * SECOND);
  expect_trace(&t, "600500 run j;602500 end j;");
  expect_run(&t, "\"state\":\"running\"");
  advance(&t, MINUTE);
  expect_run(&t, "\"finished_at\":\"2026-01-01T00:10:02.500000Z\"");
  advance(&t, 9 * MINUTE); /* one is held when the simulation ends */
  end(&t);
}

static void time_jumps_to_what_is_due(void **state)
{
  struct tested t;
  (void)state;
  begin(&t, NULL);
  assert_int_equal(sim_next_us(t.sim), BEGINS);
  t.fate.lasts_us = 2 * SECOND;
  t.fate.result = "42";
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 10m\"}]}");
  advance(&t, 25 * MINUTE);
  expect_trace(&t, "600500 run j;1200500 run j;");
  expect_run(&t, "\"finished_at\":\"2026-01-01T00:20:02.500000Z\"");
  expect_run(&t, "\"result\":42");
  assert_int_equal(sim_now_us(t.sim), BEGINS + 25 * MINUTE);
  int64_t next_us = sim_next_us(t.sim); /* a fire, or housekeeping */
  assert_true(next_us > sim_now_us(t.sim) && next_us <= BEGINS + 30 * MINUTE + SECOND / 2);
  assert_true(t.rests < 100);
  end(&t);
}

static void nothing_happens_but_fires_and_ends(void **state)
{
  struct tested t;
  struct error error;
  (void)state;
  begin_as(&t, NULL, true);
  t.fate.lasts_us = HOUR;
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"@daily\"}]}");
  advance(&t, HOUR);
  for (int day = 1; day <= 3; day++) {
    assert_int_equal(sim_next_us(t.sim), BEGINS + day * DAY);
    assert_int_equal(sim_step(t.sim, &error), ERROR_OK);
    assert_int_equal(t.runs, day);
    assert_int_equal(sim_next_us(t.sim), BEGINS + day * DAY + HOUR);
    assert_int_equal(sim_step(t.sim, &error), ERROR_OK);
  }
  end(&t);
}

static void models_heed_and_are_killed(void **state)
{
  struct tested t;
  (void)state;
  begin(&t, NULL);
  t.fate.lasts_us = INT64_MAX;
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 1h\",\"timeout\":\"5m\","
           "\"cancel_grace\":\"10s\"}]}");
  advance(&t, HOUR + 6 * MINUTE);
  expect_run(&t, "timed_out");
  t.fate.heeds_us = 3 * SECOND;
  advance(&t, 55 * MINUTE);
  cancel(&t, "j@2026-01-01T02:00:00.500000Z");
  advance(&t, MINUTE);
  expect_run(&t, "\"finished_at\":\"2026-01-01T02:01:03.000000Z\"");
  expect_run(&t, "cancelled");
  t.fate.heeds_us = INT64_MAX;
  advance(&t, HOUR);
  cancel(&t, "j@2026-01-01T03:00:00.500000Z");
  advance(&t, MINUTE);
  expect_run(&t, "\"finished_at\":\"2026-01-01T03:02:10.000000Z\"");
  end(&t);
}

/* It goes on as if nothing had been said, or does what it likes. */
static void models_are_told_of_their_soft_timeout(void **state)
{
  struct tested t;
  (void)state;
  begin(&t, NULL);
  t.fate.lasts_us = INT64_MAX;
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 1h\",\"timeout\":\"5m\","
           "\"soft_timeout\":\"1m\"}]}");
  advance(&t, HOUR + 59 * SECOND);
  assert_int_equal(t.notices, 0);
  advance(&t, 2 * SECOND);
  assert_int_equal(t.notices, 1);
  assert_int_equal(t.told, TOLD_SOFT_TIMEOUT);
  expect_run(&t, "\"state\":\"running\"");
  advance(&t, 5 * MINUTE);
  assert_int_equal(t.notices, 1);
  expect_run(&t, "\"finished_at\":\"2026-01-01T01:05:00.500000Z\"");
  expect_run(&t, "timed_out");
  t.told_fate = (struct sim_fate){.lasts_us = 3 * SECOND, .state = RUN_SUCCEEDED};
  advance(&t, 56 * MINUTE);
  expect_run(&t, "\"finished_at\":\"2026-01-01T02:01:03.500000Z\"");
  expect_run(&t, "succeeded");
  t.told_fate.lasts_us = 10 * MINUTE; /* its time-out is over before */
  advance(&t, HOUR + 6 * MINUTE);
  expect_run(&t, "\"finished_at\":\"2026-01-01T03:05:00.500000Z\"");
  t.fate.lasts_us = 30 * SECOND;
  t.notices = 0;
  advance(&t, HOUR);
  assert_int_equal(t.notices, 0);
  end(&t);
}

static void clocks_step_and_machines_sleep(void **state)
{
  struct tested t;
  (void)state;
  begin(&t, NULL);
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"0 * * * *\"}]}");
  advance(&t, MINUTE);
  t.fate.lasts_us = MINUTE;
  sim_set_clock(t.sim, 2 * HOUR); /* what was due meanwhile is coalesced */
  advance(&t, 30 * SECOND);
  expect_trace(&t, "7260000 run j;");
  sim_set_clock(t.sim, -HOUR); /* the run does not last longer for that */
  advance(&t, 31 * SECOND);
  expect_run(&t, "\"finished_at\":\"2026-01-01T01:02:00.000000Z\"");
  sim_leap(t.sim, 90 * MINUTE);
  advance(&t, 0);
  expect_run(&t, "succeeded"); /* that of 02:00 was done before */
  assert_int_equal(t.runs, 1);
  end(&t);
}

static void note(void *context, struct sim *sim)
{
  struct tested *t = context;
  buffer_printf(&t->trace, "%lld call;", (long long)((sim_now_us(sim) - BEGINS) / 1000));
}

static void a_crash_ends_what_is_the_daemons(void **state)
{
  struct tested t;
  struct error error;
  (void)state;
  begin(&t, scratch_path("store.db"));
  t.fate.lasts_us = HOUR;
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 1m\"}]}");
  advance(&t, 2 * MINUTE);
  sim_call_later(t.sim, MINUTE, note, &t);
  sim_tell_later(t.sim, MINUTE, message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  sim_crash(t.sim);
  store_close(t.store);
  assert_false(sim_is_up(t.sim));
  advance(&t, 2 * MINUTE);
  open_store(&t);
  if (sim_restart(t.sim, t.store, &error))
    fail_msg("%s", error.text);
  save(&t, "{\"jobs\":[{\"id\":\"j\",\"run\":true,\"trigger\":\"every 1m\"}]}");
  advance(&t, SECOND);
  expect_trace(&t, "60500 run j;180000 call;240500 run j;");
  expect_run(&t, "\"attempt\":2");
  assert_false(sim_stopped(t.sim));
  sim_tell(t.sim, message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  advance(&t, SECOND);
  assert_true(sim_stopped(t.sim));
  end(&t);
}

static char *live(void)
{
  struct tested t;
  begin(&t, NULL);
  t.fate.lasts_us = 700 * 1000;
  save(&t, "{\"jobs\":[{\"id\":\"i\",\"run\":true,\"trigger\":\"every 7s\"},"
           "{\"id\":\"k\",\"run\":true,\"trigger\":\"*/5 * * * *\"}]}");
  for (int i = 0; i < 20; i++) {
    advance(&t, 40 * SECOND);
    sim_request(t.sim, "run", "{\"job\":\"k\"}");
  }
  char *trace = buffer_take(&t.trace);
  end(&t);
  return trace;
}

static void the_same_is_done_twice(void **state)
{
  (void)state;
  char *first = live(), *second = live();
  assert_true(strlen(first) > 1000);
  assert_string_equal(first, second);
  free(first);
  free(second);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(time_jumps_to_what_is_due),
      cmocka_unit_test(an_end_may_be_told_later),
      cmocka_unit_test(nothing_happens_but_fires_and_ends),
      cmocka_unit_test(models_heed_and_are_killed),
      cmocka_unit_test(models_are_told_of_their_soft_timeout),
      cmocka_unit_test(clocks_step_and_machines_sleep),
      cmocka_unit_test(a_crash_ends_what_is_the_daemons),
      cmocka_unit_test(the_same_is_done_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
