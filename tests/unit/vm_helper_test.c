/* The share that one script's works have of the helper threads. */
#include "support/unit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "vm/helper.h"

enum { WORKS = 20 };

struct job {
  struct helper_work work; /* first */
  int *order;              /* how many have ended */
  int place;
  bool was_done;
};

static atomic_int running, most;
static atomic_bool is_open;

static void hold(struct helper_work *work)
{
  (void)work;
  int now = atomic_fetch_add(&running, 1) + 1;
  for (int seen = atomic_load(&most);
       now > seen && !atomic_compare_exchange_weak(&most, &seen, now);)
    ;
  while (!atomic_load(&is_open))
    uv_sleep(1);
  atomic_fetch_sub(&running, 1);
}

static void pass(struct helper_work *work)
{
  (void)work;
}

static void ended(struct helper_work *work, bool was_done)
{
  struct job *job = (struct job *)work;
  job->was_done = was_done;
  job->place = ++*job->order;
}

static void run_until(uv_loop_t *loop, const int *order, int count)
{
  while (*order < count)
    uv_run(loop, UV_RUN_NOWAIT);
}

static void test_share(void **state)
{
  (void)state;
  uv_loop_t loop;
  int order = 0;
  struct job jobs[WORKS], other = {.work = {pass, ended}, .order = &order};
  uv_loop_init(&loop);
  struct helpers *one = helpers_create(&loop, "one"), *again = helpers_create(&loop, "one");
  struct helpers *two = helpers_create(&loop, "two");
  for (int i = 0; i < WORKS; i++) {
    jobs[i] = (struct job){.work = {hold, ended}, .order = &order};
    helper_start(i < WORKS - 2 ? one : again, &jobs[i].work);
  }
  helper_start(two, &other.work);
  run_until(&loop, &order, 1);
  assert_int_equal(other.place, 1); /* another script is held up by none of them */
  while (atomic_load(&running) < HELPER_SHARE + 1)
    uv_sleep(1);
  helper_cancel(&jobs[HELPER_SHARE].work); /* the first that waits */
  assert_int_equal(jobs[HELPER_SHARE].place, 2);
  assert_false(jobs[HELPER_SHARE].was_done);
  atomic_store(&is_open, true);
  run_until(&loop, &order, WORKS + 1);
  assert_int_equal(atomic_load(&most), HELPER_SHARE + 1); /* a second state has one in any case */
  for (int i = 0; i < WORKS; i++)
    assert_true(jobs[i].was_done == (i != HELPER_SHARE));
  helpers_release(one);
  helpers_release(again);
  helpers_release(two);
  assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_share)};
  setenv("UV_THREADPOOL_SIZE", "24", 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
