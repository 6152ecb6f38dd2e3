/* What goes with a job that goes: who uses a pool, follows a calendar or waits for an event is
 * known by the jobs that there are. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static void set(struct world *w)
{
  world_expect(w, "set_pool", "{\"name\":\"db\",\"slots\":1}", "name", "db");
  world_expect(w, "set_calendar", "{\"name\":\"closed\",\"definition\":{\"weekdays\":\"fri\"}}",
               "name", "closed");
}

static void add(struct world *w, const char *params)
{
  world_expect(w, "add_job", params, "id", "t");
}

#define ADD_TWO_FIRES                                                                              \
  "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"pool\":\"db\","                                    \
  "\"trigger\":\"0 9 * * * except=closed limit=2\"}"

static int64_t count_subscriptions(struct world *w)
{
  int64_t count = -1;
  struct error error;
  assert_int_equal(store_ask(w->store, "SELECT count(*) FROM subscriptions", &count, &error),
                   ERROR_OK);
  return count;
}

static void expect_unused(struct world *w)
{
  assert_int_equal(count_subscriptions(w), 0);
  world_expect(w, "remove_pool", "{\"name\":\"db\"}", "name", "db");
  world_expect(w, "remove_calendar", "{\"name\":\"closed\"}", "name", "closed");
}

static void a_job_that_is_over_uses_nothing(void **state)
{
  struct world w;
  (void)state;
  for (int is_crashed = 0; is_crashed < 2; is_crashed++) {
    world_open(&w, scratch_path("store.db"));
    set(&w);
    add(&w, ADD_TWO_FIRES);
    for (int day = 0; day < 4; day++) {
      world_live(&w, DAY);
      world_finish_all(&w);
    }
    world_expect(&w, "show", "{\"job\":\"t\"}", "state", "finished");
    assert_int_equal(count_subscriptions(&w), 2);
    w.now_us += 31 * DAY;
    world_keep_house(&w);
    world_expect(&w, "show", "{\"job\":\"t\"}", "error", "error: not_found: there is no job \"t\"");
    if (is_crashed)
      world_crash(&w);
    expect_unused(&w);
    world_close(&w);
  }
}

/* Its trigger and pool cannot be read any more. */
static void an_unreadable_job_that_is_removed_uses_nothing(void **state)
{
  struct world w;
  struct error error;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  set(&w);
  add(&w, ADD_TWO_FIRES);
  world_crash(&w);
  assert_int_equal(store_begin(w.store, &error), ERROR_OK);
  assert_int_equal(store_execute(w.store, "UPDATE jobs SET spec = '{'", &error), ERROR_OK);
  assert_int_equal(store_commit(w.store, &error), ERROR_OK);
  world_crash(&w);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "error");
  world_expect(&w, "remove_job", "{\"job\":\"t\"}", "id", "t");
  expect_unused(&w);
  world_close(&w);
}

/* One that has ended in a skip, and is run by hand when that is old. */
static void a_job_with_an_open_run_stays(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  add(&w, "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"enabled\":false,"
          "\"trigger\":\"at 2026-01-01T00:01:00Z\"}");
  world_pass(&w, HOUR);
  world_expect(&w, "resume_job", "{\"job\":\"t\"}", "state", "finished");
  assert_int_equal(world_skipped(&w, "t", "paused"), 1);
  w.now_us += 31 * DAY;
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  assert_int_equal(world_run_count(&w), 1);
  world_keep_house(&w);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "finished");
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "t", "succeeded"), 1);
  world_close(&w);
}

/* The later one of two runs has ended, and is old when the earlier one ends. */
static void a_job_is_over_when_its_last_open_run_is(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  add(&w, "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"max_instances\":2,"
          "\"trigger\":\"at 2026-01-01T00:01:00Z\"}");
  world_live(&w, HOUR);
  world_tell_started(&w);
  struct message *first = message_list_pop(&w.runs);
  assert_non_null(first);
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  world_finish_all(&w);
  w.now_us += 31 * DAY;
  world_keep_house(&w);
  message_list_append(&w.runs, first);
  struct message *line = message_create(MESSAGE_LOG, first->to, ADDRESS_SCHEDULER);
  line->as.log.attempt = first->as.run.attempt;
  line->as.log.text = memory_strdup("still here");
  line->as.log.at_us = w.now_us;
  line->as.log.level = 1;
  world_tell(&w, line);
  world_finish_all(&w);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "finished");
  world_expect(&w, "run", "{\"run\":\"t@2026-01-01T00:01:00Z\"}", "state", "succeeded");
  w.now_us += MINUTE;
  world_keep_house(&w);
  world_expect(&w, "show", "{\"job\":\"t\"}", "error", "error: not_found: there is no job \"t\"");
  world_close(&w);
}

/* Housekeeping has failed, and is tried again a second later: by then the WAL might have all the
 * room that there is. */
static void a_checkpoint_is_not_put_off(void **state)
{
  char *path = scratch_path("store.db");
  struct world w;
  sqlite3 *other;
  (void)state;
  world_open(&w, path);
  set(&w);
  assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_busy_timeout(w.store->db, 0);
  assert_int_equal(sched_idle(w.sched, w.now_us), SECOND);
  sqlite3_close(other);
  w.store->wal_pages = w.store->moved_pages + 10000;
  assert_int_equal(sched_idle(w.sched, w.now_us), 0);
  assert_int_equal(w.store->wal_pages, 0);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_job_that_is_over_uses_nothing),
      cmocka_unit_test(an_unreadable_job_that_is_removed_uses_nothing),
      cmocka_unit_test(a_job_with_an_open_run_stays),
      cmocka_unit_test(a_job_is_over_when_its_last_open_run_is),
      cmocka_unit_test(a_checkpoint_is_not_put_off),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
