/* The dead man's watch, failures in a row, and what is told of them. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/scratch.h"
#include "support/world.h"

#define JOB(options) "{\"jobs\":[{\"id\":\"x\",\"run\":true," options "}]}"

static const char hourly[] = JOB("\"trigger\":\"every 30m\",\"expect\":\"1h\"");

/* The last event of that name, as JSON; "" when there was none. The caller frees. */
static char *last_event(struct world *w, const char *name)
{
  char *text = world_ask(w, "events", "{\"limit\":1000}"), *found = memory_strdup("");
  struct json_document *document;
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  json_each(event, json_get(json_root(document), "events"))
    if (strcmp(json_text(json_get(event, "event"), ""), name) == 0) {
      struct buffer out = {0};
      struct json_writer writer = {.out = &out};
      json_write_tree(&writer, event);
      free(found);
      found = buffer_take(&out);
    }
  json_free(document);
  free(text);
  return found;
}

static int count_events(struct world *w, const char *name)
{
  char *text = world_ask(w, "events", "{\"limit\":1000}");
  struct json_document *document;
  int count = 0;
  assert_int_equal(json_parse(text, strlen(text), &document, NULL), ERROR_OK);
  json_each(event, json_get(json_root(document), "events"))
    count += strcmp(json_text(json_get(event, "event"), ""), name) == 0;
  json_free(document);
  free(text);
  return count;
}

static void expect_event(struct world *w, const char *name, const char *part)
{
  char *event = last_event(w, name);
  if (!strstr(event, part))
    fail_msg("%s: %s lacks %s", name, event, part);
  free(event);
}

/* The daemon has gone and another one has read the folder. */
static void start_again(struct world *w)
{
  world_crash(w);
  world_tell(w, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
}

static void fail_once(struct world *w)
{
  world_live(w, 30 * MINUTE);
  world_finish(w, RUN_FAILED, NULL, "no luck\nstack traceback");
}

static void succeed_once(struct world *w)
{
  world_live(w, 30 * MINUTE);
  world_finish(w, RUN_SUCCEEDED, NULL, NULL);
}

/* The reason begins so, and since when. */
static void expect_why(struct world *w, const char *text, const char *since)
{
  char *answer = world_ask(w, "why", "{\"job\":\"x\"}");
  const char *found = strstr(answer, text);
  const char *at = found ? strstr(found, "\"since\":\"") : NULL;
  if (!at || strncmp(strchr(at, 'T') + 1, since, strlen(since)) != 0)
    fail_msg("%s is not since %s: %s", text, since, answer);
  free(answer);
}

static void a_job_that_succeeds_is_never_late(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", hourly);
  for (int i = 0; i < 10; i++)
    succeed_once(&w);
  assert_int_equal(count_events(&w, "job_late"), 0);
  assert_int_equal(count_events(&w, "job_recovered"), 0);
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "false");
  world_expect(&w, "show", "{\"job\":\"x\"}", "last_success_at", "2026-01-01T05:00:00.000000Z");
  world_close(&w);
}

static void lateness_is_told_once_and_cleared_by_a_success(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", hourly);
  succeed_once(&w);
  world_live(&w, 59 * MINUTE); /* the next run hangs */
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_live(&w, MINUTE);
  assert_int_equal(count_events(&w, "job_late"), 1);
  expect_event(&w, "job_late",
               "\"job\":\"x\",\"expected\":\"1h\","
               "\"last_success_at\":\"2026-01-01T00:30:00.000000Z\","
               "\"since\":\"2026-01-01T00:30:00.000000Z\"");
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "true");
  world_expect(&w, "status", "{}", "jobs.late", "1");
  world_live(&w, 5 * HOUR);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_finish(&w, RUN_SUCCEEDED, "7", NULL);
  expect_event(&w, "job_recovered", "\"failures\":0,\"was_late\":true,\"result\":7");
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "false");
  world_expect(&w, "status", "{}", "jobs.late", "0");
  world_live(&w, 61 * MINUTE); /* the next lateness is told again */
  assert_int_equal(count_events(&w, "job_late"), 2);
  world_close(&w);
}

static void a_daemon_that_was_down_tells_it_at_its_start(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"c\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 30m\","
                 "\"expect\":\"1h\"}"));
  succeed_once(&w);
  w.now_us += 3 * HOUR;
  start_again(&w);
  expect_event(&w, "job_late", "\"last_success_at\":\"2026-01-01T00:30:00.000000Z\"");
  start_again(&w); /* what was told is not told again */
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_expect(&w, "show", "{\"job\":\"c\"}", "late", "true");
  world_finish_all(&w);
  assert_int_equal(count_events(&w, "job_recovered"), 1);
  world_close(&w);
}

static void it_is_not_told_before_those_who_listen_are_there(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", hourly);
  w.now_us += 3 * HOUR;
  world_crash(&w);
  world_settle(&w);
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_save(&w, "a", hourly);
  assert_int_equal(count_events(&w, "job_late"), 0); /* the folder is not read to its end */
  world_tell(&w, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_close(&w);
}

static void a_paused_job_is_not_late_nor_one_that_has_finished_well(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", hourly);
  free(world_ask(&w, "add_job",
                 "{\"id\":\"once\",\"run\":{\"shell\":\"true\"},\"trigger\":\"in 10m\","
                 "\"expect\":\"1h\"}"));
  world_live(&w, 31 * MINUTE);
  world_finish_all(&w);
  world_expect(&w, "show", "{\"job\":\"once\"}", "state", "finished");
  world_expect(&w, "pause_job", "{\"job\":\"x\"}", "state", "paused");
  world_live(&w, 5 * HOUR);
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_expect(&w, "resume_job", "{\"job\":\"x\"}", "state", "active");
  world_live(&w, 59 * MINUTE);
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_live(&w, MINUTE);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_expect(&w, "pause_job", "{\"job\":\"x\"}", "late", "false");
  world_close(&w);
}

/* Nothing of it will run any more, but somebody has counted on it. */
static void one_that_finished_without_a_success_is_late_once(void **state)
{
  static const char *const options[] = {
      "\"trigger\":\"in 10m\",\"expect\":\"1h\"",                   /* fails */
      "\"trigger\":\"every 10m limit=2\",\"expect\":\"1h\"",        /* succeeds, and fails */
      "\"trigger\":\"in 10m\",\"expect\":\"1h\",\"pool\":\"none\"," /* is skipped */
      "\"misfire_grace_time\":\"1m\"",
  };
  (void)state;
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    struct world w;
    char *spec = memory_printf("{\"id\":\"x\",\"run\":{\"shell\":\"false\"},%s}", options[i]);
    world_open(&w, scratch_path("store.db"));
    free(world_ask(&w, "set_pool", "{\"name\":\"none\",\"slots\":0}"));
    free(world_ask(&w, "add_job", spec));
    free(spec);
    world_live(&w, 10 * MINUTE);
    if (i == 1) {
      world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
      world_live(&w, 10 * MINUTE);
    }
    if (i < 2)
      world_finish(&w, RUN_FAILED, NULL, "no luck");
    world_live(&w, 2 * MINUTE);
    world_expect(&w, "show", "{\"job\":\"x\"}", "state", "finished");
    assert_int_equal(count_events(&w, "job_late"), 0);
    start_again(&w);
    world_live(&w, HOUR);
    assert_int_equal(count_events(&w, "job_late"), 1);
    world_expect(&w, "show", "{\"job\":\"x\"}", "late", "true");
    expect_why(&w, "it has not succeeded for longer than 1h", i == 1 ? "00:10:00" : "00:00:00");
    start_again(&w);
    world_live(&w, 2 * HOUR);
    assert_int_equal(count_events(&w, "job_late"), 0); /* the daemon before has told it */
    world_expect(&w, "status", "{}", "jobs.late", "1");
    world_live(&w, 40 * DAY); /* housekeeping removes it with its history */
    world_keep_house(&w);
    world_expect(&w, "status", "{}", "jobs.late", "0");
    world_close(&w);
  }
}

static void what_is_expected_as_before_is_late_as_before(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", hourly);
  world_live(&w, HOUR);
  assert_int_equal(count_events(&w, "job_late"), 1);
  free(world_ask(&w, "modify_job", "{\"job\":\"x\",\"changes\":{\"timeout\":5}}"));
  world_save(&w, "a", JOB("\"expect\":\"1h\",\"trigger\":\"every 30m\",\"timeout\":7"));
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "true");
  world_live(&w, 2 * HOUR);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_close(&w);
}

static void a_change_begins_the_watch_anew(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", hourly);
  world_live(&w, 45 * MINUTE);
  world_save(&w, "a", JOB("\"trigger\":\"every 30m\",\"expect\":\"2h\""));
  world_live(&w, 2 * HOUR - MINUTE);
  assert_int_equal(count_events(&w, "job_late"), 0);
  world_live(&w, MINUTE);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_save(&w, "a", JOB("\"trigger\":\"every 30m\""));
  world_live(&w, DAY);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "false");
  world_close(&w);
}

static void a_job_in_error_is_late_too(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"e\",\"func\":\"a.f\",\"trigger\":\"every 30m\",\"expect\":\"1h\"}"));
  world_save(&w, "a", NULL);
  world_live(&w, HOUR);
  world_expect(&w, "show", "{\"job\":\"e\"}", "state", "error");
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_expect(&w, "remove_job", "{\"job\":\"e\"}", "id", "e");
  world_expect(&w, "status", "{}", "jobs.late", "0");
  world_close(&w);
}

/* It has not finished, however well its last run went: nobody knows whether it would run again. */
static void one_whose_trigger_gives_up_is_late_too(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "c", "{\"calendars\":{\"closed\":{\"weekdays\":\"fri\"}}}");
  world_save(&w, "a", JOB("\"trigger\":\"30 0 * * thu except=closed\",\"expect\":\"8d\""));
  succeed_once(&w);
  world_save(&w, "c", "{\"calendars\":{\"closed\":{\"weekdays\":\"thu\"}}}");
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "error");
  world_live(&w, 8 * DAY);
  world_expect(&w, "show", "{\"job\":\"x\"}", "late", "true");
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_close(&w);
}

static void failures_are_counted_and_a_success_is_a_recovery(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", JOB("\"trigger\":\"every 30m\""));
  fail_once(&w);
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "2");
  world_expect(&w, "status", "{}", "jobs.failing", "1");
  world_expect(&w, "list", "{\"failing\":true,\"late\":true}", "jobs", "[]");
  char *text = world_ask(&w, "list", "{\"failing\":true}");
  assert_non_null(strstr(text, "\"id\":\"x\""));
  free(text);
  succeed_once(&w);
  expect_event(&w, "job_recovered",
               "\"since\":\"2026-01-01T00:30:00.000000Z\",\"failures\":2,\"was_late\":false");
  world_expect(&w, "list", "{\"failing\":true}", "jobs", "[]");
  succeed_once(&w);
  assert_int_equal(count_events(&w, "job_recovered"), 1);
  world_close(&w);
}

static void a_run_fails_once_however_often_it_is_tried(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             JOB("\"trigger\":\"every 30m\",\"retry\":{\"attempts\":2,\"delay\":\"1s\","
                 "\"backoff\":\"fixed\"}"));
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "0");
  world_live(&w, SECOND);
  world_finish(&w, RUN_FAILED, NULL, "no luck");
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "1");
  world_close(&w);
}

static void max_failures_pause_until_it_is_resumed(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", JOB("\"trigger\":\"every 30m\",\"max_failures\":3"));
  fail_once(&w);
  fail_once(&w);
  succeed_once(&w);
  fail_once(&w);
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "active");
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "paused");
  world_expect(&w, "show", "{\"job\":\"x\"}", "error",
               "3 runs failed in a row, the last one: no luck");
  expect_event(&w, "job_paused", "\"reason\":\"3 runs failed in a row, the last one: no luck\"");
  world_live(&w, 2 * HOUR);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "resume_job", "{\"job\":\"x\"}", "error", "null");
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "0");
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "active");
  expect_why(&w, "its last run failed", "05:30:00");
  fail_once(&w); /* which makes two, of which the first was that */
  expect_why(&w, "its last 2 runs failed", "05:30:00");
  world_close(&w);
}

static void the_count_survives_a_crash(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 30m\","
                 "\"max_failures\":2}"));
  fail_once(&w);
  start_again(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "1");
  fail_once(&w);
  start_again(&w);
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "paused");
  world_expect(&w, "show", "{\"job\":\"x\"}", "error",
               "2 runs failed in a row, the last one: no luck");
  world_close(&w);
}

static void one_that_runs_no_more_is_in_no_trouble(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job", "{\"id\":\"once\",\"func\":\"a.f\",\"trigger\":\"in 30m\"}"));
  fail_once(&w);
  world_expect(&w, "status", "{}", "jobs.failing", "0");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"twice\",\"func\":\"a.f\",\"trigger\":\"every 30m limit=2\"}"));
  fail_once(&w);
  world_expect(&w, "status", "{}", "jobs.failing", "1");
  fail_once(&w);
  world_expect(&w, "show", "{\"job\":\"twice\"}", "state", "finished");
  world_expect(&w, "status", "{}", "jobs.failing", "0");
  world_close(&w);
}

/* By a crash, and as its job does not run it again or must be looked at first. */
static void one_that_was_given_up_has_failed(void **state)
{
  static const char *const whys[] = {"\"delivery\":\"at_most_once\"", "\"max_interruptions\":1"};
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct world w;
    char *script = memory_printf(JOB("\"trigger\":\"every 30m\",%s"), whys[i]);
    world_open(&w, scratch_path(i ? "quarantined.db" : "once.db"));
    world_save(&w, "a", script);
    world_live(&w, 30 * MINUTE);
    assert_int_equal(world_run_count(&w), 1);
    world_crash(&w);
    world_save(&w, "a", script);
    world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "1");
    world_expect(&w, "status", "{}", "jobs.failing", "1");
    free(script);
    world_close(&w);
  }
}

/* A finish that cannot be stored counts when it is stored, and once. */
static void a_full_disk_counts_nothing_twice(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", JOB("\"trigger\":\"every 30m\""));
  world_live(&w, 30 * MINUTE);
  world_limit_pages(&w, 1);
  char *large = memory_printf("%0200000d", 0);
  world_finish(&w, RUN_FAILED, NULL, large);
  free(large);
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "0");
  world_limit_pages(&w, 1000000);
  world_live(&w, 2 * SECOND);
  world_expect(&w, "show", "{\"job\":\"x\"}", "failures", "1");
  world_close(&w);
}

/* A start finds that nothing more is due before it finds the run that is open. */
static void a_crash_in_the_last_run_ends_no_watch(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(world_ask(&w, "add_job",
                 "{\"id\":\"x\",\"run\":{\"shell\":\"false\"},\"expect\":\"1h\","
                 "\"trigger\":\"every 10m limit=2\"}"));
  world_live(&w, 10 * MINUTE);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_live(&w, 10 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  start_again(&w);
  world_finish(&w, RUN_FAILED, NULL, "no luck");
  world_expect(&w, "show", "{\"job\":\"x\"}", "state", "finished");
  world_live(&w, 2 * HOUR);
  assert_int_equal(count_events(&w, "job_late"), 1);
  world_close(&w);
}

/* Housekeeping sees whether they are there yet, and nobody is served while it looks. */
static void many_that_are_late_are_looked_at_in_steps(void **state)
{
  struct world w;
  struct buffer specs = {0};
  (void)state;
  world_open(&w, NULL);
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 2000; i++)
    buffer_printf(&specs,
                  "%s{\"id\":\"x%d\",\"run\":{\"shell\":\"false\"},\"expect\":\"1h\","
                  "\"trigger\":\"0 0 1 6 *\"}",
                  i ? "," : "", i);
  buffer_append_text(&specs, "]}");
  world_expect(&w, "add_jobs", specs.data, "added", "2000");
  buffer_deinit(&specs);
  world_live(&w, 2 * HOUR);
  world_expect(&w, "status", "{}", "jobs.late", "2000");
  world_keep_house(&w);
  w.now_us += 2 * MINUTE;
  assert_true(world_keep_house(&w) >= 3);
  world_expect(&w, "status", "{}", "jobs.late", "2000");
  world_close(&w);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_job_that_succeeds_is_never_late),
      cmocka_unit_test(lateness_is_told_once_and_cleared_by_a_success),
      cmocka_unit_test(a_daemon_that_was_down_tells_it_at_its_start),
      cmocka_unit_test(it_is_not_told_before_those_who_listen_are_there),
      cmocka_unit_test(a_paused_job_is_not_late_nor_one_that_has_finished_well),
      cmocka_unit_test(one_that_finished_without_a_success_is_late_once),
      cmocka_unit_test(what_is_expected_as_before_is_late_as_before),
      cmocka_unit_test(a_change_begins_the_watch_anew),
      cmocka_unit_test(a_job_in_error_is_late_too),
      cmocka_unit_test(one_whose_trigger_gives_up_is_late_too),
      cmocka_unit_test(failures_are_counted_and_a_success_is_a_recovery),
      cmocka_unit_test(a_run_fails_once_however_often_it_is_tried),
      cmocka_unit_test(max_failures_pause_until_it_is_resumed),
      cmocka_unit_test(the_count_survives_a_crash),
      cmocka_unit_test(one_that_runs_no_more_is_in_no_trouble),
      cmocka_unit_test(one_that_was_given_up_has_failed),
      cmocka_unit_test(a_full_disk_counts_nothing_twice),
      cmocka_unit_test(a_crash_in_the_last_run_ends_no_watch),
      cmocka_unit_test(many_that_are_late_are_looked_at_in_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
