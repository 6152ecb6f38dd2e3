#include "support/unit.h"

#include "support/lua_half.h"

static int open_state(void **state)
{
  *state = lua_half_open("orders");
  return 0;
}

static int close_state(void **state)
{
  lua_close(*state);
  return 0;
}

static void encodes_what_lua_has(void **state)
{
  static const struct {
    const char *lua, *json;
  } cases[] = {
      {"nil", "null"},
      {"true", "true"},
      {"1", "1"},
      {"1.0", "1.0"},
      {"0.1", "0.1"},
      {"-0.0", "-0.0"},
      {"9007199254740993", "9007199254740993"},
      {"math.mininteger", "-9223372036854775808"},
      {"1e300", "1e+300"},
      {"'a\"b\\n\\0'", "\"a\\\"b\\n\\u0000\""},
      {"{}", "[]"},
      {"{1, 2, {3}}", "[1,2,[3]]"},
      {"{b = 1, a = 2, ab = 3}", "{\"a\":2,\"ab\":3,\"b\":1}"},
      {"raw.json_array {}", "[]"},
      {"raw.json_null", "null"},
      {"{raw.json_null, 2}", "[null,2]"},
      {"raw.json_decode '{}'", "{}"},
      {"raw.json_decode '{\"a\":{},\"b\":[]}'", "{\"a\":{},\"b\":[]}"},
      {"raw.time_from_us(0)", "\"1970-01-01T00:00:00.000000Z\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "return assert(raw.json_encode(%s))", cases[i].lua);
    assert_string_equal(lua_half_text(*state, text), cases[i].json);
  }
}

static void refuses_with_the_path(void **state)
{
  static const struct {
    const char *lua, *error;
  } cases[] = {
      {"print", "args: a function cannot be stored"},
      {"{1, {when = print}}", "args[2].when: a function cannot be stored"},
      {"{x = 0/0}", "args.x: a number that is not a number (NaN) cannot be stored"},
      {"{-1/0}", "args[1]: an infinite number cannot be stored"},
      {"{1, nil, 3}", "args: a list with holes cannot be stored; put json.null in them"},
      {"{1, a = 2}", "args: a table with both list elements and named fields cannot be stored"},
      {"{[0] = 1}", "args: a list's keys begin at 1; for an object make them strings"},
      {"{[true] = 1}", "args: a boolean cannot be a key"},
      {"{a = {'\\xff'}}", "args.a[1]: a string that is not UTF-8 cannot be stored"},
      {"{['\\xff'] = 1}", "args.\\xff: a string that is not UTF-8 cannot be stored"},
      {"(function() local t = {} t.t = {t} return t end)()",
       "args.t[1]: a table that contains itself cannot be stored"},
      {"setmetatable({a = 1}, getmetatable(raw.json_array {}))",
       "args: a json.array cannot have named fields"},
      {"io.stdout", "args: a userdata cannot be stored"},
      {"coroutine.create(print)", "args: a thread cannot be stored"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "local t, m = raw.json_encode(%s, 'args') return m", cases[i].lua);
    assert_string_equal(lua_half_text(*state, text), cases[i].error);
  }
}

static void decodes(void **state)
{
  lua_half_run(
      *state, "local d = raw.json_decode\n"
              "assert(d '1' == 1 and math.type(d '1') == 'integer')\n"
              "assert(math.type(d '1.0') == 'float' and d '9007199254740993' == 9007199254740993)\n"
              "local t = d '{\"a\":[1,null,{\"b\":\"\\\\u00e9\"}],\"n\":null}'\n"
              "assert(#t.a == 3 and t.a[2] == raw.json_null and t.a[3].b == 'é')\n"
              "assert(t.n == raw.json_null and tostring(t.n) == 'null')\n"
              "t = d('{\"n\":null,\"a\":[null]}', true)\n"
              "assert(t.n == nil and t.a[1] == raw.json_null and d('null', true) == nil)\n"
              "local v, m = d '[1,'\n"
              "assert(v == nil and m == 'line 1, column 4: a value is missing', m)\n"
              "assert(select('#', d '1') == 1)\n");
}

static void bounds_the_depth(void **state)
{
  lua_half_run(*state, "local t = {} for i = 1, 98 do t = {t} end\n"
                       "local text = assert(raw.json_encode(t))\n"
                       "assert(raw.json_encode(raw.json_decode(text)) == text)\n"
                       "local good, message = raw.json_encode({{t}})\n"
                       "assert(not good and message:find 'nested too deeply', message)\n"
                       "assert(not raw.json_decode(('['):rep(1000)))\n");
}

/* lua-dkjson reads what is written and writes what is read the same. */
static void agrees_with_another_codec(void **state)
{
  lua_half_run(*state, "local dkjson = require 'dkjson'\n"
                       "math.randomseed(7)\n"
                       "local function value(depth)\n"
                       "  local kind = math.random(depth > 4 and 5 or 7)\n"
                       "  if kind == 1 then return math.random(-1000000, 1000000)\n"
                       "  elseif kind == 2 then return math.random() * 1000 - 500.25\n"
                       "  elseif kind == 3 then return math.random() < 0.5\n"
                       "  elseif kind < 6 then\n"
                       "    local t = {} for i = 1, math.random(0, 12) do t[i] = "
                       "utf8.char(math.random(1, 0x2000)) end\n"
                       "    return table.concat(t)\n"
                       "  end\n"
                       "  local t = {}\n"
                       "  for i = 1, math.random(1, 5) do\n"
                       "    t[kind == 6 and i or 'k' .. math.random(1000)] = value(depth + 1)\n"
                       "  end\n"
                       "  return t\n"
                       "end\n"
                       "local function same(a, b)\n"
                       "  if type(a) ~= 'table' then return a == b end\n"
                       "  for k, v in pairs(a) do if not same(v, b[k]) then return false end end\n"
                       "  for k in pairs(b) do if a[k] == nil then return false end end\n"
                       "  return true\n"
                       "end\n"
                       "for i = 1, 2000 do\n"
                       "  local v = value(0)\n"
                       "  assert(same(v, dkjson.decode(assert(raw.json_encode(v)))), i)\n"
                       "  assert(same(v, raw.json_decode(raw.json_encode(v))), i)\n"
                       "  assert(same(v, raw.json_decode(assert(raw.json_encode(v, nil, 2)))), i)\n"
                       "  local theirs = dkjson.decode(dkjson.encode(v))\n"
                       "  assert(same(theirs, raw.json_decode(dkjson.encode(v))), i)\n"
                       "end\n");
}

static void has_a_face(void **state)
{
  lua_half_run(
      *state, "local json = raw.module 'json'\n"
              "assert(json.encode({a = {1}}, {indent = 2}) == '{\\n  \"a\": [\\n    1\\n  ]\\n}')\n"
              "assert(json.encode({a = {}}, {indent = 2}) == '{\\n  \"a\": []\\n}')\n"
              "local none, message, code = json.decode '{'\n"
              "assert(none == nil and message:find 'line 1, column 2' and code == 'invalid')\n"
              "assert(json.decode 'null' == json.null)\n");
}

static void refuses_misuse_by_name(void **state)
{
  static const struct {
    const char *lua, *error;
  } cases[] = {
      {"json.encode {print}", "json.encode: [1]: a function has no form in JSON"},
      {"json.encode(print)", "json.encode: a function has no form in JSON"},
      {"json.encode('x', 5)", "json.encode: options must be a table, got number"},
      {"json.encode('x', { indent = 'x' })",
       "json.encode: indent must be a whole number from 0 to 16, got x"},
      {"json.encode('x', { indent = 17 })",
       "json.encode: indent must be a whole number from 0 to 16, got 17"},
      {"json.encode('x', { indnt = 2 })",
       "json.encode: unknown option \"indnt\", did you mean \"indent\"?"},
      {"json.decode(nil)", "json.decode: the text must be a string, got nil"},
      {"json.array(5)", "json.array: the list must be a table, got number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[256], expected[256];
    snprintf(text, sizeof text,
             "local json = raw.module 'json'\n"
             "local ok, message = pcall(function() local x = %s end)\nreturn message",
             cases[i].lua);
    snprintf(expected, sizeof expected, "jobs/test.lua:2: %s", cases[i].error);
    assert_string_equal(lua_half_text(*state, text), expected);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(encodes_what_lua_has, open_state, close_state),
      cmocka_unit_test_setup_teardown(refuses_with_the_path, open_state, close_state),
      cmocka_unit_test_setup_teardown(decodes, open_state, close_state),
      cmocka_unit_test_setup_teardown(bounds_the_depth, open_state, close_state),
      cmocka_unit_test_setup_teardown(agrees_with_another_codec, open_state, close_state),
      cmocka_unit_test_setup_teardown(refuses_misuse_by_name, open_state, close_state),
      cmocka_unit_test_setup_teardown(has_a_face, open_state, close_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
