/* Calendars that scripts declare: they are known to jobs, kept over a crash, followed when they
 * change, and gone when nobody needs them. The world begins on a Thursday. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

#define JOB(trigger) "\"jobs\":[{\"id\":\"daily\",\"run\":true,\"trigger\":\"" trigger "\"}]"

static void expect_next(struct world *w, const char *at)
{
  world_expect(w, "show", "{\"job\":\"daily\"}", "next_run_at", at);
}

static void expect_error(struct world *w, const char *part)
{
  char *text = world_ask(w, "scripts", "{}");
  if (!strstr(text, part))
    fail_msg("%s", text);
  free(text);
}

static void jobs_follow_a_change(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"calendars\":{\"closed\":{\"dates\":\"2026-01-02\"}}}");
  world_save(&w, "b", "{" JOB("0 9 * * * except=closed") "}");
  world_live(&w, 10 * HOUR);
  world_finish_all(&w);
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  /* More is closed. */
  world_save(&w, "a", "{\"calendars\":{\"closed\":{\"dates\":\"2026-01-02..2026-01-04\"}}}");
  expect_next(&w, "2026-01-05T09:00:00.000000Z");
  /* Today is closed, but it has run already. */
  world_save(&w, "a", "{\"calendars\":{\"closed\":{\"dates\":\"2026-01-01\"}}}");
  expect_next(&w, "2026-01-02T09:00:00.000000Z");
  assert_int_equal(world_history(&w, "daily", NULL), 1);
  /* All is closed, and then it is not. */
  world_save(&w, "a", "{\"calendars\":{\"closed\":{\"weekdays\":\"mon-sun\"}}}");
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "finished");
  world_save(&w, "a", "{\"calendars\":{\"closed\":{\"weekdays\":\"fri\"}}}");
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "active");
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_close(&w);
}

static void limits_are_counted_anew(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"calendars\":{\"some\":{\"dates\":\"2026-02-01\"}}," JOB(
                 "0 9 * * * except=some limit=2") "}");
  world_save(&w, "a",
             "{\"calendars\":{\"some\":{\"dates\":\"2026-01-01..2026-01-05\"}}," JOB(
                 "0 9 * * * except=some limit=2") "}");
  expect_next(&w, "2026-01-06T09:00:00.000000Z");
  for (int day = 0; day < 10; day++) {
    world_live(&w, DAY);
    world_finish_all(&w);
  }
  assert_int_equal(world_history(&w, "daily", NULL), 2);
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "finished");
  world_close(&w);
}

static void calendars_stay_while_they_are_used(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"calendars\":{\"kept\":{\"weekdays\":\"fri\"},\"other\":{\"weekdays\":"
             "\"sat\"}}}");
  world_save(&w, "b", "{" JOB("0 9 * * * except=kept from=2026-01-02") "}");
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_save(&w, "a", NULL);
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  char *text = world_ask(&w, "calendars", "{}");
  assert_string_equal(text,
                      "{\"calendars\":[{\"name\":\"kept\",\"definition\":{\"weekdays\":\"fri\"},"
                      "\"script\":\"a\"}]}");
  free(text);
  world_expect(&w, "remove_calendar", "{\"name\":\"kept\"}", "error",
               "error: conflict: calendar \"kept\" is used by a job");
  world_save(&w, "b", NULL);
  world_expect(&w, "remove_calendar", "{\"name\":\"kept\"}", "name", "kept");
  world_expect(&w, "remove_calendar", "{\"name\":\"kept\"}", "error",
               "error: not_found: there is no calendar \"kept\"");
  world_save(&w, "c", "{" JOB("0 9 * * * except=kept") "}");
  expect_error(&w, "no script that loads declares calendar \\\"kept\\\"");
  world_close(&w);
}

static void a_broken_load_takes_nothing_over(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"calendars\":{\"firm\":{\"weekdays\":\"fri\"}}," JOB(
                 "0 9 * * * except=firm from=2026-01-02") "}");
  world_save(&w, "a",
             "{\"calendars\":{\"firm\":{\"weekdays\":\"sat\"},\"fresh\":{\"weekdays\":"
             "\"sat\"}},\"jobs\":[{\"id\":\"daily\"}]}");
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_save(&w, "b", "{\"calendars\":{\"firm\":{\"weekdays\":\"sun\"}}}");
  expect_error(&w, "jobs/b.lua: calendar \\\"firm\\\" is already declared by script a");
  world_save(&w, "b", "{\"calendars\":{\"firm\":{\"weekdays\":\"son\"}}}");
  expect_error(&w, "jobs/b.lua: calendar \\\"firm\\\": weekdays \\\"son\\\": unknown weekday");
  world_expect(&w, "set_calendar", "{\"name\":\"firm\",\"definition\":{\"weekdays\":\"sun\"}}",
               "error", "error: exists: calendar \"firm\" is already declared by script a");
  char *text = world_ask(&w, "calendars", "{}");
  assert_string_equal(text,
                      "{\"calendars\":[{\"name\":\"firm\",\"definition\":{\"weekdays\":\"fri\"},"
                      "\"script\":\"a\"}]}");
  free(text);
  world_close(&w);
}

static void calendars_survive_a_crash(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_expect(&w, "set_calendar",
               "{\"name\":\"lasting\",\"definition\":{\"dates\":[\"2026-01-01\",\"2026-01-02\"]}}",
               "name", "lasting");
  world_save(&w, "a", "{" JOB("0 9 * * * except=lasting") "}");
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_crash(&w);
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "active");
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_expect(&w, "set_calendar", "{\"name\":\"lasting\",\"definition\":{\"dates\":[]}}", "error",
               "error: invalid: calendar \"lasting\": \"dates\" is empty");
  world_expect(&w, "set_calendar",
               "{\"name\":\"lasting\",\"definition\":{\"dates\":\"2026-01-01\"}}", "name",
               "lasting");
  expect_next(&w, "2026-01-02T09:00:00.000000Z");
  world_close(&w);
}

/* A calendar that finds no room. */
static void set_too_large(struct world *w, const char *name)
{
  struct buffer params = {0};
  buffer_printf(&params, "{\"name\":\"%s\",\"definition\":{\"dates\":\"2026-01-02", name);
  for (int year = 2100; year < 5100; year++)
    buffer_printf(&params, ",%d-01-01..%d-01-02", year, year);
  buffer_append_text(&params, "\"}}");
  world_limit_pages(w, 1);
  char *reply = world_ask(w, "set_calendar", params.data);
  assert_memory_equal(reply, "error: full", 11);
  world_limit_pages(w, 1000000);
  world_pass(w, 2 * SECOND);
  free(reply);
  buffer_deinit(&params);
}

static void what_was_refused_means_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  set_too_large(&w, "refused");
  char *text = world_ask(&w, "calendars", "{}");
  assert_string_equal(text, "{\"calendars\":[]}");
  free(text);
  world_expect(&w, "add_job",
               "{\"id\":\"daily\",\"run\":{\"shell\":\"true\"},\"trigger\":\"0 9 * * * "
               "except=refused\"}",
               "error",
               "error: invalid: job \"daily\": no script that loads declares calendar \"refused\"");
  /* One that is there keeps its meaning. */
  world_expect(&w, "set_calendar", "{\"name\":\"firm\",\"definition\":{\"weekdays\":\"thu\"}}",
               "name", "firm");
  set_too_large(&w, "firm");
  world_save(&w, "a", "{" JOB("0 9 * * * except=firm") "}");
  expect_next(&w, "2026-01-02T09:00:00.000000Z");
  world_close(&w);
}

/* The registry is the process's, the calendars are the store's. */
static void a_start_forgets_what_is_not_stored(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_expect(&w, "set_calendar", "{\"name\":\"gone\",\"definition\":{\"weekdays\":\"thu\"}}",
               "name", "gone");
  world_close(&w);
  world_open(&w, NULL);
  world_save(&w, "a", "{" JOB("0 9 * * * except=gone") "}");
  expect_error(&w, "no script that loads declares calendar \\\"gone\\\"");
  world_close(&w);
}

static void change_by_hand(struct world *w, const char *sql)
{
  struct error error;
  world_crash(w);
  assert_int_equal(store_begin(w->store, &error), ERROR_OK);
  assert_int_equal(store_execute(w->store, sql, &error), ERROR_OK);
  assert_int_equal(store_commit(w->store, &error), ERROR_OK);
  world_crash(w);
}

#define IN_ZONE "{\"weekdays\":\"thu\",\"timezone\":\"Nowhere/Here\"}"

static void expect_in_answer(struct world *w, const char *operation, const char *part)
{
  char *answer = world_ask(w, operation, "{\"job\":\"daily\"}");
  if (!strstr(answer, part))
    fail_msg("%s: %s", operation, answer);
  free(answer);
}

static void expect_held(struct world *w)
{
  expect_in_answer(w, "why",
                   "it cannot run: job \\\"daily\\\" as it is stored: calendar \\\"closed\\\" "
                   "cannot be read: it is to be declared, or set, anew");
  expect_in_answer(w, "run_now", "error: conflict: job \"daily\" cannot run");
  world_expect(w, "show", "{\"job\":\"daily\"}", "state", "error");
}

/* As when its time zone is not there any more. Nothing fires without it, and nothing is lost. */
static void one_that_cannot_be_read_holds_its_jobs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_expect(&w, "set_calendar", "{\"name\":\"closed\",\"definition\":{\"weekdays\":\"thu\"}}",
               "name", "closed");
  world_expect(&w, "add_job",
               "{\"id\":\"daily\",\"run\":{\"shell\":\"true\"},\"coalesce\":\"all\","
               "\"trigger\":\"0 9 * * * except=closed\"}",
               "id", "daily");
  world_expect(&w, "add_job",
               "{\"id\":\"other\",\"run\":{\"shell\":\"true\"},\"trigger\":\"0 9 * * *\"}", "id",
               "other");
  change_by_hand(&w, "UPDATE calendars SET definition = '" IN_ZONE "'");
  expect_held(&w);
  world_live(&w, 3 * DAY);
  expect_held(&w);
  assert_int_equal(world_history(&w, "daily", NULL), 0);
  assert_int_equal(world_history(&w, "other", NULL), 1); /* which is open */
  world_expect(&w, "add_job",
               "{\"id\":\"more\",\"run\":{\"shell\":\"true\"},\"trigger\":\"0 9 * * * "
               "except=closed\"}",
               "error",
               "error: invalid: job \"more\": no script that loads declares calendar \"closed\"");
  world_expect(&w, "remove_calendar", "{\"name\":\"closed\"}", "error",
               "error: conflict: calendar \"closed\" is used by a job");
  /* What was refused for want of room is not in force. */
  set_too_large(&w, "closed");
  expect_held(&w);
  world_expect(&w, "set_calendar", "{\"name\":\"closed\",\"definition\":{\"weekdays\":\"sat\"}}",
               "name", "closed");
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "active");
  world_finish_all(&w);
  world_live(&w, MINUTE);
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "daily", "succeeded"), 1); /* on Friday */
  expect_next(&w, "2026-01-04T09:00:00.000000Z");
  world_crash(&w);
  expect_next(&w, "2026-01-04T09:00:00.000000Z");
  world_close(&w);
}

/* The same is declared again, and can be read now. */
static void one_that_can_be_read_again_lets_its_jobs_go_on(void **state)
{
  static const char source[] =
      "{\"calendars\":{\"closed\":" IN_ZONE "}," JOB("0 9 * * * except=closed") "}";
  struct world w;
  char *folder = scratch_folder(), *zone = memory_printf("%s/Nowhere", folder);
  (void)state;
  setenv("TZDIR", folder, 1);
  world_open(&w, scratch_path("store.db"));
  world_save(
      &w, "a",
      "{\"calendars\":{\"closed\":{\"weekdays\":\"thu\"}}," JOB("0 9 * * * except=closed") "}");
  change_by_hand(&w, "UPDATE calendars SET definition = '" IN_ZONE "'");
  world_save(&w, "a", source);
  expect_error(&w, "jobs/a.lua: calendar \\\"closed\\\": unknown time zone");
  world_save(&w, "b", "{}");
  world_live(&w, 2 * DAY);
  expect_held(&w);
  assert_int_equal(mkdir(zone, 0700), 0);
  free(zone);
  zone = memory_printf("%s/Nowhere/Here", folder);
  assert_int_equal(symlink("/usr/share/zoneinfo/Europe/Paris", zone), 0);
  world_save(&w, "a", source);
  world_expect(&w, "show", "{\"job\":\"daily\"}", "state", "active");
  assert_int_equal(world_run_count(&w), 1);
  expect_next(&w, "2026-01-03T09:00:00.000000Z");
  world_close(&w);
  unsetenv("TZDIR");
  free(zone);
}

static int64_t count_rows(struct world *w, const char *sql)
{
  struct error error;
  int64_t count;
  assert_int_equal(store_ask(w->store, sql, &count, &error), ERROR_OK);
  return count;
}

static void except_minutes(struct world *w, const char *minutes)
{
  char *params =
      memory_printf("{\"name\":\"closed\",\"definition\":{\"cron\":\"%s * * * *\"}}", minutes);
  world_expect(w, "set_calendar", params, "name", "closed");
  free(params);
}

/* Minute 2 is skipped, of which minute 4 is the next one; after the change minute 3 runs. */
static void a_range_of_skips_ends_with_a_change(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  except_minutes(&w, "0,3");
  world_save(&w, "a", "{" JOB("* * * * * except=closed") "}");
  world_live(&w, 150 * SECOND);
  assert_int_equal(world_skipped(&w, "daily", "overlap"), 1);
  except_minutes(&w, "0");
  world_finish_all(&w);
  world_live(&w, 2 * MINUTE);
  assert_int_equal(world_history(&w, "daily", NULL), 2);
  assert_int_equal(world_skipped(&w, "daily", "overlap"), 2);
  assert_int_equal(count_rows(&w, "SELECT count(*) FROM skips WHERE count = 1"), 2);
  world_close(&w);
}

/* ---- when many follow ---- */

enum { MANY = 2000 };

static void set_closed(struct world *w, const char *dates)
{
  char *params = memory_printf("{\"name\":\"closed\",\"definition\":{\"dates\":%s}}", dates);
  world_expect(w, "set_calendar", params, "name", "closed");
  free(params);
}

/* At nine each day that is not closed. */
static void begin_many(struct world *w, const char *closed)
{
  struct buffer specs = {0};
  world_open(w, scratch_path("store.db"));
  set_closed(w, closed);
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < MANY; i++)
    buffer_printf(&specs,
                  "%s{\"id\":\"j%d\",\"run\":{\"shell\":\"true\"},"
                  "\"trigger\":\"0 9 * * * except=closed\"}",
                  i ? "," : "", i);
  buffer_append_text(&specs, "]}");
  world_expect(w, "add_jobs", specs.data, "added", "2000");
  buffer_deinit(&specs);
}

static void keep_house(struct world *w)
{
  world_keep_house(w);
  world_settle(w);
}

#define DUE_AT(day)                                                                                \
  "SELECT count(*) FROM job_progress WHERE next_us = unixepoch('2026-01-" day "T09:00') * 1000000"

static void many_follow_in_steps(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-01\"]");
  assert_int_equal(count_rows(&w, DUE_AT("02")), MANY);
  set_closed(&w, "[\"2026-01-01..2026-01-04\"]");
  assert_in_range(count_rows(&w, DUE_AT("05")), 1, MANY / 2);
  keep_house(&w);
  assert_int_equal(count_rows(&w, DUE_AT("05")), MANY);
  /* Another change comes while some follow the one before. */
  set_closed(&w, "[\"2026-01-02\"]");
  assert_int_equal(sched_idle(w.sched, w.now_us), 0);
  set_closed(&w, "[\"2026-01-01..2026-01-02\"]");
  keep_house(&w);
  assert_int_equal(count_rows(&w, DUE_AT("03")), MANY);
  world_close(&w);
}

static void a_crash_keeps_none_from_following(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-01\"]");
  set_closed(&w, "[\"2026-01-01..2026-01-04\"]");
  world_crash(&w);
  assert_int_equal(sched_idle(w.sched, w.now_us), 0);
  assert_in_range(count_rows(&w, DUE_AT("02")), 1, MANY);
  world_crash(&w);
  keep_house(&w);
  assert_int_equal(count_rows(&w, DUE_AT("05")), MANY);
  world_close(&w);
}

/* Nor when the change itself is taken back. */
static void a_full_disk_keeps_none_from_following(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-01\"]");
  set_closed(&w, "[\"2026-01-01..2026-01-04\"]");
  set_too_large(&w, "closed");
  keep_house(&w);
  assert_int_equal(count_rows(&w, DUE_AT("05")), MANY);
  world_close(&w);
}

static void none_fires_by_what_held_before(void **state)
{
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    struct world w;
    begin_many(&w, "[\"2026-01-03\"]");
    set_closed(&w, "[\"2026-01-01\"]");
    if (is_crashed)
      world_crash(&w);
    world_pass(&w, 10 * HOUR);
    assert_int_equal(world_run_count(&w), 0);
    keep_house(&w);
    assert_int_equal(count_rows(&w, DUE_AT("02")), MANY);
    world_close(&w);
  }
}

/* Its due times count from the change on, however late they are found. */
static void none_misses_what_holds_now(void **state)
{
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    struct world w;
    begin_many(&w, "[\"2026-01-01\"]");
    set_closed(&w, "[\"2026-01-02\"]");
    w.now_us += 10 * HOUR;
    if (is_crashed)
      world_crash(&w);
    keep_house(&w);
    assert_int_equal(world_run_count(&w), MANY);
    world_expect(&w, "run", "{\"run\":\"j1999\"}", "scheduled_at", "2026-01-01T09:00:00.000000Z");
    world_close(&w);
  }
}

/* How far they were is what it was by the calendar of then, also of those that a start reads. */
static void none_fires_for_what_was_closed(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-02\"]");
  world_pass(&w, 10 * HOUR);
  assert_int_equal(world_run_count(&w), MANY);
  world_finish_all(&w);
  world_pass(&w, DAY);
  set_closed(&w, "[\"2026-01-01\"]");
  world_crash(&w);
  keep_house(&w);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(count_rows(&w, DUE_AT("03")), MANY);
  world_close(&w);
}

/* It begins with the change, and has nothing to catch up with. */
static void who_is_changed_meanwhile_follows_already(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-01\"]");
  free(world_ask(&w, "pause_job", "{\"job\":\"j1998\"}"));
  set_closed(&w, "[\"2026-01-02\"]");
  w.now_us += 10 * HOUR;
  free(world_ask(&w, "reschedule_job",
                 "{\"job\":\"j1999\",\"trigger\":\"30 9 * * * except=closed\"}"));
  free(world_ask(&w, "resume_job", "{\"job\":\"j1998\"}"));
  assert_int_equal(world_skipped(&w, "j1998", "paused"), 1);
  keep_house(&w);
  assert_int_equal(world_run_count(&w), MANY - 2);
  world_expect(&w, "show", "{\"job\":\"j1998\"}", "next_run_at", "2026-01-03T09:00:00.000000Z");
  world_expect(&w, "show", "{\"job\":\"j1999\"}", "next_run_at", "2026-01-03T09:30:00.000000Z");
  world_close(&w);
}

/* Who begins anew between the change and a crash has nothing to catch up with, but follows the next
 * change. */
static void who_is_changed_before_a_crash_follows_already(void **state)
{
  struct world w;
  (void)state;
  begin_many(&w, "[\"2026-01-01\"]");
  set_closed(&w, "[\"2026-01-02\"]");
  w.now_us += 10 * SECOND;
  free(world_ask(&w, "add_job",
                 "{\"id\":\"new\",\"run\":{\"shell\":\"true\"},"
                 "\"trigger\":\"5 0 0 * * * except=closed\"}"));
  free(world_ask(&w, "reschedule_job",
                 "{\"job\":\"j1999\",\"trigger\":\"5 0 0 * * * except=closed\"}"));
  world_crash(&w);
  assert_int_equal(sched_idle(w.sched, w.now_us), 0);
  world_crash(&w);
  keep_house(&w);
  assert_int_equal(world_history(&w, "new", NULL), 0);
  assert_int_equal(world_history(&w, "j1999", NULL), 0);
  world_expect(&w, "show", "{\"job\":\"new\"}", "next_run_at", "2026-01-03T00:00:05.000000Z");
  assert_int_equal(count_rows(&w, "SELECT count(*) FROM subscriptions WHERE key LIKE '%begun%'"),
                   0);
  set_closed(&w, "[\"2026-01-01\"]");
  free(world_ask(&w, "reschedule_job",
                 "{\"job\":\"j1999\",\"trigger\":\"6 0 0 * * * except=closed\"}"));
  set_closed(&w, "[\"2026-01-01..2026-01-03\"]");
  world_crash(&w);
  keep_house(&w);
  world_expect(&w, "show", "{\"job\":\"j1999\"}", "next_run_at", "2026-01-04T00:00:06.000000Z");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(jobs_follow_a_change),
      cmocka_unit_test(limits_are_counted_anew),
      cmocka_unit_test(calendars_stay_while_they_are_used),
      cmocka_unit_test(a_broken_load_takes_nothing_over),
      cmocka_unit_test(calendars_survive_a_crash),
      cmocka_unit_test(what_was_refused_means_nothing),
      cmocka_unit_test(a_start_forgets_what_is_not_stored),
      cmocka_unit_test(one_that_cannot_be_read_holds_its_jobs),
      cmocka_unit_test(one_that_can_be_read_again_lets_its_jobs_go_on),
      cmocka_unit_test(a_range_of_skips_ends_with_a_change),
      cmocka_unit_test(many_follow_in_steps),
      cmocka_unit_test(a_crash_keeps_none_from_following),
      cmocka_unit_test(a_full_disk_keeps_none_from_following),
      cmocka_unit_test(none_fires_by_what_held_before),
      cmocka_unit_test(none_misses_what_holds_now),
      cmocka_unit_test(none_fires_for_what_was_closed),
      cmocka_unit_test(who_is_changed_meanwhile_follows_already),
      cmocka_unit_test(who_is_changed_before_a_crash_follows_already),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
