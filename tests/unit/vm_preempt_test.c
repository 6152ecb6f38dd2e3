/* Runaways of all kinds: none delays a neighbour by much, and each is ended at its time-out. */
#include "support/unit.h"

#include "support/vm_unit.h"

enum { TIMEOUT_US = 60000 };

/* What a nap of 1 ms beside a runaway may take, and how late a time-out may come. A sanitizer makes
 * the one C call that stands in the way longer, not the slices. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NAP_MAX_US = 5000000, LATE_MAX_US = 5000000 };
#else
enum { NAP_MAX_US = 50000, LATE_MAX_US = 500000 };
#endif

static const char *const runaways[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error) end",
    "local function f() return pcall(f) end while true do f() end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "local function nest(n) if n == 0 then while true do end end return "
    "coroutine.wrap(nest)(n - 1) end nest(20)",
    "local function nest(n) if n == 0 then while true do end end while true do "
    "pcall(coroutine.wrap(nest), n - 1) end end nest(20)",
    "while true do coroutine.wrap(function() coroutine.yield() end)() end",
    "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do "
    "pcall(function() return t[1] end) end",
    "local x <close> = setmetatable({}, {__close = function() while true do end end})",
    "for _ in function() while true do end end do end",
    "local function f() return f() end f()",
    "while true do local t = {} for i = 1, 100 do t[i] = {i} end end",
    "while true do ('x'):rep(1000):gsub('x', 'y') end",
    "goto a ::a:: goto a",
    "while true do load('return 1')() end",
    "table.sort({1, 2, 3}, function() while true do end end)",
    "table.sort({1, 2, 3}, function() while true do pcall(function() while true do end end) end "
    "end)",
    "local t = {} for i = 1, 300000 do t[i] = i * 7919 % 300007 end while true do table.sort(t) "
    "table.sort(t, function(a, b) return a > b end) end",
    "('x'):gsub('x', function() while true do end end)",
    "while true do ('a'):rep(200000):find(('a*'):rep(60) .. 'b') end",
    "xpcall(error, function() while true do end end)",
    "xpcall(error, function() while true do pcall(function() while true do end end) end end)",
    "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
    "load(function() while true do end end)",
    "table.sort({1, 2, 3}, function() return coroutine.wrap(function() while true do end end)() "
    "end)",
    "local t = {} for i = 1, 200000 do t[i] = {} end while true do collectgarbage() end",
    "local t = {} for i = 1, 500000 do t[i] = 'x' end while true do table.concat(t, ', ') end",
    "while true do ('x'):rep(10000000) end",
    "local t = '[' .. ('[1,2.5,\"x\",null],'):rep(50000) .. '0]' while true do json.decode(t) end",
    "local t = ('x'):rep(10000000) while true do t:upper() t:lower() t:reverse() end",
    /* Mostly where they cannot be cut, but for a moment each time. */
    "while true do string.format('%s', setmetatable({}, {__tostring = function() for i = 1, 100000 "
    "do end return '' end})) end",
    "local m = {__lt = function() for i = 1, 100000 do end end} local t = {setmetatable({}, m), "
    "setmetatable({}, m)} while true do table.sort(t) end",
    "while true do local co = coroutine.create(function() local x <close> = setmetatable({}, "
    "{__close = function() for i = 1, 100000 do end end}) coroutine.yield() end) "
    "coroutine.resume(co) coroutine.close(co) end",
    "while true do pcall(coroutine.wrap(function() local x <close> = setmetatable({}, {__close = "
    "function() for i = 1, 100000 do end end}) error() end)) end",
};

/* These cannot be cut into slices, only ended. */
static const char *const blockers[] = {
    "table.concat(setmetatable({}, {__len = function() while true do end end}))",
    "table.concat(setmetatable({}, {__len = function() return 9 end, __index = function() while "
    "true do pcall(function() while true do end end) end end}))",
    "string.format('%s', setmetatable({}, {__tostring = function() while true do end end}))",
    "local m = {__lt = function() while true do end end} table.sort({setmetatable({}, m), "
    "setmetatable({}, m)})",
    "local m = {__lt = function() return coroutine.wrap(function() while true do end end)() end} "
    "table.sort({setmetatable({}, m), setmetatable({}, m)})",
    "local m = {__lt = function() while true do pcall(coroutine.wrap(function() while true do "
    "pcall(function() while true do end end) end end)) end end} table.sort({setmetatable({}, m), "
    "setmetatable({}, m)})",
    "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = "
    "function() while true do end end}) coroutine.yield() end) coroutine.resume(co) "
    "coroutine.close(co)",
    "for _ in ipairs(setmetatable({}, {__index = function() while true do end end})) do end",
    "error(setmetatable({}, {__tostring = function() while true do end end}))",
};

static void end_at_their_time_out(const char *const *sources, size_t count)
{
  struct bench bench;
  bench_open(&bench);
  for (size_t i = 0; i < count; i++) {
    struct vm *vm = bench_vm(&bench);
    int64_t began_us = clock_monotonic_us();
    struct piece *piece = piece_start(vm, sources[i], TIMEOUT_US);
    piece_wait(&bench, piece);
    int64_t late_us = piece->ended_us - began_us - TIMEOUT_US;
    if (piece->outcome != VM_TIMED_OUT || late_us < 0 || late_us > unit_patience_us(LATE_MAX_US))
      fail_msg("%s\n  outcome %d, %d us after its time-out: %s", sources[i], (int)piece->outcome,
               (int)late_us, piece->error);
    piece_free(piece);
    /* The state is still good. */
    piece = piece_start(vm,
                        "local co = coroutine.wrap(function() sleep(0.001) return 1 end) "
                        "return co()",
                        0);
    piece_wait(&bench, piece);
    if (piece->outcome != VM_SUCCEEDED)
      fail_msg("after %s: %s", sources[i], piece->error);
    piece_free(piece);
    vm_destroy(vm);
  }
  bench_close(&bench);
}

static void ends_runaways(void **state)
{
  (void)state;
  end_at_their_time_out(runaways, sizeof runaways / sizeof runaways[0]);
}

static void ends_what_cannot_be_sliced(void **state)
{
  (void)state;
  end_at_their_time_out(blockers, sizeof blockers / sizeof blockers[0]);
}

static int compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The time of a nap of 1 ms; the median, as the machine has its own neighbours. */
static int64_t median_nap_us(struct bench *bench, struct vm *vm)
{
  int64_t took_us[15];
  for (int n = 0; n < 15; n++) {
    int64_t began_us = clock_monotonic_us();
    struct piece *piece = piece_start(vm, "sleep(0.001)", 0);
    piece_wait(bench, piece);
    took_us[n] = piece->ended_us - began_us;
    piece_free(piece);
  }
  qsort(took_us, 15, sizeof took_us[0], compare);
  return took_us[7];
}

static void neighbours_go_on(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *quiet = bench_vm(&bench);
  for (size_t i = 0; i < sizeof runaways / sizeof runaways[0]; i++) {
    struct vm *loud = bench_vm(&bench);
    struct piece *runaway = piece_start(loud, runaways[i], 0);
    int64_t nap_us = median_nap_us(&bench, quiet);
    if (runaway->outcome != VM_RUNNING)
      fail_msg("%s\n  ended: %s", runaways[i], runaway->error);
    if (nap_us > unit_patience_us(NAP_MAX_US))
      fail_msg("%s\n  makes a nap of 1 ms take %d us", runaways[i], (int)nap_us);
    print_message("%6d us behind %s\n", (int)nap_us, runaways[i]);
    vm_kill_all(loud);
    piece_free(runaway);
    vm_destroy(loud);
  }
  vm_destroy(quiet);
  bench_close(&bench);
}

/* What is cut into slices computes the same. */
static void slices_change_nothing(void **state)
{
  (void)state;
  static const char expected[] = "232800";
  static const char source[] =
      "local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end "
      "local function gen(n) return coroutine.wrap(function() for i = 1, n do fib(5) "
      "coroutine.yield(i) end end) end "
      "local sum = 0 for round = 1, 60 do for v in gen(100) do local ok, e = pcall(function() "
      "if v % 7 == 0 then error(v, 0) end sum = sum + v end) if not ok then sum = sum - e end end "
      "local t = {} for i = 1, 300 do t[i] = (i * 7919) % 301 end table.sort(t, function(a, b) "
      "return a < b end) for i = 2, #t do assert(t[i - 1] <= t[i]) end sum = sum + "
      "#(('abc'):rep(100):gsub('b', function(c) return c:upper() end)) end return sum";
  struct bench bench;
  bench_open(&bench);
  struct vm *vms[3];
  struct piece *pieces[6];
  for (int i = 0; i < 3; i++)
    vms[i] = bench_vm(&bench);
  for (int i = 0; i < 6; i++)
    pieces[i] = piece_start(vms[i % 3], source, 0);
  int64_t began_us = clock_monotonic_us();
  for (int i = 0; i < 6; i++) {
    piece_wait(&bench, pieces[i]);
    if (pieces[i]->outcome != VM_SUCCEEDED)
      fail_msg("%s", pieces[i]->error);
    assert_string_equal(pieces[i]->result, expected);
  }
  print_message("six of them took %d us\n", (int)(clock_monotonic_us() - began_us));
  for (int i = 0; i < 6; i++)
    piece_free(pieces[i]);
  for (int i = 0; i < 3; i++)
    vm_destroy(vms[i]);
  bench_close(&bench);
}

/* A list is encoded beside others, one of whom takes it apart; the text can be read all the same.
 */
static void encoding_is_cut(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *setup =
      piece_start(vm,
                  "list = {} for i = 1, 300000 do list[i] = i / 7 end "
                  "members = {} for i = 1, 1000 do members[('key '):rep(20) .. i] = { i, i } end "
                  "members.first = list",
                  0);
  piece_wait(&bench, setup);
  struct piece *encoding = piece_start(vm,
                                       "local text = json.encode { a = { members }, b = 1 } "
                                       "local value = assert(json.decode(text)) "
                                       "local _, wrong = json.decode(text .. ']') "
                                       "assert(wrong:find 'something stands behind', wrong) "
                                       "return #value.a[1].first + value.b",
                                       0);
  struct piece *robbing = piece_start(vm,
                                      "for name in pairs(members) do members[name] = nil end "
                                      "for i = 1, 1000 do local s = ('lock '):rep(20) .. i end "
                                      "collectgarbage() return json.encode { x = { y = 1 } }",
                                      0);
  piece_wait(&bench, robbing);
  assert_string_equal(robbing->result, "{\"x\":{\"y\":1}}");
  assert_int_equal(encoding->outcome, VM_RUNNING);
  piece_wait(&bench, encoding);
  assert_string_equal(encoding->error, "");
  assert_string_equal(encoding->result, "300001");
  assert_true(encoding->call.usage.slices > 3);
  piece_free(setup);
  piece_free(encoding);
  piece_free(robbing);
  vm_destroy(vm);
  bench_close(&bench);
}

static void idle_threads_are_not_woken(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *piece = piece_start(vm, "sleep(0.2)", 0);
  uint32_t before = bench.host->preempt.ticks;
  piece_wait(&bench, piece);
  assert_true(bench.host->preempt.ticks - before <= 4);
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

/* A kind may use so much CPU time and no more, asleep as long as it likes. */
static void cpu_time_is_limited(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct vm_call_kind frugal = piece_kind;
  frugal.cpu_us = 1000000;
  frugal.name = "thing";
  struct piece *spinner = memory_alloc(sizeof *spinner);
  spinner->source = "while true do pcall(function() for i = 1, 1000 do end end) end";
  vm_call_start(vm, &spinner->call, &frugal, 0);
  struct piece *sleeper = memory_alloc(sizeof *sleeper);
  sleeper->source = "sleep(1.2) return 1";
  vm_call_start(vm, &sleeper->call, &frugal, 0);
  piece_wait(&bench, spinner);
  piece_wait(&bench, sleeper);
  assert_int_equal(spinner->outcome, VM_FAILED);
  assert_string_equal(spinner->error,
                      "t.lua:1: used more than 1 s of CPU time, the limit of a thing");
  assert_int_equal(sleeper->outcome, VM_SUCCEEDED);
  piece_free(spinner);
  piece_free(sleeper);
  vm_destroy(vm);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ends_runaways),       cmocka_unit_test(ends_what_cannot_be_sliced),
      cmocka_unit_test(neighbours_go_on),    cmocka_unit_test(slices_change_nothing),
      cmocka_unit_test(encoding_is_cut),     cmocka_unit_test(idle_threads_are_not_woken),
      cmocka_unit_test(cpu_time_is_limited),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
