#include "support/unit.h"

#include "support/vm_unit.h"

static void keeps_the_ways_of_coroutines(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) return c * 2 "
       "end) local _, x = coroutine.resume(co, 1, 2) local _, y = coroutine.resume(co, 5) "
       "return x .. ' ' .. y .. ' ' .. coroutine.status(co)",
       "3 10 dead"},
      {"local f = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) "
       "return f() + f() + f()",
       "6"},
      {"local s = 0 for v in coroutine.wrap(function() for i = 1, 4 do coroutine.yield(i) end end) "
       "do s = s + v end return s",
       "10"},
      {"local co = coroutine.create(function() error('x') end) return select(2, "
       "coroutine.resume(co))",
       "t.lua:1: x"},
      {"coroutine.wrap(function() error('x') end)()", "!t.lua:1: t.lua:1: x"},
      {"local co = coroutine.create(print) coroutine.close(co) return select(2, "
       "coroutine.resume(co))",
       "cannot resume dead coroutine"},
      {"coroutine.yield(1)", "!t.lua:1: attempt to yield from outside a coroutine"},
      {"return tostring(coroutine.isyieldable())", "false"},
      {"return coroutine.wrap(function() return tostring(coroutine.isyieldable()) end)()", "true"},
      {"return tostring(select(2, coroutine.running()))", "true"},
      {"local co = coroutine.running() return select(2, coroutine.resume(co))",
       "cannot resume non-suspended coroutine"},
      {"local co = coroutine.running() return coroutine.wrap(function() return select(2, "
       "coroutine.resume(co)) .. coroutine.status(co) end)()",
       "cannot resume non-suspended coroutinenormal"},
      {"local closed local co = coroutine.create(function() local x <close> = setmetatable({}, "
       "{__close = function() closed = true end}) coroutine.yield() end) coroutine.resume(co) "
       "coroutine.close(co) return tostring(closed) .. coroutine.status(co)",
       "truedead"},
      {"local function nest(n) local co = coroutine.create(function() local x <close> = "
       "setmetatable({}, {__close = function() if n < 100000 then nest(n + 1) end end}) "
       "coroutine.yield() end) coroutine.resume(co) assert(coroutine.close(co)) end nest(1)",
       "!"},
      {"local function r() return coroutine.wrap(r)() end r()", "!"},
      {"return select('#', coroutine.wrap(function(...) return ... end)(1, nil, nil))", "3"},
  };
  CHECK_CASES(cases, ((struct vm_options){0}), 0);
}

static void waits_everywhere(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"sleep(0.01) return 1", "1"},
      {"sleep('5ms') return 2", "2"},
      {"return (select(2, pcall(function() sleep(0.001) error('x', 0) end)))", "x"},
      {"return (select(2, xpcall(function() sleep(0.001) error('x', 0) end, function(m) return m "
       ".. '!' end)))",
       "x!"},
      {"return coroutine.wrap(function() sleep(0.001) return 3 end)()", "3"},
      {"local co = coroutine.create(function(a) sleep(0.001) local b = coroutine.yield(a) "
       "sleep(0.001) return a + b end) local _, x = coroutine.resume(co, 4) "
       "local _, y = coroutine.resume(co, 5) return x .. y",
       "49"},
      {"local function deep(n) if n == 0 then sleep(0.001) return 'deep' end return "
       "coroutine.wrap(deep)(n - 1) end return deep(20)",
       "deep"},
      {"local s = 0 for v in coroutine.wrap(function() for i = 1, 3 do sleep(0.001) "
       "coroutine.yield(i) end end) do sleep(0.001) s = s + v end return s",
       "6"},
      {"local mt = {__index = function(t, k) sleep(0.001) return k end, __add = function() "
       "sleep(0.001) return 'sum' end} local t = setmetatable({}, mt) return t.x .. (t + 1)",
       "xsum"},
      {"do local x <close> = setmetatable({}, {__close = function() sleep(0.001) end}) end return "
       "'closed'",
       "closed"},
      {"local t = {3, 1, 2} table.sort(t, function(a, b) sleep(0.001) return a < b end) return "
       "t[1]",
       "1"},
      {"string.format('%s', setmetatable({}, {__tostring = function() sleep(1) end}))",
       "!t.lua:1: sleep cannot wait here"},
      {"return (('x'):gsub('x', function() sleep(0.001) end))", "x"},
      {"string.format('%s', setmetatable({}, {__tostring = function() return "
       "coroutine.wrap(function() "
       "sleep(1) end)() end}))",
       "!t.lua:1: t.lua:1: sleep cannot wait here"},
      {"sleep(-1)", "!t.lua:1: sleep: a duration cannot be negative"},
      {"sleep('-1s')", "!t.lua:1: sleep: a duration cannot be negative"},
      {"sleep('x')", "!t.lua:1: sleep: a number is missing"},
      {"sleep(0/0)", "!t.lua:1: sleep: a duration cannot be NaN"},
      {"sleep(1e300)", "!t.lua:1: sleep: the duration is over 1000 years"},
      {"sleep(1e12)", "!t.lua:1: sleep: the duration is over 1000 years"},
      {"sleep('9223372036854s')", "!t.lua:1: sleep: the duration is over 1000 years"},
      {"local co = coroutine.create(function() error('in') end) sleep(0.001) return select(2, "
       "coroutine.resume(co))",
       "t.lua:1: in"},
  };
  CHECK_CASES(cases, ((struct vm_options){0}), 0);
}

/* The scheduler reads what it is asked while nobody else has a turn. */
static void asks_for_no_more_than_a_turn_bears(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local shared, x = {}, {} for i = 1, 100000 do shared[i] = 0 end for i = 1, 100 do x[i] = "
       "shared end scheduler.emit('e', { x = x })",
       "!t.lua:1: data.x[11][48"},
      {"scheduler.emit('e', { text = ('x'):rep(3 << 20) })",
       "!t.lua:1: data.text: more than 2 MiB of JSON"},
      {"scheduler.add_jobs { { id = 'a', func = 'b', args = { ('x'):rep(3 << 20) } } }",
       "!t.lua:1: scheduler.add_jobs: jobs[1]: more than 2 MiB of JSON"},
  };
  CHECK_CASES(cases, ((struct vm_options){0}), 5000000);
}

static void sleeps_long_enough(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  for (int i = 0; i < 20; i++) {
    int64_t began_us = clock_monotonic_us();
    struct piece *piece = piece_start(vm, "sleep(0.003)", 0);
    piece_wait(&bench, piece);
    assert_true(piece->ended_us - began_us >= 3000);
    piece_free(piece);
  }
  vm_destroy(vm);
  bench_close(&bench);
}

static void one_call_cannot_resume_what_another_waits_in(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *first =
      piece_start(vm,
                  "base = coroutine.running() inner = coroutine.create(function() "
                  "sleep(0.05) return 'mine' end) return select(2, "
                  "coroutine.resume(inner))",
                  0);
  struct piece *second =
      piece_start(vm,
                  "return select(2, coroutine.resume(base)) .. ', ' .. select(2, "
                  "coroutine.resume(inner)) .. ', ' .. tostring(pcall("
                  "coroutine.close, inner))",
                  0);
  piece_wait(&bench, second);
  assert_string_equal(
      second->result,
      "cannot resume non-suspended coroutine, cannot resume non-suspended coroutine, false");
  piece_wait(&bench, first);
  assert_string_equal(first->result, "mine");
  piece_free(first);
  piece_free(second);
  vm_destroy(vm);
  bench_close(&bench);
}

static void queues_beyond_the_limit_in_order(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, (struct vm_options){.live_calls = 3});
  struct piece *pieces[10];
  for (int i = 0; i < 10; i++)
    pieces[i] = piece_start(vm,
                            "order = (order or '') .. 'x' local mine = #order sleep(0.005) "
                            "return mine",
                            0);
  vm_call_kill(&pieces[5]->call); /* while it is queued */
  assert_int_equal(pieces[5]->outcome, VM_KILLED);
  for (int i = 0, number = 1; i < 10; i++) {
    if (i == 5)
      continue;
    piece_wait(&bench, pieces[i]);
    char expected[16];
    snprintf(expected, sizeof expected, "%d", number++);
    assert_string_equal(pieces[i]->result, expected);
  }
  for (int i = 0; i < 10; i++)
    piece_free(pieces[i]);
  assert_int_equal(vm->live, 0);
  vm_destroy(vm);
  bench_close(&bench);
}

static void is_cancelled_while_it_waits(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *piece = piece_start(vm, "coroutine.wrap(function() sleep(60) end)()", 0);
  struct piece *timed = piece_start(vm, "\nsleep(60)", 20000);
  for (int i = 0; i < 5; i++)
    uv_run(&bench.loop, UV_RUN_NOWAIT);
  assert_int_equal(piece->call.state, CALL_WAITING);
  vm_call_kill(&piece->call);
  assert_int_equal(piece->outcome, VM_KILLED);
  piece_wait(&bench, timed);
  assert_int_equal(timed->outcome, VM_TIMED_OUT);
  assert_non_null(strstr(timed->error, "t.lua:2: in main chunk"));
  piece_free(piece);
  piece_free(timed);
  struct piece *next = piece_start(vm, "return 'alive'", 0);
  piece_wait(&bench, next);
  assert_string_equal(next->result, "alive");
  piece_free(next);
  vm_destroy(vm);
  bench_close(&bench);
}

static void prints_to_its_own_log(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *piece = piece_start(vm, "print('a', 1) log.warn('%d%%', 5)", 0);
  piece_wait(&bench, piece);
  assert_string_equal(piece->log.data, "a\t1\n5%\n");
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

/* More calls than may live are asleep at once; each wakes and ends. */
static void sleepers_leave_their_place(void **state)
{
  (void)state;
  enum { SLEEPERS = 3000 };
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  static struct piece *pieces[SLEEPERS];
  for (int i = 0; i < SLEEPERS; i++)
    pieces[i] = piece_start(vm, "while not awake do sleep(2) end", 0);
  int64_t began_us = clock_monotonic_us();
  while (vm->asleep < SLEEPERS && clock_monotonic_us() - began_us < 60 * 1000000)
    uv_run(&bench.loop, UV_RUN_NOWAIT);
  assert_int_equal(vm->asleep, SLEEPERS);
  assert_int_equal(vm->live, 0);
  struct piece *waker = piece_start(vm, "awake = true", 0);
  piece_wait(&bench, waker);
  piece_free(waker);
  for (int i = 0; i < SLEEPERS; i++) {
    piece_wait(&bench, pieces[i]);
    assert_int_equal(pieces[i]->outcome, VM_SUCCEEDED);
    piece_free(pieces[i]);
  }
  assert_int_equal(vm->live, 0);
  assert_int_equal(vm->asleep, 0);
  vm_destroy(vm);
  bench_close(&bench);
}

static void check_piece(struct bench *bench, struct vm *vm, const char *source,
                        enum vm_outcome outcome)
{
  struct piece *piece = piece_start(vm, source, 0);
  piece_wait(bench, piece);
  if (piece->outcome != outcome)
    fail_msg("%s: %s", source, piece->error);
  piece_free(piece);
}

/* Whoever keeps its own coroutine has no part in what later calls hold. */
static void a_kept_thread_is_nobody_elses(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, (struct vm_options){.memory_cap = 8 << 20});
  check_piece(&bench, vm, "return 1", VM_SUCCEEDED);
  assert_int_equal(vm->idle_count, 1);
  check_piece(&bench, vm, "kept = coroutine.running()", VM_SUCCEEDED);
  assert_int_equal(vm->idle_count, 0);
  check_piece(&bench, vm, "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
              VM_FAILED);
  check_piece(&bench, vm, "assert(#('x'):rep(5 << 20) > 0 and coroutine.running() ~= kept)",
              VM_SUCCEEDED);
  vm_destroy(vm);
  bench_close(&bench);
}

struct relay {
  struct vm_call call;
  int to_go, killed;
};

static int l_relay(lua_State *L)
{
  (void)L;
  return 0;
}

static void relay_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct relay *relay = (struct relay *)call;
  (void)error;
  relay->killed += outcome == VM_KILLED;
  if (--relay->to_go > 0)
    vm_call_start(call->vm, call, call->kind, 0);
}

/* Whose end begins another call, in the memory that it leaves. */
static void kills_all_that_follow_each_other(void **state)
{
  (void)state;
  static const struct vm_call_kind kind = {.name = "relay", .entry = l_relay, .ended = relay_ended};
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct relay relay = {.to_go = 3};
  vm_call_start(vm, &relay.call, &kind, 0);
  vm_kill_all(vm);
  assert_int_equal(relay.killed, 3);
  assert_true(TAILQ_EMPTY(&bench.host->ready));
  assert_int_equal(vm->live, 0);
  vm_destroy(vm);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_ways_of_coroutines),
      cmocka_unit_test(waits_everywhere),
      cmocka_unit_test(asks_for_no_more_than_a_turn_bears),
      cmocka_unit_test(sleeps_long_enough),
      cmocka_unit_test(one_call_cannot_resume_what_another_waits_in),
      cmocka_unit_test(queues_beyond_the_limit_in_order),
      cmocka_unit_test(is_cancelled_while_it_waits),
      cmocka_unit_test(prints_to_its_own_log),
      cmocka_unit_test(sleepers_leave_their_place),
      cmocka_unit_test(a_kept_thread_is_nobody_elses),
      cmocka_unit_test(kills_all_that_follow_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
