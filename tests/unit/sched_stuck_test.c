/* Workers that do not come back from C, as the app tells of them: what has not begun goes elsewhere
 * at once, what has begun after the grace, and an address that is free again is as good as new. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/world.h"

/* Of script a is the call; what is stuck with it is of script b. */
static const char culprit[] = "{\"jobs\":[{\"id\":\"c\",\"run\":true,\"trigger\":\"every 10m\"},"
                              "{\"id\":\"d\",\"run\":true,\"trigger\":\"every 10m\"}]}";
static const char others[] =
    "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\"},"
    "{\"id\":\"y\",\"run\":true,\"trigger\":\"every 10m\",\"delivery\":\"at_most_once\"}]}";

/* The world has two workers. */
enum { STUCK = ADDRESS_WORKER, BESIDE, OTHER };

static const struct message *find_run(const struct world *w, const char *job)
{
  const struct message *last = NULL;
  for (const struct message *run = w->runs.first; run; run = run->next)
    if (strcmp(run->as.run.job_id, job) == 0)
      last = run;
  assert_non_null(last);
  return last;
}

static int count_runs(const struct world *w, const char *job)
{
  int count = 0;
  for (const struct message *run = w->runs.first; run; run = run->next)
    count += strcmp(run->as.run.job_id, job) == 0;
  return count;
}

static void start(struct world *w, const char *job)
{
  const struct message *run = find_run(w, job);
  struct message *m = message_create(MESSAGE_STARTED, run->to, ADDRESS_SCHEDULER);
  m->as.started.attempt = run->as.run.attempt;
  m->as.started.at_us = w->now_us;
  world_tell(w, m);
}

/* By a run of that job. */
static struct message *stuck_message(const struct world *w, const char *job, int worker)
{
  const struct message *run = find_run(w, job);
  struct message *m = message_create(MESSAGE_STUCK, worker, ADDRESS_SCHEDULER);
  m->as.stuck.generation = run->as.run.generation;
  m->as.stuck.attempt = run->as.run.attempt;
  m->as.stuck.for_us = 2 * SECOND;
  return m;
}

static void get_stuck_by(struct world *w, const char *job, int worker, int replacement)
{
  struct message *m = stuck_message(w, job, worker);
  m->as.stuck.replacement = replacement;
  world_tell(w, m);
}

/* By the first run of the culprit's job. */
static void get_stuck(struct world *w, int worker, int replacement, bool is_given_up)
{
  struct message *m = stuck_message(w, "c", worker);
  m->as.stuck.replacement = replacement;
  m->as.stuck.is_given_up = is_given_up;
  world_tell(w, m);
}

static void say(struct world *w, enum message_kind kind, int worker)
{
  world_tell(w, message_create(kind, worker, ADDRESS_SCHEDULER));
}

static void open_world(struct world *w)
{
  world_open(w, NULL);
  world_save(w, "a", culprit);
  world_save(w, "between", "{}"); /* is the other worker's */
  world_save(w, "b", others);
  world_pass(w, 10 * MINUTE);
  assert_int_equal(world_run_count(w), 4);
  assert_int_equal(find_run(w, "c")->to, STUCK);
  assert_int_equal(find_run(w, "x")->to, STUCK);
  start(w, "c");
}

static void expect_said(struct world *w, const char *operation, const char *params,
                        const char *expected)
{
  char *text = world_ask(w, operation, params);
  if (!strstr(text, expected))
    fail_msg("%s: %s", expected, text);
  free(text);
}

static void sends_elsewhere_what_has_not_begun(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  int64_t fence = find_run(&w, "x")->as.run.attempt.fence;
  get_stuck(&w, STUCK, OTHER, false);
  assert_int_equal(count_runs(&w, "x"), 2);
  assert_int_equal(find_run(&w, "x")->to, OTHER);
  assert_int_equal(find_run(&w, "x")->as.run.attempt.fence, fence);
  assert_int_equal(find_run(&w, "x")->as.run.attempt.number, 1);
  assert_int_equal(count_runs(&w, "d"), 1); /* its script waits */
  expect_said(&w, "why", "{\"job\":\"d@2026-01-01T00:10:00Z\"}", "its script a keeps worker 1");
  expect_said(&w, "why", "{\"job\":\"c@2026-01-01T00:10:00Z\"}",
              "worker 1 is stuck in a C function that script a has called");
  expect_said(&w, "status", "{}", "\"replaced_by\":3");
  struct message *moved = world_take(&w, MESSAGE_MOVED);
  assert_non_null(moved);
  assert_int_equal(moved->as.moved.worker, STUCK);
  assert_int_equal(moved->as.moved.replacement, OTHER);
  message_destroy(moved);
  say(&w, MESSAGE_UNSTUCK, STUCK);
  assert_int_equal(count_runs(&w, "d"), 2);
  assert_int_equal(find_run(&w, "d")->to, OTHER);
  world_close(&w);
}

static void is_so_since_one_moment(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false); /* for two seconds, */
  w.now_us += 500000;
  get_stuck(&w, STUCK, OTHER, false); /* as the app said late, or had measured before */
  expect_said(&w, "why", "{\"job\":\"c@2026-01-01T00:10:00Z\"}",
              "\"since\":\"2026-01-01T00:09:58.000000Z\"");
  world_close(&w);
}

static void lets_a_new_version_of_the_culprit_begin(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false);
  world_save(&w, "a", "{\"jobs\":[{\"id\":\"c\",\"run\":true},{\"id\":\"d\",\"run\":true}]}");
  assert_int_equal(find_run(&w, "d")->to, OTHER);
  int loads = w.loads;
  say(&w, MESSAGE_UNSTUCK, STUCK);
  assert_int_equal(w.loads, loads);
  world_close(&w);
}

static void gives_up_what_had_begun(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  start(&w, "x");
  start(&w, "y");
  get_stuck(&w, STUCK, OTHER, false);
  assert_int_equal(count_runs(&w, "x"), 1);
  get_stuck(&w, STUCK, 0, true);
  assert_int_equal(count_runs(&w, "x"), 2);
  assert_int_equal(find_run(&w, "x")->to, OTHER);
  assert_int_equal(find_run(&w, "x")->as.run.attempt.number, 2);
  assert_int_equal(count_runs(&w, "y"), 1);
  assert_int_equal(world_history(&w, "y", "interrupted"), 1);
  assert_int_equal(world_history(&w, "c", "running"), 1);
  expect_said(&w, "why", "{\"job\":\"y@2026-01-01T00:10:00Z\"}",
              "cut off: its worker has been stuck in a C function that script a has called");
  world_close(&w);
}

/* What has ended without having been heard of is as one that had begun. */
static void uses_an_address_again(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false);
  say(&w, MESSAGE_UNSTUCK, STUCK);
  say(&w, MESSAGE_STOPPED, STUCK);
  expect_said(&w, "status", "{}", "\"stuck\":[]");
  assert_int_equal(count_runs(&w, "c"), 2);
  assert_int_equal(find_run(&w, "c")->to, OTHER);
  start(&w, "c");
  get_stuck(&w, OTHER, STUCK, false);
  expect_said(&w, "status", "{}", "\"worker\":3,\"script\":\"a\",\"job\":\"c\"");
  assert_int_equal(find_run(&w, "x")->to, STUCK);
  world_close(&w);
}

static void frees_locks_of_what_is_no_run(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  struct message *m = message_create(MESSAGE_REQUEST, STUCK, ADDRESS_SCHEDULER);
  m->tag = 1000;
  m->as.request.op = memory_strdup("lock");
  m->as.request.params = memory_strdup("{\"name\":\"db\"}");
  m->as.request.script = memory_strdup("b");
  m->as.request.generation = 2;
  m->as.request.call = 7;
  world_tell(&w, m);
  world_expect(&w, "locks", "{}", "count", "1");
  get_stuck(&w, STUCK, OTHER, false);
  world_expect(&w, "locks", "{}", "count", "1");
  get_stuck(&w, STUCK, 0, true);
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

static void cancels_a_run_that_cannot_hear(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false);
  world_expect(&w, "cancel_run", "{\"run\":\"c@2026-01-01T00:10:00Z\"}", "state", "cancelled");
  assert_int_equal(world_history(&w, "c", "cancelled"), 1);
  world_close(&w);
}

static void tells_a_run_whose_worker_has_come_back(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  start(&w, "x");
  get_stuck(&w, STUCK, OTHER, false);
  say(&w, MESSAGE_UNSTUCK, STUCK);
  world_expect(&w, "cancel_run", "{\"run\":\"x@2026-01-01T00:10:00Z\"}", "state", "cancelling");
  struct message *m = world_take(&w, MESSAGE_CANCEL);
  assert_non_null(m);
  assert_int_equal(m->to, STUCK);
  message_destroy(m);
  world_close(&w);
}

/* What workers say meanwhile is heard in one turn. */
static void end_full_disk(struct world *w)
{
  world_limit_pages(w, 1000000);
  world_pass(w, 2 * SECOND);
}

static void two_come_back_in_one_turn(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a", culprit);
  world_save(&w, "b", others);
  world_pass(&w, 10 * MINUTE);
  assert_int_equal(find_run(&w, "x")->to, BESIDE);
  start(&w, "c");
  start(&w, "x");
  get_stuck(&w, STUCK, OTHER, false);
  get_stuck_by(&w, "x", BESIDE, OTHER + 1);
  assert_int_equal(count_runs(&w, "d"), 1);
  assert_int_equal(count_runs(&w, "y"), 1);
  world_fill_disk_for_good(&w);
  for (int worker = STUCK; worker <= BESIDE; worker++) {
    say(&w, MESSAGE_UNSTUCK, worker);
    say(&w, MESSAGE_STOPPED, worker);
  }
  end_full_disk(&w);
  assert_int_equal(find_run(&w, "d")->to, OTHER);
  assert_int_equal(find_run(&w, "y")->to, OTHER + 1);
  expect_said(&w, "status", "{}", "\"stuck\":[]");
  world_close(&w);
}

/* From its being noticed to its end nothing could be stored. */
static void has_been_stuck_in_one_turn(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  start(&w, "x");
  world_fill_disk_for_good(&w);
  get_stuck(&w, STUCK, OTHER, false);
  say(&w, MESSAGE_UNSTUCK, STUCK);
  say(&w, MESSAGE_STOPPED, STUCK);
  end_full_disk(&w);
  for (const char *job = "cdxy"; *job; job++) {
    char id[] = {*job, 0};
    assert_int_equal(count_runs(&w, id), 2);
    assert_int_equal(find_run(&w, id)->to, OTHER);
  }
  expect_said(&w, "status", "{}", "\"stuck\":[]");
  world_close(&w);
}

static struct message *request_too_large(void)
{
  struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = 1000;
  m->as.request.op = memory_strdup("add_job");
  m->as.request.params = memory_printf("{\"id\":\"l\",\"run\":{\"shell\":\"%060000d\"}}", 0);
  return m;
}

/* The turn that hears of its end is taken back. */
static void comes_back_when_it_cannot_be_stored(void **state)
{
  struct world w;
  struct message_list in = {0}, out = {0};
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false);
  message_list_append(&in, stuck_message(&w, "c", STUCK)); /* as it is told again and again */
  message_list_append(&in, message_create(MESSAGE_UNSTUCK, STUCK, ADDRESS_SCHEDULER));
  message_list_append(&in, message_create(MESSAGE_STOPPED, STUCK, ADDRESS_SCHEDULER));
  message_list_append(&in, request_too_large());
  world_limit_pages(&w, 1);
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  assert_int_equal(out.first->as.reply.code, ERROR_FULL);
  message_list_deinit(&out);
  end_full_disk(&w);
  assert_int_equal(find_run(&w, "d")->to, OTHER);
  expect_said(&w, "status", "{}", "\"stuck\":[]");
  world_close(&w);
}

/* Who has its address gets stuck, and comes back, too. */
static void uses_an_address_again_in_one_turn(void **state)
{
  struct world w;
  (void)state;
  open_world(&w);
  get_stuck(&w, STUCK, OTHER, false);
  world_fill_disk_for_good(&w);
  for (int i = 0; i < 2; i++) {
    if (i > 0)
      get_stuck(&w, STUCK, OTHER, false);
    say(&w, MESSAGE_UNSTUCK, STUCK);
    say(&w, MESSAGE_STOPPED, STUCK);
  }
  end_full_disk(&w);
  assert_int_equal(find_run(&w, "d")->to, OTHER);
  expect_said(&w, "status", "{}", "\"stuck\":[]");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sends_elsewhere_what_has_not_begun),
      cmocka_unit_test(is_so_since_one_moment),
      cmocka_unit_test(lets_a_new_version_of_the_culprit_begin),
      cmocka_unit_test(gives_up_what_had_begun),
      cmocka_unit_test(uses_an_address_again),
      cmocka_unit_test(frees_locks_of_what_is_no_run),
      cmocka_unit_test(cancels_a_run_that_cannot_hear),
      cmocka_unit_test(tells_a_run_whose_worker_has_come_back),
      cmocka_unit_test(two_come_back_in_one_turn),
      cmocka_unit_test(has_been_stuck_in_one_turn),
      cmocka_unit_test(comes_back_when_it_cannot_be_stored),
      cmocka_unit_test(uses_an_address_again_in_one_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
