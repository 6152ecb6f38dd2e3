/* The functions of Lua's libraries that are ours do what Lua's do, also cut into slices, and refuse
 * what would block or fill memory. */
#include "support/unit.h"

#include "support/vm_unit.h"

static void sorts(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local t = {3, 1, 2} table.sort(t) return table.concat(t)", "123"},
      {"local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t)",
       "321"},
      {"local t = {'b', 'a'} table.sort(t, nil) return table.concat(t)", "ab"},
      {"local t = {} table.sort(t, 1) return #t", "0"},
      {"table.sort({1, 2}, 1)",
       "!t.lua:1: bad argument #2 to 'sort' (function expected, got number)"},
      {"table.sort({1, 'x'})", "!attempt to compare string with number"},
      {"table.sort(1)", "!t.lua:1: bad argument #1 to 'sort' (table expected, got number)"},
      {"local bad = 0 for n = 0, 70 do for round = 1, 20 do local t = {} for i = 1, n do "
       "t[i] = math.random(n) end table.sort(t) for i = 2, n do if t[i - 1] > t[i] then "
       "bad = bad + 1 end end end end return bad",
       "0"},
      /* equal elements keep their order */
      {"local t = {} for i = 1, 1000 do t[i] = {i % 7, i} end table.sort(t, function(a, b) return "
       "a[1] < b[1] end) for i = 2, 1000 do assert(t[i - 1][1] < t[i][1] or t[i - 1][1] == "
       "t[i][1] and t[i - 1][2] < t[i][2]) end return 'stable'",
       "stable"},
      /* an error leaves the table as it was */
      {"local t = {4, 3, 2, 1} local ok, e = pcall(table.sort, t, function(a, b) if a == 1 then "
       "error('one', 0) end return a < b end) return tostring(ok) .. e .. table.concat(t)",
       "falseone4321"},
      {"local t = {3, 2, 1} table.sort(t, function() return true end) return #t", "3"},
      {"local t = {3, 1, 2} table.sort(t, function(a, b) sleep(0.001) return a < b end) "
       "return table.concat(t)",
       "123"},
      {"local out = {} for a in coroutine.wrap(function() table.sort({2, 1}, function(a, b) "
       "coroutine.yield(a) return a < b end) end) do out[#out + 1] = a end return out[1]",
       "1"},
      {"local seen = {} local t = setmetatable({}, {__len = function() return 3 end, __index = "
       "function(_, i) return seen[i] or 4 - i end, __newindex = function(_, i, v) seen[i] = v "
       "end}) table.sort(t) return seen[1] .. seen[3]",
       "13"},
      {"local t = {} for i = 1, 300000 do t[i] = i * 7919 % 300007 end table.sort(t) for i = 2, #t "
       "do assert(t[i - 1] < t[i]) end table.sort(t, function(a, b) return a > b end) "
       "return t[1] - t[300000] > 200000",
       "true"},
      {"local t = {} for i = 1, 300 do t[i] = i end table.sort(setmetatable(t, {__len = function() "
       "return 1 << 50 end}))",
       "!t.lua:1: table.sort: the range 1 to 1125899906842624 is too large"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void converts(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return ('aZ\\xe4\\0-'):upper() == 'AZ\\xe4\\0-' and ('aZ\\0'):lower() == 'az\\0'", "true"},
      {"return (''):reverse() .. ('abc'):reverse()", "cba"},
      {"local t = ('abC'):rep(1000000) return t:upper() == ('ABC'):rep(1000000)", "true"},
      {"local t = ('abC'):rep(1000000) return t:lower() == ('abc'):rep(1000000)", "true"},
      {"local t = ('abC'):rep(1000000) return t:reverse() == ('Cba'):rep(1000000)", "true"},
      {"string.upper()", "!t.lua:1: bad argument #1 to 'upper' (string expected, got no value)"},
      {"return tonumber(' 0x10 ') + tonumber('1e1') + tonumber(2.5) + tonumber('z', 36)", "63.5"},
      {"return math.type(tonumber('7')) .. math.type(tonumber(7.0))", "integerfloat"},
      {"return tostring(tonumber('1\\0')) .. tostring(tonumber({})) .. tostring(tonumber('9', 8))",
       "nilnilnil"},
      {"tonumber()", "!t.lua:1: bad argument #1 to 'tonumber' (value expected)"},
      {"tonumber(('9'):rep(70000))", "!t.lua:1: tonumber: the text is longer than 64 KiB"},
      {"tonumber(('9'):rep(70000), 36)", "!t.lua:1: tonumber: the text is longer than 64 KiB"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void calls_back(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return select('#', xpcall(function(...) return ... end, print, 1, nil, nil))", "4"},
      {"local ok, e = xpcall(error, function(e) return e .. '!' end, 'oh') return e", "oh!"},
      {"local ok, e = xpcall(error, function(e) sleep(0.001) return e .. '!' end, 'oh') return e",
       "oh!"},
      {"local ok, e = xpcall(error, function(e) error('again', 0) end, 'oh') "
       "return tostring(ok) .. e",
       "falseagain"},
      {"local ok, a = xpcall(function() sleep(0.001) return 7 end, print) return a", "7"},
      {"xpcall(error)", "!t.lua:1: bad argument #2 to 'xpcall' (function expected, got no value)"},
      {"return tostring(setmetatable({}, {__tostring = function() sleep(0.001) return 'me' end}))",
       "me"},
      {"tostring(setmetatable({}, {__tostring = function() return {} end}))",
       "!t.lua:1: '__tostring' must return a string"},
      {"return tostring(nil) .. tostring(1.5) .. tostring('x')", "nil1.5x"},
      {"tostring()", "!t.lua:1: bad argument #1 to 'tostring' (value expected)"},
      {"local n = 0 return load(function() n = n + 1 sleep(0.001) return ({'return ', '4', "
       "'2'})[n] "
       "end)()",
       "42"},
      {"return select(2, load(function() error('no more', 0) end))", "no more"},
      {"return select(2, load(function() return {} end))", "reader function must return a string"},
      {"return select(2, load(function() return nil end, '=x')) or 'empty'", "empty"},
      {"return select(2, load('return +', '=x'))", "x:1: unexpected symbol near '+'"},
      {"local n = 0 return select(2, load(function() n = n + 1 return n == 1 and 'return +' or nil "
       "end))",
       "(load):1: unexpected symbol near '+'"},
      {"local env = {y = 5} local n = 0 return load(function() n = n + 1 return n == 1 and 'return "
       "y' or nil end, 'name', 't', env)()",
       "5"},
      {"return load('return y', 'name', 't', {y = 6})()", "6"},
      {"load(('x'):rep(5 << 20))", "!t.lua:1: load: the text is longer than 4 MiB"},
      {"load(function() return ('x'):rep(1 << 20) end)", "!t.lua:1: load: the text is longer"},
      {"load('x', 'x', 'b')", "!t.lua:1: load: only source text can be loaded, no bytecode"},
      {"return collectgarbage() .. collectgarbage('collect')", "00"},
      {"local weak = setmetatable({{}}, {__mode = 'v'}) collectgarbage() return #weak", "0"},
      {"return math.type(collectgarbage('count')) .. type(collectgarbage('step', 1 << 40))",
       "floatboolean"},
      {"collectgarbage('generational')",
       "!t.lua:1: bad argument #1 to 'collectgarbage' (invalid option 'generational')"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void bounds(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return ('ab'):rep(3) .. ('ab'):rep(3, '-') .. ('x'):rep(0) .. ('x'):rep(1, 'y')",
       "abababab-ab-abx"},
      {"return #('abc'):rep(100001, ', ')", "500003"},
      {"return ('ab'):rep(1000, ','):gsub('ab,', '')", "ab"},
      {"('x'):rep(1 << 40)", "!t.lua:1: string.rep: the result would be larger than 64 MiB"},
      {"string.pack('c1000000000', 'x')",
       "!t.lua:1: string.pack: the result would be larger than 64 MiB"},
      {"string.pack(('c9000000'):rep(20), '')",
       "!t.lua:1: string.pack: the result would be larger than 64 MiB"},
      {"return #string.pack('c10i4', 'x', 7)", "14"},
      {"return os.date(('%c'):rep(3000))",
       "!t.lua:1: os.date: the format is longer than 4096 bytes"},
      {"return os.date('!%Y', 0)", "1970"},
      {"local t = {} for i = 1, 50000 do t[i] = i % 10 end local s = table.concat(t, ',') "
       "return #s .. s:sub(1, 9)",
       "999991,2,3,4,5"},
      {"local t = {} for i = 1, 50000 do t[i] = 'x' end t[40000] = {} table.concat(t)",
       "!invalid value (table) at index 40000 in table for 'concat'"},
      {"table.concat(setmetatable({}, {__len = function() return 1 << 40 end}))",
       "!t.lua:1: table.concat: the range 1 to 1099511627776 is too large"},
      {"table.unpack({}, 1, 1 << 30)", "!t.lua:1: too many results to unpack"},
      {"table.move({}, 1, 1 << 60, 2)", "!t.lua:1: table.move: the range"},
      {"setmetatable({}, {__gc = print})", "!t.lua:1: setmetatable: __gc is not available"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void full_collections_are_cut(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *piece = piece_start(
      vm,
      "local t = {} for i = 1, 400000 do t[i] = {i} end sleep(0.001) collectgarbage() return #t",
      0);
  int turns = 0; /* of the loop, each a slice */
  for (; piece->outcome == VM_RUNNING; turns++)
    uv_run(&bench.loop, UV_RUN_NOWAIT);
  assert_int_equal(piece->outcome, VM_SUCCEEDED);
  assert_true(turns > 4);
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sorts),
      cmocka_unit_test(converts),
      cmocka_unit_test(calls_back),
      cmocka_unit_test(bounds),
      cmocka_unit_test(full_collections_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
