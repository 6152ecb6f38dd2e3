/* What stands between a job and its next run, and how a run came to its end. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store.h"
#include "support/scratch.h"
#include "support/world.h"

#define JOB(options) "{\"id\":\"x\",\"run\":{\"shell\":\"true\"}," options "}"

/* The kinds of the list, in order: "paused due". The caller frees. */
static char *kinds(struct world *w, const char *what, const char *list)
{
  char *params = memory_printf("{\"job\":\"%s\"}", what), *text = world_ask(w, "why", params);
  struct json_document *document;
  struct buffer out = {0};
  if (json_parse(text, strlen(text), &document, NULL) != ERROR_OK)
    fail_msg("%s", text);
  buffer_append_text(&out, "");
  json_each(reason, json_get(json_root(document), list))
    buffer_printf(&out, "%s%s", out.size ? " " : "", json_text(json_get(reason, "kind"), "?"));
  json_free(document);
  free(text);
  free(params);
  return buffer_take(&out);
}

static void expect_kinds(struct world *w, const char *what, const char *list, const char *expected)
{
  char *found = kinds(w, what, list);
  if (strcmp(found ? found : "", expected) != 0)
    fail_msg("%s of %s: %s, expected %s", list, what, found, expected);
  free(found);
}

static void expect_part(struct world *w, const char *what, const char *part)
{
  char *params = memory_printf("{\"job\":\"%s\"}", what), *text = world_ask(w, "why", params);
  if (!strstr(text, part))
    fail_msg("%s lacks %s", text, part);
  free(text);
  free(params);
}

static struct world open_world(const char *job)
{
  struct world w;
  world_open(&w, NULL);
  char *text = world_ask(&w, "add_job", job);
  if (strncmp(text, "error", 5) == 0)
    fail_msg("%s", text);
  free(text);
  return w;
}

static void what_is_due_later(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
  (void)state;
  expect_kinds(&w, "x", "reasons", "due");
  expect_part(&w, "x", "\"clears_at\":\"2026-01-01T01:00:00.000000Z\"");
  expect_kinds(&w, "x", "notes", "");
  world_live(&w, HOUR);
  expect_kinds(&w, "x", "reasons", "overlap due");
  expect_part(&w, "x", "1 of 1 run is open: what is due now is skipped");
  expect_part(&w, "x", "\"held_by\":[\"x@2026-01-01T01:00:00Z\"]");
  world_live(&w, HOUR);
  world_finish(&w, RUN_FAILED, NULL, "no luck\nhere");
  expect_kinds(&w, "x", "reasons", "due");
  expect_kinds(&w, "x", "notes", "failing last_run skip");
  expect_part(&w, "x", "its last run failed: no luck\"");
  world_close(&w);
}

static void what_is_paused_says_by_whom(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"max_failures\":1"));
  (void)state;
  free(world_ask(&w, "pause_job", "{\"job\":\"x\"}"));
  expect_kinds(&w, "x", "reasons", "paused due");
  expect_part(&w, "x", "it is paused by hand, until it is resumed");
  expect_part(&w, "x", "\"since\":\"2026-01-01T00:00:00.000000Z\"");
  free(world_ask(&w, "resume_job", "{\"job\":\"x\"}"));
  world_live(&w, HOUR);
  world_finish(&w, RUN_FAILED, NULL, "no luck");
  expect_part(&w, "x", "until it is resumed: 1 run failed in a row, the last one: no luck");
  world_close(&w);
  w = open_world(JOB("\"trigger\":\"every 1h\",\"enabled\":false"));
  expect_part(&w, "x", "it is paused by enabled = false, until it is resumed");
  free(world_ask(&w, "resume_job", "{\"job\":\"x\"}"));
  free(world_ask(&w, "pause_job", "{\"job\":\"x\"}"));
  expect_part(&w, "x", "it is paused by hand, until it is resumed");
  free(world_ask(&w, "resume_job", "{\"job\":\"x\"}"));
  free(world_ask_as(&w, "orders", "pause_job", "{\"job\":\"x\"}"));
  expect_part(&w, "x", "it is paused by script orders, until it is resumed");
  char *events = world_ask(&w, "events", "{}");
  assert_non_null(strstr(events, "\"reason\":\"paused by script orders\""));
  assert_non_null(strstr(events, "\"event\":\"job_resumed\""));
  free(events);
  world_close(&w);
}

static void what_is_finished_or_in_error(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h limit=1\""));
  (void)state;
  world_live(&w, HOUR);
  world_finish_all(&w);
  expect_kinds(&w, "x", "reasons", "finished");
  expect_part(&w, "x", "no fire any more, its limit is reached");
  world_save(&w, "a", "{\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job", "{\"id\":\"y\",\"func\":\"a.f\",\"trigger\":\"every 1h\"}"));
  world_save(&w, "a", NULL);
  world_live(&w, HOUR);
  expect_kinds(&w, "y", "reasons", "error due");
  free(world_ask(&w, "add_job", "{\"id\":\"z\",\"run\":{\"shell\":\"true\"}}"));
  expect_kinds(&w, "z", "reasons", "no_trigger");
  world_close(&w);
}

static void calendars_and_windows_are_named(void **state)
{
  struct world w = open_world(JOB("\"trigger\":{\"kind\":\"interval\",\"every\":\"1h\",\"except\":{"
                                  "\"weekdays\":\"thu,fri\"}}"));
  (void)state;
  /* 2026-01-01 is a Thursday. */
  expect_kinds(&w, "x", "reasons", "calendar due");
  expect_part(&w, "x", "`except` covers what would be due at 2026-01-01T01:00:00");
  expect_part(&w, "x", "\"clears_at\":\"2026-01-03T00:00:00.000000Z\"");
  world_live(&w, 2 * DAY + HOUR);
  expect_kinds(&w, "x", "reasons", "overlap due");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"trigger\":"
                 "\"every 1h from=2026-02-01T00:00:00Z\"}"));
  expect_kinds(&w, "y", "reasons", "window due");
  world_finish_all(&w);
  world_close(&w);
}

static void pools_keys_and_rates_name_who_holds_them(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"concurrency_key\":\"k\","
                                  "\"timeout\":\"10m\""));
  (void)state;
  free(world_ask(&w, "add_job",
                 "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 1h\","
                 "\"concurrency_key\":\"k\"}"));
  world_live(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  expect_kinds(&w, "y", "reasons", "key due");
  expect_part(&w, "y", "\"held_by\":[\"x@2026-01-01T01:00:00Z\"]");
  expect_part(&w, "y", "\"text\":\"it is due\"");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"z\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 1s\","
                 "\"rate\":\"1/h\"}"));
  world_live(&w, 2 * SECOND);
  world_finish_all(&w);
  world_live(&w, SECOND);
  expect_kinds(&w, "z", "reasons", "rate due");
  world_close(&w);
}

static void a_pool_that_is_full_holds_runs_back(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  free(world_ask(&w, "add_job", JOB("\"trigger\":\"every 1h\",\"pool\":\"db\"")));
  free(world_ask(&w, "add_job", "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"pool\":\"db\"}"));
  world_live(&w, HOUR);
  expect_kinds(&w, "y", "reasons", "pool no_trigger");
  expect_part(&w, "y", "pool \\\"db\\\" is full: 1 of 1 slots taken");
  expect_part(&w, "y", "\"held_by\":[\"x@2026-01-01T01:00:00Z\"]");
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":0}"));
  expect_part(&w, "y", "pool \\\"db\\\" has no slots at present");
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  free(world_ask(&w, "run_now", "{\"job\":\"y\"}"));
  expect_kinds(&w, "y@2026-01-01T01:00:00Z", "story", "cause claimed pool");
  expect_kinds(&w, "y", "notes", "run");
  expect_part(&w, "y@2026-01-01T01:00:00Z",
              "it waits for a slot of pool \\\"db\\\"\",\"since\":\"2026-01-01T01:00:00.000000Z\","
              "\"held_by\":[\"x@2026-01-01T01:00:00Z\"]");
  expect_part(&w, "y",
              "run y@2026-01-01T01:00:00Z waits for a slot of pool \\\"db\\\"\",\"since\":"
              "\"2026-01-01T01:00:00.000000Z\",\"held_by\":[\"x@2026-01-01T01:00:00Z\"]");
  world_finish_all(&w);
  world_finish_all(&w);
  expect_kinds(&w, "y", "reasons", "no_trigger");
  world_close(&w);
}

/* In a store that somebody has had a hand in. */
static void a_pool_that_is_gone_holds_runs_back(void **state)
{
  struct world w;
  struct error error;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  free(world_ask(&w, "add_job", JOB("\"trigger\":\"every 1h\",\"pool\":\"db\"")));
  assert_int_equal(store_begin(w.store, &error), ERROR_OK);
  assert_int_equal(store_remove_pool(w.store, "db", &error), ERROR_OK);
  assert_int_equal(store_commit(w.store, &error), ERROR_OK);
  world_crash(&w);
  world_live(&w, HOUR);
  assert_int_equal(world_run_count(&w), 0);
  expect_kinds(&w, "x", "reasons", "pool due");
  expect_part(&w, "x", "its pool \\\"db\\\" is not there any more: make it, or change the job");
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  world_close(&w);
}

/* What an attempt has used, of what kind it may be. */
static void usage_is_told_as_it_was_measured(void **state)
{
  static const struct {
    struct run_usage usage;
    const char *told;
  } cases[] = {
      {{1, 0, 3 << 19, 0, 0},
       "its Lua used little CPU time in 1 slice; its script had at most 1.5 MiB\""},
      {{3, 12345, 1 << 20, 0, 0},
       "its Lua used 12.3ms of CPU time in 3 slices; its script had at most 1.0 MiB\""},
      {{2, 10, 1 << 20, 1738318, 1 << 21},
       "its Lua used 10us of CPU time in 2 slices; its script had at most 1.0 MiB; its commands "
       "used 1.738s, "
       "and at most 2.0 MiB each\""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
    world_live(&w, HOUR);
    struct message *run = message_list_pop(&w.runs);
    struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
    m->as.finished.attempt = run->as.run.attempt;
    m->as.finished.state = RUN_FAILED;
    m->as.finished.started_us = m->as.finished.finished_us = w.now_us;
    m->as.finished.usage = cases[i].usage;
    message_destroy(run);
    world_tell(&w, m);
    expect_part(&w, "x@2026-01-01T01:00:00Z", cases[i].told);
    world_close(&w);
  }
}

/* By its own arguments, not by its job's. */
static void a_run_tells_who_holds_its_key(void **state)
{
  static const char held[] = "\"held_by\":[\"x@2026-01-01T00:00:00Z\"]";
  struct world w = open_world(JOB("\"args\":[\"b\"],\"concurrency_key\":\"s-{1}\""));
  (void)state;
  free(world_ask(&w, "add_job",
                 "{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"args\":[\"a\"],"
                 "\"concurrency_key\":\"s-{1}\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"y\",\"args\":[\"b\"]}"));
  assert_int_equal(world_run_count(&w), 1);
  expect_part(&w, "y@2026-01-01T00:00:00Z", "it waits for concurrency key \\\"s-b\\\"");
  expect_part(&w, "y@2026-01-01T00:00:00Z", held);
  expect_kinds(&w, "y", "reasons", "overlap no_trigger");
  expect_part(&w, "y", "run y@2026-01-01T00:00:00Z waits for concurrency key \\\"s-b\\\"");
  expect_part(&w, "y", held);
  world_finish_all(&w);
  world_finish_all(&w);
  world_close(&w);
}

/* As many must end as there are too many; a command has its grace after its time-out. */
static void a_place_is_free_at_the_latest(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "set_pool", "{\"name\":\"two\",\"slots\":2}"));
  free(world_ask(&w, "add_job", JOB("\"trigger\":\"every 1h\",\"pool\":\"two\"")));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"a\",\"run\":{\"shell\":\"true\",\"grace\":\"20s\"},"
                 "\"pool\":\"two\",\"timeout\":\"10m\"}"));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"b\",\"run\":{\"shell\":\"true\"},\"pool\":\"two\","
                 "\"timeout\":\"20m\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"a\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"b\"}"));
  world_tell_started(&w);
  expect_part(&w, "x", "\"clears_at\":\"2026-01-01T00:10:20.000000Z\"");
  free(world_ask(&w, "set_pool", "{\"name\":\"two\",\"slots\":1}"));
  expect_part(&w, "x", "\"clears_at\":\"2026-01-01T00:20:05.000000Z\"");
  world_finish_all(&w);
  world_close(&w);
}

/* Who waits for a place and is paused is not among those who wait any more; its open run keeps it
 * in memory. */
static void who_waits_no_more_is_not_counted(void **state)
{
  static const char *const places[][2] = {
      {"pool", "\"pool\":\"two\""},
      {"key", "\"concurrency_key\":\"k\",\"concurrency_limit\":2"},
  };
  static const char clears[] = "\"clears_at\":\"2026-01-01T05:00:05.000000Z\"";
  (void)state;
  for (int i = 0; i < 2; i++) {
    char *y = memory_printf("{\"id\":\"y\",\"run\":{\"shell\":\"true\"},\"timeout\":\"5h\",%s}",
                            places[i][1]),
         *x = memory_printf(JOB("\"trigger\":\"every 1h\",\"max_instances\":2,%s"), places[i][1]);
    char *waiting = memory_printf("%s due", places[i][0]),
         *paused = memory_printf("paused %s due", places[i][0]);
    struct world w;
    world_open(&w, NULL);
    free(world_ask(&w, "set_pool", "{\"name\":\"two\",\"slots\":2}"));
    free(world_ask(&w, "add_job", y));
    free(world_ask(&w, "add_job", x));
    free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
    free(world_ask(&w, "run_now", "{\"job\":\"y\"}"));
    world_tell_started(&w);
    world_live(&w, HOUR);
    expect_kinds(&w, "x", "reasons", waiting);
    expect_part(&w, "x", clears);
    free(world_ask(&w, "pause_job", "{\"job\":\"x\"}"));
    expect_kinds(&w, "x", "reasons", paused);
    expect_part(&w, "x", clears);
    world_finish_all(&w);
    world_close(&w);
    free(x);
    free(y);
    free(waiting);
    free(paused);
  }
}

/* A run that may be tried again does not end with its time-out. */
static void an_open_run_ends_with_its_last_attempt(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"timeout\":\"10m\",\"retry\":{"
                                  "\"attempts\":2,\"delay\":\"20m\"}"));
  (void)state;
  world_live(&w, HOUR);
  world_tell_started(&w);
  expect_part(&w, "x", "is skipped\",\"held_by\":[\"x@2026-01-01T01:00:00Z\"],\"clears_at\":null}");
  world_finish(&w, RUN_FAILED, NULL, "no luck");
  expect_kinds(&w, "x", "reasons", "overlap attempt due");
  expect_part(&w, "x", "is yet to come\",\"at\":\"2026-01-01T01:20:00.000000Z\"");
  world_live(&w, 20 * MINUTE);
  world_tell_started(&w);
  expect_kinds(&w, "x", "reasons", "overlap due");
  expect_part(&w, "x", "\"clears_at\":\"2026-01-01T01:30:05.000000Z\"");
  world_finish_all(&w);
  world_close(&w);
}

static void a_rate_is_named_beside_what_else_is_waited_for(void **state)
{
  struct world w =
      open_world(JOB("\"trigger\":\"every 1h\",\"overlap\":\"buffer_one\",\"rate\":\"1/d\""));
  (void)state;
  world_live(&w, 2 * HOUR);
  expect_kinds(&w, "x", "reasons", "overlap rate due");
  world_finish_all(&w);
  world_close(&w);
}

static void no_other_attempt_says_why(void **state)
{
  static const struct {
    const char *options, *told;
  } cases[] = {
      {"\"tags\":[]", "its job has no retry"},
      {"\"retry\":{\"attempts\":1}", "its job has one attempt (retry)"},
      {"\"retry\":{\"attempts\":2,\"delay\":\"1s\"}", "all 2 are used up (retry)"},
      {"\"retry\":{\"attempts\":3,\"give_up_on\":[\"luck\"]}", "its error matches give_up_on"},
      {"\"retry\":{\"attempts\":3,\"retry_on\":[\"network\"]}",
       "its error matches nothing of retry_on"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *job =
        memory_printf(JOB("\"trigger\":\"every 1h\",\"max_failures\":1,%s"), cases[i].options);
    struct world w = open_world(job);
    world_live(&w, HOUR);
    while (world_run_count(&w)) {
      world_finish(&w, RUN_FAILED, NULL, "no luck");
      world_live(&w, 2 * SECOND);
    }
    char *told = memory_printf("no other attempt follows: %s\"", cases[i].told);
    expect_part(&w, "x@2026-01-01T01:00:00Z", told);
    expect_part(&w, "x@2026-01-01T01:00:00Z",
                "and its job was paused (max_failures): 1 run failed in a row");
    free(told);
    free(job);
    world_close(&w);
  }
}

static void a_result_that_was_cut_is_told(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
  (void)state;
  world_live(&w, HOUR);
  world_finish(&w, RUN_SUCCEEDED, "{\"truncated\":70000,\"start\":\"x\"}", NULL);
  expect_part(&w, "x@2026-01-01T01:00:00Z", "its result of 70000 bytes is too long");
  world_close(&w);
}

static void skips_come_in_the_order_of_time(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
  (void)state;
  world_live(&w, 2 * HOUR);
  world_finish_all(&w);
  free(world_ask(&w, "pause_job", "{\"job\":\"x\"}"));
  world_live(&w, HOUR);
  free(world_ask(&w, "resume_job", "{\"job\":\"x\"}"));
  world_live(&w, HOUR);
  char *text = world_ask(&w, "why", "{\"job\":\"x@2026-01-01T04:00:00Z\"}");
  const char *overlap = strstr(text, "skipped: overlap"), *paused = strstr(text, "skipped: paused");
  assert_non_null(overlap);
  assert_non_null(paused);
  assert_true(overlap < paused);
  free(text);
  world_finish_all(&w);
  world_close(&w);
}

static void a_name_is_shown_in_one_line(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"concurrency_key\":\"a\\nb\""));
  (void)state;
  world_live(&w, HOUR);
  expect_part(&w, "x", "concurrency key \\\"a\\\\nb\\\" is held");
  world_finish_all(&w);
  world_close(&w);
}

/* Where nothing is ever due. */
static void an_open_run_refuses_one_by_hand(void **state)
{
  struct world w = open_world(JOB("\"tags\":[]"));
  (void)state;
  free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  expect_part(&w, "x", "1 of 1 run is open: run-now is refused\"");
  world_finish_all(&w);
  world_close(&w);
}

static void a_run_whose_script_is_gone_says_so(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"y\",\"func\":\"a.f\",\"trigger\":\"every 1h\",\"retry\":{"
                 "\"attempts\":2,\"delay\":\"1m\"}}"));
  world_live(&w, HOUR);
  world_finish(&w, RUN_FAILED, NULL, "no luck");
  free(world_ask(&w, "pause_job", "{\"job\":\"y\"}"));
  world_save(&w, "a", NULL);
  world_live(&w, 2 * MINUTE);
  expect_part(&w, "y", "waits for its script, which is not there");
  expect_part(&w, "y", "\"kind\":\"error\"");
  expect_part(&w, "y", "it cannot run: ");
  world_close(&w);
}

static void a_daemon_that_stops_says_so(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"cancel_grace\":\"5s\""));
  (void)state;
  world_live(&w, HOUR);
  free(world_ask(&w, "cancel_run", "{\"run\":\"x\"}"));
  expect_kinds(&w, "x@2026-01-01T01:00:00Z", "story", "cause claimed waiting ending");
  expect_part(&w, "x@2026-01-01T01:00:00Z",
              "told to end, as somebody asked for it (cancel), and will be cancelled\"");
  free(world_ask(&w, "cancel_run", "{\"run\":\"x\",\"now\":true}"));
  expect_part(&w, "x@2026-01-01T01:00:00Z",
              "told to end, as somebody asked for it (cancel), and will be cancelled at once\"");
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = HOUR;
  world_tell(&w, stop);
  expect_kinds(&w, "x", "reasons", "daemon overlap due");
  expect_part(&w, "x",
              "the daemon is stopping and claims nothing any more\",\"clears_at\":"
              "\"2026-01-01T02:00:00.000000Z\"");
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  world_close(&w);
}

#define TRIGGER(of) "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"" of "\""

static void what_is_worth_knowing_besides(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "c", "{\"calendars\":{\"closed\":{\"weekdays\":\"thu,fri\"}}}");
  world_save(&w, "a", TRIGGER("0 9 * * * except=closed") ",\"expect\":\"1h\"}]}");
  expect_kinds(&w, "x", "reasons", "calendar due");
  expect_part(&w, "x", "calendar \\\"closed\\\" excepts what would be due at 2026-01-01T09:00:00");
  expect_part(&w, "x", "\"clears_at\":\"2026-01-03T00:00:00.000000Z\"");
  world_save(&w, "a", "jobs/a.lua:3: unexpected symbol");
  expect_kinds(&w, "x", "notes", "old_script");
  expect_part(&w, "x",
              "its script's newest source fails, an older version is in force: jobs/a.lua:3: "
              "unexpected symbol");
  world_live(&w, 2 * HOUR);
  expect_kinds(&w, "x", "notes", "old_script late");
  expect_part(&w, "x", "it has not succeeded for longer than 1h\",\"since\":");
  world_close(&w);
}

/* A buffer that overflows while its job waits for a pool. */
static void a_due_time_that_waited_too_long(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":0}"));
  free(world_ask(&w, "add_job",
                 JOB("\"trigger\":\"every 1h\",\"pool\":\"db\",\"overlap\":\"buffer_all\","
                     "\"buffer_limit\":1")));
  world_live(&w, 3 * HOUR);
  free(world_ask(&w, "set_pool", "{\"name\":\"db\",\"slots\":1}"));
  assert_int_equal(world_run_count(&w), 1);
  expect_kinds(&w, "x@2026-01-01T01:00:00Z", "story", "limit skip");
  expect_part(&w, "x@2026-01-01T01:00:00Z",
              "it waited for its pool, its key or its rate until a later one was due");
  world_finish_all(&w);
  world_close(&w);
}

/* One that is ended at once is not told why, but who asks later is. */
static void an_overtaken_run_tells_by_what(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"overlap\":\"terminate_other\""));
  (void)state;
  world_live(&w, 2 * HOUR);
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  world_live(&w, 0);
  expect_part(&w, "x@2026-01-01T01:00:00Z",
              "attempt 1 was cancelled: killed, as another run of the job was due\"");
  assert_int_equal(world_run_count(&w), 1);
  free(world_ask(&w, "cancel_run", "{\"run\":\"x\",\"now\":true}"));
  world_finish(&w, RUN_CANCELLED, NULL, NULL);
  expect_part(&w, "x@2026-01-01T02:00:00Z", "attempt 1 was cancelled: killed by request\"");
  world_close(&w);
}

static void a_snooze_tells_its_reason(void **state)
{
  static const char id[] = "x@2026-01-01T01:00:00Z";
  struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
  (void)state;
  world_live(&w, HOUR);
  struct message *run = message_list_pop(&w.runs);
  struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  m->as.finished.attempt = run->as.run.attempt;
  m->as.finished.state = RUN_PENDING;
  m->as.finished.started_us = m->as.finished.finished_us = w.now_us;
  m->as.finished.error = memory_strdup("later");
  m->as.finished.answer = (struct run_answer){VERDICT_SNOOZE, MINUTE};
  message_destroy(run);
  world_tell(&w, m);
  expect_kinds(&w, id, "story", "cause claimed started snoozed waiting");
  expect_part(&w, id, "attempt 1 asked to be begun anew later (snooze): later\"");
  world_live(&w, MINUTE);
  expect_kinds(&w, id, "story", "cause claimed started snoozed due waiting");
  world_finish_all(&w);
  world_close(&w);
}

static void events_that_wait_are_counted(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"on_event e debounce=1m\""));
  (void)state;
  expect_kinds(&w, "x", "reasons", "event");
  free(world_ask(&w, "emit", "{\"event\":\"e\"}"));
  free(world_ask(&w, "emit", "{\"event\":\"e\"}"));
  expect_kinds(&w, "x", "reasons", "queue event");
  expect_part(&w, "x", "2 events wait for a run\",\"clears_at\":\"2026-01-01T00:01:00.000000Z\"");
  world_live(&w, MINUTE);
  expect_kinds(&w, "x@2026-01-01T00:01:00Z", "story", "event event claimed waiting");
  free(world_ask(&w, "emit", "{\"event\":\"e\"}"));
  world_live(&w, 2 * MINUTE);
  expect_kinds(&w, "x", "reasons", "overlap queue event");
  expect_part(&w, "x", "1 of 1 run is open: what is due now waits");
  world_finish_all(&w);
  world_finish_all(&w);
  world_close(&w);
}

static void the_story_of_a_run(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"retry\":{\"attempts\":3,"
                                  "\"delay\":\"10s\",\"backoff\":\"fixed\"}"));
  (void)state;
  world_live(&w, HOUR);
  expect_kinds(&w, "x@2026-01-01T01:00:00Z", "story", "cause claimed waiting");
  world_finish(&w, RUN_FAILED, NULL, "first\nhere");
  expect_kinds(&w, "x@2026-01-01T01:00:00Z", "story", "cause claimed started failed waiting");
  world_live(&w, 10 * SECOND);
  world_live(&w, 3 * HOUR);
  world_finish(&w, RUN_SUCCEEDED, "7", NULL);
  expect_kinds(&w, "x@2026-01-01T01:00:00Z", "story",
               "cause claimed started failed due started succeeded skip");
  expect_part(&w, "x@2026-01-01T01:00:00Z", "attempt 1 failed: first\"");
  expect_part(&w, "x@2026-01-01T01:00:00Z", "3 due times behind it were skipped: overlap");
  expect_part(&w, "x@2026-01-01T01:00:00Z", "\"state\":\"succeeded\"");
  free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  expect_part(&w, "x@2026-01-01T04:00:10Z", "somebody asked for it");
  world_finish_all(&w);
  world_close(&w);
}

static void many_attempts_are_told_in_part(void **state)
{
  static const char id[] = "x@2026-01-01T01:00:00Z";
  struct world w = open_world(JOB("\"trigger\":\"every 1h\",\"retry\":{\"attempts\":100,"
                                  "\"delay\":\"10ms\",\"backoff\":\"fixed\"}"));
  (void)state;
  world_live(&w, HOUR);
  for (int i = 0; i < 60; i++) {
    world_finish(&w, RUN_FAILED, NULL, "no");
    world_live(&w, SECOND);
  }
  expect_part(&w, id, "attempt 10 failed");
  expect_part(&w, id, "... 20 attempts ...");
  expect_part(&w, id, "attempt 31 failed");
  expect_part(&w, id, "attempt 60 failed");
  char *text = world_ask(&w, "why", "{\"job\":\"x@2026-01-01T01:00:00Z\"}");
  assert_null(strstr(text, "attempt 11 failed"));
  assert_null(strstr(text, "attempt 30 failed"));
  free(text);
  world_finish_all(&w);
  world_close(&w);
}

/* An answer can hold so many, however many there are. */
static void many_open_runs_are_told_in_part(void **state)
{
  struct world w = open_world(JOB("\"max_instances\":50"));
  struct buffer runs = {0};
  (void)state;
  for (int i = 0; i < 20; i++) {
    free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
    buffer_append_text(&runs, i ? " run" : "run");
  }
  expect_kinds(&w, "x", "notes", runs.data);
  buffer_append_text(&runs, " runs");
  free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  expect_kinds(&w, "x", "notes", runs.data);
  expect_part(&w, "x", "{\"kind\":\"runs\",\"text\":\"1 more run is open\"}");
  for (int i = 0; i < 20; i++)
    free(world_ask(&w, "run_now", "{\"job\":\"x\"}"));
  expect_kinds(&w, "x", "notes", runs.data);
  expect_part(&w, "x", "{\"kind\":\"runs\",\"text\":\"21 more runs are open\"}");
  buffer_deinit(&runs);
  world_finish_all(&w);
  world_close(&w);
}

static void a_due_time_that_became_no_run(void **state)
{
  struct world w = open_world(JOB("\"trigger\":\"every 1h\""));
  (void)state;
  world_live(&w, HOUR);
  world_live(&w, 3 * HOUR);
  expect_kinds(&w, "x@2026-01-01T03:00:00Z", "story", "overlap skip");
  expect_part(&w, "x@2026-01-01T03:00:00Z", "it is one of 3 due times");
  world_expect(&w, "why", "{\"job\":\"x@2026-01-01T03:30:00Z\"}", "error",
               "error: not_found: there is no run \"x@2026-01-01T03:30:00Z\": its trigger, as it "
               "is now, is not due then");
  expect_kinds(&w, "x@2026-01-01T09:00:00Z", "story", "overlap due"); /* what keeps it, as yet */
  world_finish_all(&w);
  w.now_us += 5 * HOUR;
  world_settle(&w);
  expect_kinds(&w, "x@2026-01-01T06:00:00Z", "story", "misfire skip");
  expect_kinds(&w, "x@2026-01-01T09:00:00Z", "story", "cause skip skip claimed waiting");
  free(world_ask(&w, "pause_job", "{\"job\":\"x\"}"));
  world_live(&w, HOUR);
  free(world_ask(&w, "resume_job", "{\"job\":\"x\"}"));
  expect_kinds(&w, "x@2026-01-01T10:00:00Z", "story", "paused");
  world_expect(&w, "why", "{\"job\":\"y@2026-01-01T10:00:00Z\"}", "error",
               "error: not_found: there is no job \"y\"");
  world_finish_all(&w);
  world_close(&w);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_due_later),
      cmocka_unit_test(what_is_paused_says_by_whom),
      cmocka_unit_test(what_is_finished_or_in_error),
      cmocka_unit_test(calendars_and_windows_are_named),
      cmocka_unit_test(pools_keys_and_rates_name_who_holds_them),
      cmocka_unit_test(a_pool_that_is_full_holds_runs_back),
      cmocka_unit_test(a_pool_that_is_gone_holds_runs_back),
      cmocka_unit_test(usage_is_told_as_it_was_measured),
      cmocka_unit_test(a_run_tells_who_holds_its_key),
      cmocka_unit_test(a_place_is_free_at_the_latest),
      cmocka_unit_test(who_waits_no_more_is_not_counted),
      cmocka_unit_test(an_open_run_ends_with_its_last_attempt),
      cmocka_unit_test(a_rate_is_named_beside_what_else_is_waited_for),
      cmocka_unit_test(no_other_attempt_says_why),
      cmocka_unit_test(a_result_that_was_cut_is_told),
      cmocka_unit_test(skips_come_in_the_order_of_time),
      cmocka_unit_test(a_name_is_shown_in_one_line),
      cmocka_unit_test(an_open_run_refuses_one_by_hand),
      cmocka_unit_test(a_run_whose_script_is_gone_says_so),
      cmocka_unit_test(a_daemon_that_stops_says_so),
      cmocka_unit_test(what_is_worth_knowing_besides),
      cmocka_unit_test(a_due_time_that_waited_too_long),
      cmocka_unit_test(an_overtaken_run_tells_by_what),
      cmocka_unit_test(a_snooze_tells_its_reason),
      cmocka_unit_test(events_that_wait_are_counted),
      cmocka_unit_test(the_story_of_a_run),
      cmocka_unit_test(many_attempts_are_told_in_part),
      cmocka_unit_test(many_open_runs_are_told_in_part),
      cmocka_unit_test(a_due_time_that_became_no_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
