/* What due times become: runs, skips, nothing lost, nothing twice. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "support/scratch.h"
#include "support/world.h"

static const char ticker[] =
    "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1s\"}],\"listeners\":[]}";

static void ticks_become_runs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  for (int i = 1; i <= 10; i++) {
    world_pass(&w, SECOND);
    assert_int_equal(world_run_count(&w), 1);
    world_finish(&w, RUN_SUCCEEDED, "7", NULL);
  }
  assert_int_equal(world_history(&w, "t", "succeeded"), 10);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 0);
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:00:11.000000Z");
  world_close(&w);
}

static void a_sleep_of_a_day_is_one_run(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  world_pass(&w, DAY + SECOND);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 86400);
  world_finish_all(&w);
  world_expect(&w, "run", "{\"run\":\"t\"}", "scheduled_at", "2026-01-02T00:00:01.000000Z");
  world_close(&w);
}

static void grace_turns_late_fires_into_skips(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_pass(&w, SECOND);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 * * * *\","
             "\"misfire_grace_time\":\"10m\"}]}");
  world_pass(&w, 3 * HOUR + 30 * MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 3);
  world_pass(&w, 30 * MINUTE + 5 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

static void coalesce_all_runs_each(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1m\",\"coalesce\":\"all\","
             "\"overlap\":\"allow\",\"misfire_grace_time\":\"1h\"}]}");
  world_pass(&w, 3 * HOUR);
  assert_int_equal(world_run_count(&w), 61);
  assert_int_equal(world_skipped(&w, "t", "misfire"), 119);
  world_close(&w);
}

static void overlap_is_skipped_and_recorded(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  world_live(&w, 5 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 4);
  world_expect(&w, "skips", "{\"job\":\"t\"}", "skips",
               "[{\"job\":\"t\",\"first_at\":\"2026-01-01T00:00:02.000000Z\","
               "\"last_at\":\"2026-01-01T00:00:05.000000Z\",\"count\":4,\"reason\":\"overlap\","
               "\"recorded_at\":\"2026-01-01T00:00:05.000000Z\"}]");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_live(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* One row counts the due times of one trigger, even when the next one goes on in its step. */
static void a_range_ends_with_its_trigger(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  world_live(&w, 5 * SECOND);
  world_expect(&w, "reschedule_job",
               "{\"job\":\"t\",\"trigger\":\"every 2s start=2026-01-01T00:00:06Z\"}", "next_run_at",
               "2026-01-01T00:00:06.000000Z");
  world_live(&w, 3 * SECOND);
  world_expect(&w, "skips", "{\"job\":\"t\"}", "skips",
               "[{\"job\":\"t\",\"first_at\":\"2026-01-01T00:00:06.000000Z\","
               "\"last_at\":\"2026-01-01T00:00:08.000000Z\",\"count\":2,\"reason\":\"overlap\","
               "\"recorded_at\":\"2026-01-01T00:00:08.000000Z\"},"
               "{\"job\":\"t\",\"first_at\":\"2026-01-01T00:00:02.000000Z\","
               "\"last_at\":\"2026-01-01T00:00:05.000000Z\",\"count\":4,\"reason\":\"overlap\","
               "\"recorded_at\":\"2026-01-01T00:00:05.000000Z\"}]");
  world_close(&w);
}

static void max_instances_allows_that_many(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1s\",\"max_instances\":3},"
             "{\"id\":\"u\",\"run\":true,\"trigger\":\"every 1s\",\"overlap\":\"allow\"}]}");
  world_live(&w, 10 * SECOND);
  assert_int_equal(world_history(&w, "t", NULL), 3);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 7);
  assert_int_equal(world_history(&w, "u", NULL), 10);
  world_close(&w);
}

static void a_pause_is_recorded(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  world_pass(&w, 100 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "resume_job", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:01:41.000000Z");
  assert_int_equal(world_skipped(&w, "t", "paused"), 100);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* Another trigger is no way to lose what was due by the old one. */
static void a_change_of_trigger_records_what_was_due(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  world_pass(&w, 100 * SECOND);
  world_expect(&w, "reschedule_job", "{\"job\":\"t\",\"trigger\":\"every 1h\"}", "state", "paused");
  assert_int_equal(world_skipped(&w, "t", "paused"), 100);
  world_expect(&w, "resume_job", "{\"job\":\"t\"}", "state", "active");
  w.now_us += 3 * HOUR;
  world_expect(&w, "reschedule_job", "{\"job\":\"t\",\"trigger\":\"every 1s\"}", "state", "active");
  assert_int_equal(world_skipped(&w, "t", "misfire"), 3);
  world_close(&w);
}

static void failures_are_tried_again(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(
      &w, "a",
      "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"in 1s\",\"retry\":{\"attempts\":3,"
      "\"delay\":\"10s\",\"backoff\":\"exponential\"}}]}");
  world_pass(&w, SECOND);
  world_finish(&w, RUN_FAILED, NULL, "first");
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, 9 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_pass(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_finish(&w, RUN_TIMED_OUT, NULL, "second");
  world_pass(&w, 20 * SECOND);
  world_finish(&w, RUN_FAILED, NULL, "third");
  world_pass(&w, DAY);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "run", "{\"run\":\"t\"}", "state", "failed");
  world_expect(&w, "run", "{\"run\":\"t\"}", "attempt", "3");
  world_expect(&w, "run", "{\"run\":\"t\"}", "error", "third");
  world_close(&w);
}

static void a_stale_finish_changes_nothing(void **state)
{
  struct world w;
  struct message_list in = {0}, out = {0};
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  world_pass(&w, SECOND);
  struct message *stale = message_create(MESSAGE_FINISHED, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  stale->as.finished.attempt = w.runs.first->as.run.attempt;
  stale->as.finished.attempt.fence--;
  stale->as.finished.state = RUN_FAILED;
  message_list_append(&in, stale);
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  message_list_deinit(&out);
  assert_int_equal(world_history(&w, "t", "pending"), 1);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  assert_int_equal(world_history(&w, "t", "succeeded"), 1);
  world_close(&w);
}

static void a_clock_set_back_repeats_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"* * * * *\"}]}");
  world_live(&w, 10 * MINUTE);
  world_finish_all(&w);
  int before = world_history(&w, "t", NULL);
  world_pass(&w, -5 * MINUTE);
  world_live(&w, 5 * MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "t", NULL), before);
  world_live(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

static void a_date_in_the_past_runs_once(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  free(world_ask(&w, "add_job",
                 "{\"id\":\"o\",\"func\":\"a.f\",\"trigger\":\"at 2025-01-01T00:00:00Z\"}"));
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  world_expect(&w, "show", "{\"job\":\"o\"}", "state", "finished");
  world_pass(&w, DAY);
  assert_int_equal(world_run_count(&w), 0);
  world_close(&w);
}

static void history_is_cut(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", ticker);
  for (int i = 0; i < 1300; i++) {
    world_pass(&w, SECOND);
    world_finish_all(&w);
    if (i % 50 == 0)
      world_keep_house(&w);
  }
  w.now_us += 6 * SECOND;
  world_keep_house(&w);
  struct stored_job stored = {0};
  assert_int_equal(store_find_job(w.store, "t", &stored, NULL), ERROR_OK);
  assert_in_range(stored.progress.runs_kept, 1000, 1160);
  stored_job_deinit(&stored);

  /* And by age. */
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  w.now_us += 31 * DAY;
  world_keep_house(&w);
  assert_int_equal(world_history(&w, "t", NULL), 0);
  world_close(&w);
}

static void ten_thousand_at_once(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", "{\"jobs\":[],\"functions\":[\"f\"]}");
  struct buffer specs = {0};
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 10000; i++)
    buffer_printf(&specs,
                  "%s{\"id\":\"o%d\",\"func\":\"a.f\",\"args\":[%d],"
                  "\"trigger\":\"at 2026-01-01T01:00:00Z\"}",
                  i ? "," : "", i, i);
  buffer_append_text(&specs, "]}");
  world_expect(&w, "add_jobs", specs.data, "added", "10000");
  buffer_deinit(&specs);
  world_pass(&w, HOUR);
  assert_int_equal(world_run_count(&w), 10000);
  world_finish_all(&w);
  world_expect(&w, "status", "{}", "jobs.finished", "10000");
  world_expect(&w, "status", "{}", "runs.pending", "0");
  world_close(&w);
}

/* Who was due while its script was loaded is found again, however many others are due soon. */
static void a_load_holds_up_nobody(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", ticker);
  struct buffer specs = {0};
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < 1500; i++)
    buffer_printf(&specs,
                  "%s{\"id\":\"o%d\",\"run\":{\"shell\":\"true\"},\"trigger\":\"every 4m\"}",
                  i ? "," : "", i);
  buffer_append_text(&specs, "]}");
  world_expect(&w, "add_jobs", specs.data, "added", "1500");
  buffer_deinit(&specs);
  world_crash(&w);
  world_pass(&w, SECOND);
  world_save(&w, "a", ticker);
  world_finish_all(&w);
  for (int i = 0; i < 59; i++) {
    world_live(&w, SECOND);
    world_finish_all(&w);
  }
  assert_int_equal(world_history(&w, "t", "succeeded"), 60);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ticks_become_runs),
      cmocka_unit_test(a_sleep_of_a_day_is_one_run),
      cmocka_unit_test(grace_turns_late_fires_into_skips),
      cmocka_unit_test(coalesce_all_runs_each),
      cmocka_unit_test(overlap_is_skipped_and_recorded),
      cmocka_unit_test(a_range_ends_with_its_trigger),
      cmocka_unit_test(max_instances_allows_that_many),
      cmocka_unit_test(a_pause_is_recorded),
      cmocka_unit_test(a_change_of_trigger_records_what_was_due),
      cmocka_unit_test(failures_are_tried_again),
      cmocka_unit_test(a_stale_finish_changes_nothing),
      cmocka_unit_test(a_clock_set_back_repeats_nothing),
      cmocka_unit_test(a_date_in_the_past_runs_once),
      cmocka_unit_test(history_is_cut),
      cmocka_unit_test(ten_thousand_at_once),
      cmocka_unit_test(a_load_holds_up_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
