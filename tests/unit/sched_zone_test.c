/* Another version of the tz database. After a start with it, what has been decided stays decided,
 * the due time that stands is one, and those behind it are by the new version. A daemon that runs
 * finds the due time that stands anew, unless it has come. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"
#include "time/zone.h"

static char *link_path, *store_path;

static void decide(const char *zone)
{
  char target[64];
  snprintf(target, sizeof target, "/usr/share/zoneinfo/%s", zone);
  unlink(link_path);
  assert_int_equal(symlink(target, link_path), 0);
  zone_refresh();
}

static int begin(void **state)
{
  (void)state;
  char *folder = scratch_folder();
  link_path = memory_printf("%s/Here", folder);
  store_path = scratch_path("store.db");
  return setenv("TZDIR", folder, 1);
}

static int end(void **state)
{
  (void)state;
  free(link_path);
  return unsetenv("TZDIR");
}

static const char job[] =
    "{\"jobs\":[{\"id\":\"a\",\"run\":true,\"coalesce\":\"all\",\"replay_limit\":2,"
    "\"trigger\":{\"kind\":\"cron\",\"expression\":\"43 * * * *\","
    "\"timezone\":\"Here\"}}]}";

static void begin_here(struct world *w)
{
  decide("Asia/Kolkata");
  world_open(w, store_path);
  world_save(w, "s", job);
  world_expect(w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:13:00.000000Z");
}

/* 00:13, and then 58 minutes past each hour. */
static void go_on_there(struct world *w, int64_t us)
{
  decide("Asia/Kathmandu");
  w->now_us += us;
  world_crash(w);
  world_save(w, "s", job);
}

static void what_stands_is_run(void **state)
{
  struct world w;
  (void)state;
  begin_here(&w);
  go_on_there(&w, MINUTE);
  world_pass(&w, 13 * MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:58:00.000000Z");
  world_close(&w);
}

static void what_stands_is_counted(void **state)
{
  struct world w;
  (void)state;
  begin_here(&w);
  go_on_there(&w, 5 * HOUR);
  for (int i = 0; i < 3; i++) { /* one after the other */
    world_finish_all(&w);
    world_pass(&w, SECOND);
  }
  assert_int_equal(world_skipped(&w, "a", "misfire"), 4);
  assert_int_equal(world_history(&w, "a", "succeeded"), 2);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T05:58:00.000000Z");
  world_close(&w);
}

/* The same while the daemon runs, as its front tells it. */
static void go_on_here(struct world *w)
{
  decide("Asia/Kathmandu");
  struct message *m = message_create(MESSAGE_ZONES, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.zones.count = 1;
  world_tell(w, m);
  world_keep_house(w);
}

static void what_stands_is_found_anew(void **state)
{
  struct world w;
  (void)state;
  begin_here(&w);
  go_on_here(&w);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:58:00.000000Z");
  world_crash(&w);
  world_save(&w, "s", job);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:58:00.000000Z");
  world_close(&w);
}

static void what_has_come_is_due(void **state)
{
  struct world w;
  (void)state;
  begin_here(&w);
  free(world_ask(&w, "pause_job", "{\"job\":\"a\"}"));
  world_pass(&w, 20 * MINUTE);
  go_on_here(&w);
  free(world_ask(&w, "resume_job", "{\"job\":\"a\"}"));
  assert_int_equal(world_skipped(&w, "a", "paused"), 1);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:58:00.000000Z");
  world_close(&w);
}

static void what_was_decided_is_not_repeated(void **state)
{
  struct world w;
  (void)state;
  begin_here(&w);
  free(world_ask(&w, "pause_job", "{\"job\":\"a\"}"));
  world_pass(&w, 5 * HOUR);
  free(world_ask(&w, "resume_job", "{\"job\":\"a\"}"));
  assert_int_equal(world_skipped(&w, "a", "paused"), 5);
  w.now_us -= 3 * HOUR;
  go_on_here(&w);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T04:58:00.000000Z");
  world_close(&w);
}

/* Somebody else has the store. What is taken back is all that memory holds: not again at once. */
static void a_step_that_fails_is_tried_again_after_a_second(void **state)
{
  struct world w;
  sqlite3 *other;
  (void)state;
  begin_here(&w);
  decide("Asia/Kathmandu");
  struct message *m = message_create(MESSAGE_ZONES, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.zones.count = 1;
  world_tell(&w, m);
  assert_int_equal(sqlite3_open(store_path, &other), SQLITE_OK);
  sqlite3_busy_timeout(w.store->db, 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sched_idle(w.sched, w.now_us), SECOND);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    world_settle(&w);
    w.now_us += SECOND / 4;
    assert_int_equal(sched_idle(w.sched, w.now_us), SECOND * 3 / 4);
    w.now_us += SECOND * 3 / 4;
  }
  sqlite3_close(other);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:13:00.000000Z");
  world_keep_house(&w);
  world_expect(&w, "show", "{\"job\":\"a\"}", "next_run_at", "2026-01-01T00:58:00.000000Z");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_stands_is_run, begin, end),
      cmocka_unit_test_setup_teardown(what_stands_is_counted, begin, end),
      cmocka_unit_test_setup_teardown(what_stands_is_found_anew, begin, end),
      cmocka_unit_test_setup_teardown(what_has_come_is_due, begin, end),
      cmocka_unit_test_setup_teardown(what_was_decided_is_not_repeated, begin, end),
      cmocka_unit_test_setup_teardown(a_step_that_fails_is_tried_again_after_a_second, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
