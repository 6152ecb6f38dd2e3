/* A job whose row cannot be read any more is held, whatever happens around it, says why, and is
 * what it was when it can be read again. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static const char source[] = "{\"jobs\":[{\"id\":\"t\",\"run\":true,\"trigger\":\"0 9 * * *\"}]}";

static void change_by_hand(struct world *w, const char *sql)
{
  struct error error;
  world_crash(w);
  assert_int_equal(store_begin(w->store, &error), ERROR_OK);
  assert_int_equal(store_execute(w->store, sql, &error), ERROR_OK);
  assert_int_equal(store_commit(w->store, &error), ERROR_OK);
  world_crash(w);
}

static void expect_state(struct world *w, const char *state)
{
  world_expect(w, "show", "{\"job\":\"t\"}", "state", state);
}

static void expect_in_answer(struct world *w, const char *operation, const char *part)
{
  char *answer = world_ask(w, operation, "{\"job\":\"t\"}");
  if (!strstr(answer, part))
    fail_msg("%s: %s", operation, answer);
  free(answer);
}

static void it_is_held_with_the_reason(void **state)
{
  static const char why[] = "job \\\"t\\\" as it is stored: ",
                    refused[] =
                        "error: conflict: job \"t\" cannot run: job \"t\" as it is stored: ";
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  free(
      world_ask(&w, "set_calendar", "{\"name\":\"closed\",\"definition\":{\"weekdays\":\"fri\"}}"));
  world_expect(
      &w, "add_job",
      "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"trigger\":\"0 9 * * * except=closed\"}", "id",
      "t");
  change_by_hand(&w, "UPDATE jobs SET trigger = '{'");
  expect_in_answer(&w, "why", why);
  expect_in_answer(&w, "run_now", refused);
  expect_in_answer(&w, "resume_job", refused);
  expect_state(&w, "error");
  world_expect(&w, "set_calendar", "{\"name\":\"closed\",\"definition\":{\"weekdays\":\"sat\"}}",
               "name", "closed");
  world_live(&w, DAY);
  expect_in_answer(&w, "why", why);
  world_expect(&w, "pause_job", "{\"job\":\"t\"}", "state", "paused");
  expect_in_answer(&w, "resume_job", refused);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "t", NULL), 0);
  world_close(&w);
}

/* Nothing of it begins: neither what is due, nor what was cut off. */
static void its_script_does_not_run_it(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_save(&w, "a", source);
  world_live(&w, 10 * HOUR);
  world_keep_house(&w);
  assert_int_equal(world_run_count(&w), 1);
  change_by_hand(&w, "UPDATE jobs SET trigger = '{'; UPDATE job_progress SET state = 3");
  world_save(&w, "a", source);
  world_live(&w, 2 * DAY);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "t", NULL), 1);
  expect_state(&w, "error");
  change_by_hand(&w, "UPDATE jobs SET trigger = '{\"kind\":\"cron\",\"expression\":\"0 9 * * *\","
                     "\"timezone\":\"UTC\"}'");
  world_save(&w, "a", source);
  world_live(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "t", "succeeded"), 1);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 2); /* nothing is forgotten */
  world_close(&w);
}

/* Its claims are written to it, its state is not. */
static void its_state_stays_as_it_is_stored(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, scratch_path("store.db"));
  world_expect(&w, "add_job",
               "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"trigger\":\"0 9 * * *\"}", "id", "t");
  world_pass(&w, 9 * HOUR);
  change_by_hand(&w, "UPDATE jobs SET trigger = '{' || trigger");
  expect_state(&w, "error");
  world_pass(&w, MINUTE);
  world_keep_house(&w);
  change_by_hand(&w, "UPDATE jobs SET trigger = substr(trigger, 2)");
  expect_state(&w, "active");
  world_expect(&w, "show", "{\"job\":\"t\"}", "last_run_at", "2026-01-01T09:00:00.000000Z");
  world_finish_all(&w);
  world_live(&w, DAY);
  assert_int_equal(world_history(&w, "t", NULL), 2);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_held_with_the_reason),
      cmocka_unit_test(its_script_does_not_run_it),
      cmocka_unit_test(its_state_stays_as_it_is_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
