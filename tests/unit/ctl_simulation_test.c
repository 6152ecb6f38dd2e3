/* What the facts of a simulation are made into: fires, sums, how many at once, warnings. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/simulation_warn.h"

enum { JOBS_MAX = 8 };

#define MINUTE INT64_C(60000000)

struct fixture {
  struct simulation simulation;
  struct simulation_digest digest;
  struct simulation_warnings warnings;
  bool is_shown[JOBS_MAX];
};

static void add_job(struct fixture *f, const char *spec)
{
  struct json_document *document;
  struct error error;
  if (json_parse(spec, strlen(spec), &document, &error))
    fail_msg("%s", error.text);
  struct simulation_job *job = simulation_add_job(&f->simulation);
  if (job_from_json(json_root(document), "script", "UTC", &job->job, &error))
    fail_msg("%s", error.text);
  trigger_anchor(job->job->trigger, 0, job->job->id);
  job->next_us = JOB_NEVER;
  json_free(document);
}

/* In minutes. */
static struct simulation_attempt *add_attempt(struct fixture *f, int job, int due, int begin,
                                              int end)
{
  struct simulation_attempt *attempt = simulation_add_attempt(&f->simulation);
  *attempt = (struct simulation_attempt){.scheduled_us = due * MINUTE,
                                         .due_us = due * MINUTE,
                                         .begin_us = begin * MINUTE,
                                         .end_us = end * MINUTE,
                                         .job = job,
                                         .number = 1,
                                         .behind = -1,
                                         .state = RUN_SUCCEEDED};
  return attempt;
}

static void digest(struct fixture *f)
{
  simulation_digest_init(&f->digest, &f->simulation, f->is_shown);
  simulation_find_warnings(&f->digest, zone_utc(), &f->warnings);
}

static const char *warning(const struct fixture *f, const char *kind)
{
  for (size_t i = 0; i < f->warnings.count; i++)
    if (strcmp(f->warnings.items[i].kind, kind) == 0)
      return f->warnings.items[i].message;
  return "";
}

static int begin(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  memset(f->is_shown, true, sizeof f->is_shown);
  f->simulation.until_us = f->simulation.reached_us = 100 * MINUTE;
  *state = f;
  return 0;
}

static int end(void **state)
{
  struct fixture *f = *state;
  simulation_warnings_deinit(&f->warnings);
  simulation_digest_deinit(&f->digest);
  simulation_deinit(&f->simulation);
  free(f);
  return 0;
}

static void makes_one_fire_of_the_attempts_of_a_run(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_attempt(f, 0, 10, 10, 12)->state = RUN_FAILED;
  add_attempt(f, 1, 10, 11, 40)->wait = WAITED_FOR_POOL;
  struct simulation_attempt *second = add_attempt(f, 0, 10, 14, 15);
  second->number = 2;
  add_attempt(f, 1, 20, 20, 25);
  digest(f);
  assert_int_equal(f->digest.fire_count, 3);
  const struct simulation_fire *fire = f->digest.fires;
  assert_int_equal(fire[0].attempts, 2);
  assert_int_equal(fire[0].begin_us, 10 * MINUTE);
  assert_int_equal(fire[0].end_us, 15 * MINUTE);
  assert_int_equal(fire[0].state, RUN_SUCCEEDED);
  assert_int_equal(fire[0].together, 1);
  assert_int_equal(fire[1].wait_us, MINUTE);
  assert_int_equal(fire[1].together, 2);
  assert_int_equal(fire[2].beside, 1);
  assert_int_equal(f->digest.jobs[0].retries, 1);
  assert_int_equal(f->digest.jobs[0].longest_us, 5 * MINUTE);
  assert_int_equal(f->digest.jobs[1].load.peak, 2);
  assert_int_equal(f->digest.jobs[1].load.peak_us, 20 * MINUTE);
  assert_int_equal(f->digest.total.load.peak, 2);
  assert_int_equal(f->digest.total.load.peak_us, 11 * MINUTE);
  assert_int_equal(f->digest.total.longest_waiter, 1);
}

static void waits_of_all_attempts_count(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"0 0 * * *\",\"pool\":\"p\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"0 0 * * *\",\"pool\":\"p\"}");
  simulation_add_pool(&f->simulation)->name = strdup("p");
  add_attempt(f, 0, 10, 12, 14)->wait = WAITED_FOR_RATE;
  struct simulation_attempt *second = add_attempt(f, 0, 10, 50, 55);
  second->number = 2;
  second->due_us = 24 * MINUTE;
  second->wait = WAITED_FOR_POOL;
  second->behind = 1;
  add_attempt(f, 1, 10, 10, 11)->next_us = 60 * MINUTE;
  digest(f);
  const struct simulation_fire *fire = f->digest.fires;
  assert_int_equal(fire[0].wait_us, (2 + 26) * MINUTE);
  assert_int_equal(fire[0].wait, WAITED_FOR_POOL);
  assert_int_equal(fire[0].behind, 1);
  assert_int_equal(fire[1].state, RUN_PENDING);
  assert_int_equal(fire[1].next_us, 60 * MINUTE);
  assert_int_equal(f->digest.total.unsuccessful, 0);
  assert_int_equal(f->digest.jobs[0].waited, 1);
  assert_int_equal(f->digest.pools[0].waited, 1);
  assert_int_equal(f->digest.pools[0].longest_wait_us, 26 * MINUTE);
}

static void who_ends_makes_room_for_who_begins(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\",\"pool\":\"p\"}");
  struct simulation_pool *pool = simulation_add_pool(&f->simulation);
  pool->name = strdup("p");
  pool->slots = 1;
  for (int i = 0; i < 10; i++)
    add_attempt(f, 0, i * 10, i * 10, i * 10 + (i < 5 ? 10 : 9));
  add_attempt(f, 0, 100, 100, 300); /* behind the end */
  digest(f);
  assert_int_equal(f->digest.jobs[0].load.peak, 1);
  assert_int_equal(f->digest.total.busiest, 1);
  assert_int_equal(f->digest.pools[0].load.full_us, 95 * MINUTE);
  assert_string_equal(warning(f, "pool_full"), "the pool p is full for 95 % of the time (1 slot)");
}

/* As of a run that another one ends at the instant at which both begin. */
static void who_ends_at_once_was_there(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_attempt(f, 0, 10, 10, 20);
  add_attempt(f, 0, 20, 20, 20)->scheduled_us++;
  add_attempt(f, 0, 20, 20, 30);
  add_attempt(f, 1, 40, 40, 40);
  digest(f);
  for (size_t i = 0; i < f->digest.fire_count; i++) {
    assert_int_equal(f->digest.fires[i].together, 1);
    assert_int_equal(f->digest.fires[i].beside, 0);
  }
  assert_int_equal(f->digest.fire_count, 4);
  assert_int_equal(f->digest.jobs[0].load.peak, 1);
  assert_int_equal(f->digest.jobs[1].load.peak, 1);
}

static void skips_are_counted_one_by_one(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  for (int job = 0; job < 2; job++) {
    add_attempt(f, job, 10, 10, 45);
    *simulation_add_skip(&f->simulation) =
        (struct simulation_skip){job, SKIP_OVERLAP, 20 * MINUTE, 40 * MINUTE, 3, WAITED_NOT, NULL};
  }
  *simulation_add_skip(&f->simulation) =
      (struct simulation_skip){1, -1, 50 * MINUTE, 50 * MINUTE, 1, WAITED_FOR_OVERLAP, NULL};
  digest(f);
  assert_int_equal(f->digest.jobs[0].fires, 4);
  assert_int_equal(f->digest.jobs[0].skips_of[SKIP_OVERLAP], 3);
  assert_int_equal(f->digest.jobs[0].minutes, 4);
  assert_int_equal(f->digest.jobs[0].least_gap_us, 10 * MINUTE);
  assert_int_equal(f->digest.total.fires, 9);
  assert_string_equal(warning(f, "longer_than_interval"),
                      "a takes 35m, and is due every 10m: 3 of 4 due times are skipped");
  assert_string_equal(warning(f, "still_waiting"),
                      "b: 1 due time waits still at the end of the span");
  assert_string_equal(warning(f, "same_minute"), ""); /* b is due once more */
}

/* In 40 minutes a run every 20, and events every 4. */
static void who_is_set_off_more_often_than_it_can_run_is_told(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"on_event x\",\"pool\":\"p\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"on_event x\"}");
  simulation_add_pool(&f->simulation)->name = strdup("p");
  for (int i = 0; i < 2; i++) {
    add_attempt(f, 0, i * 4, i * 20, (i + 1) * 20)->wait = i ? WAITED_FOR_OVERLAP : WAITED_NOT;
    add_attempt(f, 1, i, i, i + 2); /* close to each other, which is chance */
  }
  add_attempt(f, 1, 40, 40, 42);
  *simulation_add_skip(&f->simulation) =
      (struct simulation_skip){0, -1, 8 * MINUTE, 40 * MINUTE, 9, WAITED_FOR_POOL, NULL};
  f->is_shown[1] = true;
  digest(f);
  assert_string_equal(
      warning(f, "longer_than_interval"),
      "a takes 20m, and is set off every 4m: its runs wait for each other, up to 16m");
  assert_int_equal(f->digest.jobs[0].fires, 11);
  assert_int_equal(f->digest.pools[0].waits, 9);
}

/* No due time of a job that is paused meets others, or comes too soon. */
static void who_is_paused_meets_nobody(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  for (int job = 0; job < 2; job++)
    *simulation_add_skip(&f->simulation) =
        (struct simulation_skip){job, SKIP_PAUSED, 0, 90 * MINUTE, 10, WAITED_NOT, NULL};
  digest(f);
  assert_int_equal(f->digest.total.skips_of[SKIP_PAUSED], 20);
  assert_int_equal(f->warnings.count, 0);
}

static void who_is_not_shown_counts_for_the_load_alone(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"0 0 * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"0 0 * * *\"}");
  add_attempt(f, 0, 10, 10, 45);
  add_attempt(f, 1, 20, 20, 45);
  f->is_shown[0] = false;
  digest(f);
  assert_int_equal(f->digest.fire_count, 1);
  assert_int_equal(f->digest.fires[0].together, 2);
  assert_int_equal(f->digest.total.runs, 1);
  assert_int_equal(f->digest.total.load.peak, 2);
  assert_int_equal(f->warnings.count, 0);
}

static void jobs_that_always_meet_are_told_once(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/20 * * * *\"}");
  add_job(f, "{\"id\":\"b\",\"run\":true,\"trigger\":\"*/20 * * * *\"}");
  add_job(f, "{\"id\":\"c\",\"run\":true,\"trigger\":\"*/20 * * * *\"}");
  add_job(f, "{\"id\":\"d\",\"run\":true,\"trigger\":\"every 20m\"}");
  add_job(f, "{\"id\":\"e\",\"run\":true,\"trigger\":\"after_job a\"}");
  for (int i = 0; i < 5; i++)
    for (int job = 0; job < 5; job++)
      add_attempt(f, job, i * 20 + (job == 3), i * 20 + (job == 3), i * 20 + 2);
  digest(f);
  assert_int_equal(f->warnings.count, 1);
  assert_int_equal(f->warnings.items[0].job_count, 3);
  assert_memory_equal(warning(f, "same_minute"), "a, b and c are always", 21);
}

static void a_span_that_is_cut_short_is_told_first(void **state)
{
  struct fixture *f = *state;
  add_job(f, "{\"id\":\"a\",\"run\":true,\"trigger\":\"*/10 * * * *\"}");
  for (int i = 0; i < 3; i++)
    add_attempt(f, 0, i * 10, i * 10, i * 10 + 20);
  f->simulation.reached_us = 30 * MINUTE;
  digest(f);
  assert_int_equal(f->warnings.count, 2);
  assert_string_equal(f->warnings.items[0].kind, "cut_short");
  assert_string_equal(f->warnings.items[0].message,
                      "cut short at 1970-01-01 00:30:00 UTC: there are more runs and skips than "
                      "--most lets through, and what is told here is of the time before");
}

static void the_last_wish_that_fits_counts(void **state)
{
  (void)state;
  const struct simulation_wish wishes[] = {{"*", 1}, {"etl-*", 2}, {"etl-a", 3}};
  assert_int_equal(simulation_find_wish(wishes, 3, "etl-a")->value, 3);
  assert_int_equal(simulation_find_wish(wishes, 3, "etl-b")->value, 2);
  assert_int_equal(simulation_find_wish(wishes, 3, "x")->value, 1);
  assert_null(simulation_find_wish(wishes + 1, 2, "x"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(makes_one_fire_of_the_attempts_of_a_run, begin, end),
      cmocka_unit_test_setup_teardown(waits_of_all_attempts_count, begin, end),
      cmocka_unit_test_setup_teardown(who_ends_makes_room_for_who_begins, begin, end),
      cmocka_unit_test_setup_teardown(who_ends_at_once_was_there, begin, end),
      cmocka_unit_test_setup_teardown(skips_are_counted_one_by_one, begin, end),
      cmocka_unit_test_setup_teardown(who_is_set_off_more_often_than_it_can_run_is_told, begin,
                                      end),
      cmocka_unit_test_setup_teardown(who_is_paused_meets_nobody, begin, end),
      cmocka_unit_test_setup_teardown(who_is_not_shown_counts_for_the_load_alone, begin, end),
      cmocka_unit_test_setup_teardown(jobs_that_always_meet_are_told_once, begin, end),
      cmocka_unit_test_setup_teardown(a_span_that_is_cut_short_is_told_first, begin, end),
      cmocka_unit_test(the_last_wish_that_fits_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
