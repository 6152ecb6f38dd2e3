/* find, match, gmatch and gsub give what Lua's own give, also when they are cut into slices; and
 * what takes them for ever is cut and ended. */
#include "support/unit.h"

#include <lualib.h>

#include "support/vm_unit.h"

/* The global `stock`: Lua's own string library. (raw -- raw) */
static void open_stock(lua_State *L)
{
  lua_pushcfunction(L, luaopen_string);
  lua_call(L, 0, 1);
  lua_setglobal(L, "stock");
  lua_pushliteral(L, ""); /* the methods of texts are ours again */
  lua_getmetatable(L, -1);
  lua_getglobal(L, "string");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
}

static const vm_opener openers[] = {open_stock, NULL};

static const char compare[] =
    "local random = math.random "
    "math.randomseed(SEED) "
    "local bytes = {'a', 'b', 'A', '1', ' ', '(', ')', '\\0', '-', '\\xe9', 'ab', '(a(b))', '  '} "
    "local items = {'a', 'b', '.', '%a', '%d', '%s', '%S', '%p', '%w', '%x', '%(', '%%', '[ab]', "
    "'[^a]', '[%a-z]', '[a-]', '[]]', '[^]a]', '[%]]', '[b-a]', '%b()', '%bab', '%f[%a]', "
    "'%f[%W]', '%1', '%2', '()', '(', ')', '$', '^', '-', '*', '[', '[^', '%', '%b', '%f', '\\0', "
    "'%g', '%c', '%l', '%u', '%A', '%D', '\\xe9', '(a*)', '(.-)', '(%w+)', '(b?)', '%z', ']'} "
    "local suffixes = {'', '', '', '*', '+', '-', '?'} "
    "local function pick(list) return list[random(#list)] end "
    "local function text() local t = {} for i = 1, random(0, 12) do t[i] = pick(bytes) end "
    "return table.concat(t) end "
    "local function pattern() local t = {random(6) == 1 and '^' or ''} "
    "for i = 1, random(0, 5) do local item = pick(items) t[#t + 1] = item "
    "if #item > 1 and random(9) == 1 then t[#t + 1] = '(' .. pick(items) .. ')' end "
    "t[#t + 1] = pick(suffixes) end "
    "if random(6) == 1 then t[#t + 1] = '$' end return table.concat(t) end "
    "local function show(...) local t = table.pack(...) for i = 1, t.n do "
    "t[i] = math.type(t[i]) == 'integer' and 'i' .. t[i] or tostring(t[i]) end "
    "return table.concat(t, '|') end "
    "local function all(gmatch, ...) local t = {} for a, b, c in gmatch(...) do "
    "t[#t + 1] = show(a, b, c) if #t > 50 then break end end return table.concat(t, ';') end "
    "local map = {a = 'x', b = false, ab = 7, A = '%1', [1] = 'one'} "
    "local replacements = {'<%0>', '%1', '%1%2', '%%', 'x', '', '%', '%x', '%9', map, "
    "function(a, b) return b or a end, function() return nil end, "
    "function(a) return a == 'a' and 5 or false end, function() return {} end, "
    "function(a) error(a, 0) end} "
    "local function same(how, s, p, extra, ours, theirs, ...) "
    "local a, b = show(pcall(ours, ...)), show(pcall(theirs, ...)) "
    "if a ~= b then error(('%s(%q, %q, %s)\\n ours   %s\\n theirs %s'):format(how, s, p, "
    "tostring(extra), a, b), 0) end end "
    "for round = 1, ROUNDS do "
    "local s, p, first, r = text(), pattern(), random(4) == 1 and random(-4, 14) or nil, "
    "pick(replacements) "
    "same('find', s, p, first, string.find, stock.find, s, p, first) "
    "same('find plain', s, p, first, string.find, stock.find, s, p, first, true) "
    "same('match', s, p, first, string.match, stock.match, s, p, first) "
    "same('gmatch', s, p, first, function(...) return all(string.gmatch, ...) end, "
    "function(...) return all(stock.gmatch, ...) end, s, p, first) "
    "same('gsub', s, p, r, string.gsub, stock.gsub, s, p, r) "
    "same('gsub limited', s, p, r, string.gsub, stock.gsub, s, p, r, random(-1, 3)) "
    "end return 'same'";

/* Its error, a heap string, or NULL. */
static char *compare_with_stock(int seed, int rounds)
{
  struct bench bench;
  bench_open(&bench);
  char *source = memory_printf("local SEED, ROUNDS = %d, %d %s", seed, rounds, compare);
  char *text = evaluate_in(&bench, (struct vm_options){.openers = openers}, source, 0);
  free(source);
  bench_close(&bench);
  if (strcmp(text, "same") != 0)
    return text;
  free(text);
  return NULL;
}

static void gives_what_lua_gives(void **state)
{
  (void)state;
  for (int seed = 1; seed <= 4; seed++) {
    char *difference = compare_with_stock(seed, 10000);
    if (difference)
      fail_msg("%s", difference);
  }
}

/* Cut into many slices: the same results as in one. */
static void slices_change_nothing(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local t = ('ab'):rep(300000) .. 'c' return t:find('(a*)(b*)c') .. ' ' .. "
       "select(2, t:gsub('a', 'xy')) .. ' ' .. #t:gsub('%w', function(c) return c .. c end)",
       "599999 300000 1200002"},
      {"local n = 0 for a, b in (('k=v, '):rep(100000)):gmatch('(%w+)=(%w+)') do n = n + #a + #b "
       "end return n",
       "200000"},
      {"local s = ('x'):rep(3000) .. 'y' return (s:match('^(.-)(x-)y$'))", ""},
      {"return #(' '):rep(4000000):gsub('%s+$', '')", "0"},
      {"return #((' '):rep(2000000) .. 'x'):gsub('%s+$', '')", "2000001"},
      {"return (('('):rep(3000) .. 'x'):find('%b()')", "nil"},
      {"local out = {} for w in coroutine.wrap(function() local s = ('a b '):rep(20000) "
       "s:gsub('%a', function(c) coroutine.yield(c) end) end) do out[#out + 1] = w end "
       "return #out .. out[1] .. out[2]",
       "40000ab"},
      {"return (('x'):gsub('.', function(c) sleep(0.001) return c .. '!' end))", "x!"},
      {"local it = ('x'):rep(400):gmatch(('x*'):rep(3) .. 'y') local busy "
       "local co = coroutine.create(it) coroutine.resume(co) return tostring((it()))",
       "nil"},
      {"return select(2, pcall(string.find, 'x', ('()'):rep(40)))", "too many captures"},
      {"return (('a'):rep(250):match(('a*'):rep(250))) == ('a'):rep(250)", "true"},
      {"return select(2, pcall(function() ('x'):gsub('x', true) end))",
       "t.lua:1: bad argument #2 to 'gsub' (string/function/table expected, got boolean)"},
  };
  CHECK_CASES(cases, (struct vm_options){.openers = openers}, 0);
}

static const char *const endless[] = {
    "('a'):rep(200000):find(('a*'):rep(60) .. 'b')",
    "('a'):rep(200000):match(('a-'):rep(60) .. 'b')",
    "('a'):rep(200000):gsub(('a?'):rep(5000) .. 'b', '')",
    "for _ in ('a'):rep(200000):gmatch(('a*'):rep(60) .. 'b') do end",
    "(' '):rep(10000000):match('^(.-)%s*x$')",
    "pcall(string.find, ('a'):rep(200000), ('a*'):rep(60) .. 'b') while true do end",
    "table.sort({1, 2, 3}, function() ('a'):rep(200000):find(('a*'):rep(60) .. 'b') end)",
    "('x'):gsub('x', function() while true do end end)",
    "('x'):gsub('x', setmetatable({}, {__index = function() while true do end end}))",
};

static void endless_matches_are_ended(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
    char *text = evaluate_in(&bench, (struct vm_options){0}, endless[i], 60000);
    if (!strstr(text, "took longer than its time-out"))
      fail_msg("%s\n  gave %s", endless[i], text);
    free(text);
  }
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_lua_gives),
      cmocka_unit_test(slices_change_nothing),
      cmocka_unit_test(endless_matches_are_ended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
