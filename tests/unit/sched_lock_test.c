/* Locks as workers ask for them: the queue, ends of every kind, circles, leases, lost turns. */
#include "support/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/world.h"

static const char jobs[] = "{\"jobs\":[{\"id\":\"x\",\"run\":true,\"trigger\":\"every 10m\"},"
                           "{\"id\":\"y\",\"run\":true,\"trigger\":\"every 10m\"},"
                           "{\"id\":\"z\",\"run\":true,\"trigger\":\"every 10m\"}]}";

/* Asks as call `call` of a script's listener, or of the run that `run` began. */
static uint64_t ask(struct world *w, const struct message *run, uint64_t call, const char *op,
                    const char *params)
{
  struct message *m =
      message_create(MESSAGE_REQUEST, run ? run->to : ADDRESS_WORKER, ADDRESS_SCHEDULER);
  uint64_t tag = m->tag = ++w->last_tag;
  m->as.request.op = memory_strdup(op);
  m->as.request.params = memory_strdup(params);
  m->as.request.script = memory_strdup("a");
  m->as.request.generation = 1;
  m->as.request.call = call;
  if (run)
    m->as.request.attempt = run->as.run.attempt;
  world_tell(w, m);
  return tag;
}

static bool is_answered(struct world *w, uint64_t tag, const char *expected)
{
  char *text = world_answer(w, tag);
  bool is_it = text && strncmp(text, expected, strlen(expected)) == 0;
  if (text && !is_it)
    fail_msg("%s", text);
  free(text);
  return is_it;
}

/* {"name":...,"fence":...} of a grant. */
static char *granted(struct world *w, uint64_t tag, const char *name, const char *more)
{
  char *text = world_answer(w, tag);
  int64_t fence;
  assert_non_null(text);
  if (sscanf(text, "{\"fence\":%" SCNd64 "}", &fence) != 1)
    fail_msg("%s", text);
  free(text);
  return memory_printf("{\"name\":\"%s\",\"fence\":%lld%s}", name, (long long)fence, more);
}

static const struct message *open_runs(struct world *w)
{
  world_open(w, NULL);
  world_save(w, "a", jobs);
  world_pass(w, 10 * MINUTE);
  assert_int_equal(world_run_count(w), 3);
  return w->runs.first;
}

static void goes_round_in_order(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next, *z = y->next;
  char *x_held = granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"db\"}"), "db", "");
  uint64_t by_y = ask(&w, y, 1, "lock", "{\"name\":\"db\"}");
  uint64_t by_call = ask(&w, NULL, 9, "lock", "{\"name\":\"db\"}");
  uint64_t by_z = ask(&w, z, 2, "lock", "{\"name\":\"db\"}");
  assert_null(world_answer(&w, by_y));
  world_expect(&w, "locks", "{}", "count", "1");
  char *text = world_ask(&w, "locks", "{}");
  assert_non_null(strstr(text, "\"name\":\"db\",\"holder\":\"x@2026-01-01T00:10:00Z\",\"since\":"
                               "\"2026-01-01T00:10:00.000000Z\",\"fence\""));
  assert_non_null(strstr(text, "\"waiting\":[{\"who\":\"y@2026-01-01T00:10:00Z\""));
  assert_non_null(strstr(text, "{\"who\":\"script a\""));
  free(text);
  text = world_ask(&w, "why", "{\"job\":\"y\"}");
  assert_non_null(strstr(text, "run y@2026-01-01T00:10:00Z waits for lock \\\"db\\\", which "
                               "x@2026-01-01T00:10:00Z holds"));
  free(text);

  assert_true(is_answered(&w, ask(&w, x, 1, "unlock", x_held), "{}"));
  free(granted(&w, by_y, "db", ""));
  assert_null(world_answer(&w, by_call));
  /* What x held once is not its own any more. */
  assert_true(is_answered(&w, ask(&w, x, 1, "unlock", x_held),
                          "error: conflict: lock \"db\" is not held any more: its ttl is over, or "
                          "the run that took it has ended"));
  free(x_held);
  ask(&w, NULL, 9, "unlock_all", "{}"); /* it ends while it waits */
  assert_true(is_answered(&w, by_call, "error: cancelled: lock \"db\": who waits for it ends"));
  assert_null(world_answer(&w, by_z));
  world_finish_all(&w); /* y's end gives it to z, and z's end to nobody */
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

static void an_end_of_any_kind_releases(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next;
  free(granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\"}"), "a", ""));
  free(granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"b\"}"), "b", ""));
  uint64_t by_y = ask(&w, y, 1, "lock", "{\"name\":\"b\"}");
  free(granted(&w, ask(&w, NULL, 5, "lock", "{\"name\":\"c\"}"), "c", ""));
  world_expect(&w, "locks", "{}", "count", "3");
  struct attempt late = x->as.run.attempt;
  world_finish(&w, RUN_TIMED_OUT, NULL, "too long");
  free(granted(&w, by_y, "b", ""));
  ask(&w, NULL, 5, "unlock_all", "{}");
  world_expect(&w, "locks", "{}", "count", "1");
  /* An attempt that is over gets nothing. */
  struct message ghost = {.to = ADDRESS_WORKER, .as.run.attempt = late};
  assert_true(is_answered(&w, ask(&w, &ghost, 1, "lock", "{\"name\":\"d\"}"),
                          "error: cancelled: lock \"d\": the run that asks for it has ended"));
  world_expect(&w, "locks", "{}", "count", "1");
  world_crash(&w); /* no run is left that could hold anything */
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

/* Who is told to end does not know yet what it is answered. */
static void who_is_told_to_end_leaves(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next, *z = y->next;
  free(granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\"}"), "a", ""));
  free(granted(&w, ask(&w, y, 1, "lock", "{\"name\":\"b\"}"), "b", ""));
  uint64_t by_y = ask(&w, y, 1, "lock", "{\"name\":\"a\"}");
  uint64_t by_z = ask(&w, z, 1, "lock", "{\"name\":\"a\"}");
  assert_true(is_answered(&w, ask(&w, y, 1, "leave_lock", "{}"), "{}")); /* it waits */
  assert_true(is_answered(&w, by_y, "error: cancelled: lock \"a\": who waits for it ends"));
  assert_null(world_answer(&w, by_z));
  world_expect(&w, "locks", "{}", "count", "2"); /* what it held before it keeps */
  assert_true(is_answered(&w, ask(&w, x, 1, "leave_lock", "{}"), "{}")); /* it was granted */
  free(granted(&w, by_z, "a", ""));
  assert_true(is_answered(&w, ask(&w, z, 1, "lock", "{\"name\":\"a\"}"), "error: conflict: "));
  assert_true(is_answered(&w, ask(&w, z, 1, "leave_lock", "{}"), "{}")); /* it was refused */
  world_expect(&w, "locks", "{}", "count", "2");
  assert_true(is_answered(&w, ask(&w, NULL, 3, "leave_lock", "{}"), "{}")); /* is nobody */
  world_finish_all(&w);
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

static void circles_are_refused(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next, *z = y->next;
  free(granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\"}"), "a", ""));
  free(granted(&w, ask(&w, y, 1, "lock", "{\"name\":\"b\"}"), "b", ""));
  free(granted(&w, ask(&w, z, 1, "lock", "{\"name\":\"c\"}"), "c", ""));
  assert_true(is_answered(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\"}"),
                          "error: conflict: lock \"a\": x@2026-01-01T00:10:00Z holds it already"));
  uint64_t x_waits = ask(&w, x, 1, "lock", "{\"name\":\"b\"}");
  uint64_t y_waits = ask(&w, y, 1, "lock", "{\"name\":\"c\"}");
  assert_true(is_answered(
      &w, ask(&w, z, 1, "lock", "{\"name\":\"a\",\"wait\":\"1h\"}"),
      "error: conflict: lock \"a\": waiting for it would never end: x@2026-01-01T00:10:00Z holds "
      "\"a\" and waits for \"b\", y@2026-01-01T00:10:00Z holds \"b\" and waits for \"c\", which "
      "z@2026-01-01T00:10:00Z holds itself"));
  assert_null(world_answer(&w, x_waits));
  assert_null(world_answer(&w, y_waits));
  world_finish_all(&w);
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

static void set_clock(struct world *w, int64_t step_us)
{
  struct message *set = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  set->as.clock.step_us = step_us;
  w->now_us += step_us;
  world_tell(w, set);
}

/* As elapsed time has it, wherever the wall clock is set meanwhile, and also while nothing can be
 * stored. */
static void waits_and_leases_are_lengths_of_time(void **state)
{
  (void)state;
  static const int64_t steps[] = {DAY, -DAY};
  for (int i = 0; i < 4; i++) {
    struct world w;
    const struct message *x = open_runs(&w), *y = x->next, *z = y->next;
    free(granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\",\"ttl\":\"1m\"}"), "a",
                 ",\"ttl\":\"1m\""));
    uint64_t hasty = ask(&w, y, 1, "lock", "{\"name\":\"a\",\"wait\":\"10s\"}");
    uint64_t patient = ask(&w, z, 1, "lock", "{\"name\":\"a\"}");
    if (i >= 2)
      world_fill_disk_for_good(&w);
    set_clock(&w, steps[i % 2]);
    world_expect(&w, "locks", "{}", "count", "1");
    world_pass(&w, 9 * SECOND);
    assert_null(world_answer(&w, hasty));
    world_pass(&w, SECOND);
    assert_true(is_answered(&w, hasty, "error: "));
    world_pass(&w, 49 * SECOND);
    assert_null(world_answer(&w, patient));
    world_pass(&w, SECOND);
    free(granted(&w, patient, "a", ""));
    world_close(&w);
  }
}

static void waits_and_leases_end(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next, *z = y->next;
  char *x_held =
      granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\",\"ttl\":\"1m\"}"), "a", ",\"ttl\":\"1m\"");
  assert_true(is_answered(&w, ask(&w, z, 1, "lock", "{\"name\":\"a\",\"wait\":0}"),
                          "error: timeout: lock \"a\" is held by x@2026-01-01T00:10:00Z"));
  uint64_t impatient = ask(&w, z, 1, "lock", "{\"name\":\"a\",\"wait\":\"10s\"}");
  uint64_t patient = ask(&w, y, 1, "lock", "{\"name\":\"a\",\"ttl\":1}");
  world_live(&w, 9 * SECOND);
  assert_null(world_answer(&w, impatient));
  world_live(&w, SECOND);
  assert_true(is_answered(&w, impatient, "error: timeout: lock \"a\" is held by x@2026"));
  assert_true(is_answered(&w, ask(&w, x, 1, "renew_lock", x_held), "{}"));
  world_live(&w, 59 * SECOND);
  assert_null(world_answer(&w, patient));
  world_live(&w, SECOND);
  free(granted(&w, patient, "a", ""));
  assert_true(
      is_answered(&w, ask(&w, x, 1, "renew_lock", x_held), "error: conflict: lock \"a\" is"));
  free(x_held);
  world_live(&w, SECOND);
  world_expect(&w, "locks", "{}", "count", "0");
  world_finish_all(&w);
  world_close(&w);
}

/* The turn of the question is taken back, and it is asked again alone. */
static void a_full_disk_loses_no_lock(void **state)
{
  struct world w;
  (void)state;
  const struct message *x = open_runs(&w), *y = x->next;
  char *x_held = granted(&w, ask(&w, x, 1, "lock", "{\"name\":\"a\"}"), "a", "");
  uint64_t waits = ask(&w, y, 1, "lock", "{\"name\":\"a\"}");
  world_limit_pages(&w, 1);
  char *large = memory_printf("{\"key\":\"k\",\"value\":\"%0200000d\"}", 0);
  char *text = world_ask_as(&w, "a", "kv_set", large);
  assert_non_null(strstr(text, "error: full"));
  free(text);
  free(large);
  free(granted(&w, ask(&w, y, 1, "lock", "{\"name\":\"b\"}"), "b", ""));
  world_expect(&w, "locks", "{}", "count", "2");
  assert_true(is_answered(&w, ask(&w, x, 1, "unlock", x_held), "{}"));
  free(granted(&w, waits, "a", ""));
  free(x_held);
  world_limit_pages(&w, 1000000);
  world_pass(&w, 2 * SECOND);
  world_finish_all(&w);
  world_expect(&w, "locks", "{}", "count", "0");
  world_close(&w);
}

/* ---- many at random, against what the replies tell ---- */

enum { CALLS = 6, LOCKS = 4, STEPS = 4000 };

struct model {
  struct world w;
  int holder[LOCKS]; /* a call; 0: nobody */
  int64_t fence[LOCKS];
  struct {
    uint64_t tag; /* of the question that waits; 0: none */
    int lock, since;
  } waits[CALLS + 1];
  int step, granted;
};

/* Nobody who has waited longer for the same lock is passed over. */
static void check_turn(const struct model *m, int call)
{
  for (int other = 1; other <= CALLS; other++)
    if (other != call && m->waits[other].tag && m->waits[other].lock == m->waits[call].lock)
      assert_true(m->waits[other].since > m->waits[call].since);
}

static void take_replies(struct model *m)
{
  for (bool again = true; again;) {
    again = false;
    for (int call = 1; call <= CALLS; call++) {
      char *text = m->waits[call].tag ? world_answer(&m->w, m->waits[call].tag) : NULL;
      if (!text)
        continue;
      int lock = m->waits[call].lock;
      if (sscanf(text, "{\"fence\":%" SCNd64 "}", &m->fence[lock]) == 1) {
        assert_int_equal(m->holder[lock], 0);
        check_turn(m, call);
        m->holder[lock] = call;
        m->granted++;
      } else {
        assert_non_null(strstr(text, "error: "));
        assert_null(strstr(text, "usage"));
      }
      m->waits[call].tag = 0;
      free(text);
      again = true;
    }
  }
}

static void do_something(struct model *m, int call)
{
  char params[80];
  int lock = (int)(random() % LOCKS);
  static const char *const waits[] = {"", ",\"wait\":0", ",\"wait\":5"};
  if (random() % 8 == 0) {
    for (int i = 0; i < LOCKS; i++)
      m->holder[i] = m->holder[i] == call ? 0 : m->holder[i];
    free(world_answer(&m->w, ask(&m->w, NULL, (uint64_t)call, "unlock_all", "{}")));
  } else if (m->waits[call].tag) {
    return;
  } else if (m->holder[lock] == call) {
    m->holder[lock] = 0;
    snprintf(params, sizeof params, "{\"name\":\"l%d\",\"fence\":%" PRId64 "}", lock,
             m->fence[lock]);
    assert_true(is_answered(&m->w, ask(&m->w, NULL, (uint64_t)call, "unlock", params), "{}"));
  } else {
    snprintf(params, sizeof params, "{\"name\":\"l%d\"%s}", lock, waits[random() % 3]);
    m->waits[call].lock = lock;
    m->waits[call].since = m->step;
    m->waits[call].tag = ask(&m->w, NULL, (uint64_t)call, "lock", params);
  }
}

static void keeps_its_promises(void **state)
{
  struct model m = {0};
  (void)state;
  srandom(7);
  world_open(&m.w, NULL);
  for (m.step = 0; m.step < STEPS; m.step++) {
    do_something(&m, 1 + (int)(random() % CALLS));
    if (random() % 10 == 0)
      world_live(&m.w, random() % (3 * SECOND));
    take_replies(&m);
    /* Nobody waits for what nobody has. */
    for (int call = 1; call <= CALLS; call++)
      if (m.waits[call].tag)
        assert_int_not_equal(m.holder[m.waits[call].lock], 0);
  }
  assert_true(m.granted > STEPS / 10);
  for (int call = 1; call <= CALLS; call++)
    ask(&m.w, NULL, (uint64_t)call, "unlock_all", "{}");
  world_expect(&m.w, "locks", "{}", "count", "0");
  world_close(&m.w);
}

static void refuses(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_expect(&w, "lock", "{\"name\":\"a\"}", "error",
               "error: usage: only scripts and consoles hold locks");
  static const char *const cases[][2] = {
      {"{}", "error: usage: name is missing"},
      {"{\"name\":\"\"}", "error: usage: the name of a lock must have 1 to 255 bytes"},
      {"{\"name\":\"a\",\"ttl\":0}", "error: usage: ttl must be longer than 0"},
      {"{\"name\":\"a\",\"wait\":\"soon\"}", "error: invalid: wait: "},
      {"{\"name\":\"a\",\"wait\":-1}", "error: invalid: wait: "},
      {"{\"name\":\"a\",\"wait\":1e12}", "error: invalid: wait: the duration is over 1000 years"},
      {"{\"name\":\"a\",\"ttl\":\"15250000w\"}",
       "error: invalid: ttl: the duration is over 1000 years"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_true(is_answered(&w, ask(&w, NULL, 1, "lock", cases[i][0]), cases[i][1]));
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goes_round_in_order),
      cmocka_unit_test(an_end_of_any_kind_releases),
      cmocka_unit_test(who_is_told_to_end_leaves),
      cmocka_unit_test(circles_are_refused),
      cmocka_unit_test(waits_and_leases_end),
      cmocka_unit_test(waits_and_leases_are_lengths_of_time),
      cmocka_unit_test(a_full_disk_loses_no_lock),
      cmocka_unit_test(refuses),
      cmocka_unit_test(keeps_its_promises),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
