#include "support/unit.h"

#include <sys/stat.h>

#include "support/scratch.h"
#include "support/vm_unit.h"

static void offers_what_it_should_and_no_more(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return debug", "nil"},
      {"return dofile 'x.lua'", "!t.lua:1: dofile is not there: use require, which finds modules"},
      {"loadfile 'x.lua'", "!t.lua:1: loadfile is not there: use require, or load(fs.read(path))"},
      {"os.exit()", "!t.lua:1: os.exit is not there: a run ends when its function returns"},
      {"os.remove 'x'", "!t.lua:1: os.remove is not there: use fs.remove"},
      {"local f = io.open('x')", "!t.lua:1: io.open is not there: use fs.read, fs.lines, fs.write"},
      {"return tostring(io.opn) .. tostring(os[1]) .. tostring(rawget(os, 'exit'))", "nilnilnil"},
      {"return package", "nil"},
      {"return raw", "nil"},
      {"return (load(string.dump(function() end)))", "nil"},
      {"load('', 'x', 'b')", "!t.lua:1: load: only source text can be loaded, no bytecode"},
      {"return (select(2, load(string.dump(function() end))))",
       "attempt to load a binary chunk (mode is 't')"},
      {"return load('return 7')()", "7"},
      {"return load('return x', 'c', 't', {x = 8})()", "8"},
      {"return type(os.time()) .. type(os.date()) .. type(os.clock()) .. type(os.getenv('PATH'))",
       "numberstringnumberstring"},
      {"setmetatable({}, {__gc = function() end})",
       "!t.lua:1: setmetatable: __gc is not available, use __close"},
      {"return getmetatable(setmetatable({}, {__index = table})).__index == table", "true"},
      {"return getmetatable(setmetatable({}, {__name = 'json.array'})).__name", "json.array"},
      {"return tostring(getmetatable({})) .. tostring(getmetatable(1))", "nilnil"},
      {"return getmetatable(sqlite.blob 'x')", "false"},
      {"return getmetatable(sqlite.open ':memory:')", "false"},
      {"return getmetatable(select(4, sqlite.open(':memory:'):rows 'SELECT 1'))", "false"},
      {"return getmetatable(json.null)", "false"},
      {"return getmetatable(json.array {})", "false"},
      {"return getmetatable(json.decode '{}')", "false"},
      {"return getmetatable(time.now())", "time"},
      {"getmetatable()", "!t.lua:1: bad argument #1 to 'getmetatable' (value expected)"},
      {"return pcall(setmetatable, setmetatable({}, {__metatable = 1}), {})", "false"},
      {"return type(collectgarbage('count'))", "number"},
      {"collectgarbage('stop')", "!t.lua:1: bad argument #1 to 'collectgarbage'"},
      {"return #('ab'):rep(3, '-')", "8"},
      {"return ('').rep('', 1 << 62)", ""},
      {"return ('x'):rep(1 << 40)", "!t.lua:1: string.rep: the result would be larger than 64 MiB"},
      {"table.move({}, 1, 1 << 60, 2)", "!t.lua:1: table.move: the range 1 to 115"},
      {"table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 0)",
       "!t.lua:1: table.insert: the range 1 to 115"},
      {"table.concat({}, '', 1, 1 << 60)", "!t.lua:1: table.concat: the range"},
      {"table.sort(setmetatable({}, {__len = function() return 1 << 30 end}))",
       "!t.lua:1: table.sort: the range"},
      {"local t = {3, 1, 2} table.sort(t) table.insert(t, 1, 0) table.remove(t, 2) "
       "table.insert(t, 9) return table.concat(t, ' ')",
       "0 2 3 9"},
      {"return table.unpack({}, 1, 1 << 40)", "!t.lua:1: too many results to unpack"},
  };
  CHECK_CASES(cases, ((struct vm_options){0}), 0);
}

static void tells_where_an_error_is(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"\nerror('no')", "!t.lua:2: no\nstack traceback:\n"},
      {"x = = 1", "!t.lua:1: unexpected symbol near '='"},
      {"local a\nlocal b = a.c", "!t.lua:2: attempt to index a nil value (local 'a')"},
      {"error({})", "!(the error is a table value)"},
      {"error({code = 5})", "!(the error is a table: {\"code\":5})"},
      {"error({run = print})", "!(the error is a table value)"},
      {"error('a\\0b', 0)", "!a\\0b"},
      {"error(setmetatable({}, {__tostring = function() return 'mine' end}))", "!mine"},
      {"error(setmetatable({}, {__tostring = function() error('worse') end}))",
       "!t.lua:1: worse\nstack"},
      {"error()", "!(the error is a nil value)"},
      {"\x1bLua", "!t.lua: compiled Lua is not accepted, only source text"},
      {"-- ok\n-- \xff", "!t.lua:2: invalid UTF-8"},
      {"#!/usr/bin/env moonbeat\nreturn 5", "5"},
      {"\xef\xbb\xbfreturn 6", "6"},
  };
  CHECK_CASES(cases, ((struct vm_options){0}), 0);
}

static void kills_what_uses_too_much_memory(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local t = {} for i = 1, 1e9 do t[i] = {} end", "!t.lua:1: used more than 8 MiB"},
      {"local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
       "!t.lua:1: used more than 8 MiB"},
      {"local t = {} table.sort({1, 2, 3}, function() while true do t[#t + 1] = ('x'):rep(1000) .. "
       "#t end end)",
       "!t.lua:1: used more than 8 MiB"},
      {"local s = 'x' while true do s = s .. s end", "!t.lua:1: used more than 8 MiB"},
      {"local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end return #table.concat(t)",
       "!t.lua:1: used more than 8 MiB"},
      {"local s = ('x'):rep(1 << 22) return #(s .. s .. s .. s .. s .. s .. s .. s .. s)",
       "!used more than 8 MiB"},
      {"for i = 1, 1e6 do local s = ('x'):rep(100) .. i end return 'garbage is no use'",
       "garbage is no use"},
  };
  CHECK_CASES(cases, ((struct vm_options){.memory_cap = 8 << 20}), 0);
}

/* ---- require ---- */

static char *folder;

static void put_file(const char *name, const char *text)
{
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

/* A piece that may be one that loads the script; the modules that are noted then. A heap string. */
static char *modules_after(struct bench *bench, struct vm *vm, const char *source, bool loads)
{
  struct vm_call_kind kind = piece_kind;
  struct piece *piece = memory_alloc(sizeof *piece);
  piece->source = source;
  kind.notes_modules = loads;
  vm_call_start(vm, &piece->call, &kind, 0);
  piece_wait(bench, piece);
  assert_string_equal(piece->error, "");
  piece_free(piece);
  struct buffer modules = {0};
  vm_modules_json(vm, &modules);
  return buffer_take(&modules);
}

/* Each once, and none when the script has been loaded. */
static void check_noted_modules(void)
{
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, (struct vm_options){.folder = folder});
  char expected[500];
  snprintf(expected, sizeof expected,
           "[\"%s/lib/b.lua\",\"%s/a.lua\",\"%s/none.lua\",\"%s/none/init.lua\"]", folder, folder,
           folder, folder);
  char *modules = modules_after(
      &bench, vm, "require 'lib.b' for i = 1, 100 do pcall(require, 'none') end", true);
  assert_string_equal(modules, expected);
  free(modules);
  modules = modules_after(&bench, vm, "pcall(require, 'later')", false);
  assert_string_equal(modules, expected);
  free(modules);
  vm_destroy(vm);
  bench_close(&bench);
}

/* Each call runs a module that wants the one which the other runs. */
static void check_circle_of_two_calls(void)
{
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, (struct vm_options){.folder = folder});
  struct piece *pieces[] = {piece_start(vm, "return require 'd1'", 5000000),
                            piece_start(vm, "return require 'd2'", 5000000)};
  for (int i = 0; i < 2; i++) {
    piece_wait(&bench, pieces[i]);
    if (!strstr(pieces[i]->error, "the module requires itself, directly or through others"))
      fail_msg("%s", pieces[i]->error);
    piece_free(pieces[i]);
  }
  vm_destroy(vm);
  bench_close(&bench);
}

static void requires_modules(void **state)
{
  (void)state;
  folder = scratch_folder();
  char sub[200];
  snprintf(sub, sizeof sub, "%s/lib", folder);
  mkdir(sub, 0755);
  put_file("a.lua", "local name, path = ... ; n = (n or 0) + 1; return {name = name, n = n}");
  put_file("lib/init.lua", "return 'lib'");
  put_file("lib/b.lua", "coroutine.wrap(function() end)() return require('a').n .. 'b'");
  put_file("nothing.lua", "");
  put_file("wrong.lua", "\nx = = 1");
  put_file("raises.lua", "tries = (tries or 0) + 1 error('no ' .. tries)");
  put_file("c1.lua", "return require 'c2'");
  put_file("c2.lua", "return require 'c1'");
  put_file("d1.lua", "sleep(0.02) return require 'd2'");
  put_file("d2.lua", "sleep(0.02) return require 'd1'");
  static const struct eval_case cases[] = {
      {"return require('a').name", "a"},
      {"require('a') return require('a').n", "1"},
      {"return require('lib')", "lib"},
      {"return require('lib.b')", "1b"},
      {"return require('nothing')", "true"},
      {"require('none.such')", "!t.lua:1: module \"none.such\" not found: there is neither /"},
      {"require('../a')", "!t.lua:1: require \"../a\": a module's name is letters, digits"},
      {"require('.a')", "!t.lua:1: require \".a\": a module's name is"},
      {"require('/etc/passwd')", "!t.lua:1: require \"/etc/passwd\": a module's name is"},
      {"return select(2, pcall(require, 'wrong')):match('wrong.lua:2: .*')",
       "wrong.lua:2: unexpected symbol near '='"},
      {"pcall(require, 'raises') return select(2, pcall(require, 'raises')):match('no %d')",
       "no 2"},
      {"return select(2, pcall(require, 'c1')):match('module requires itself.*')",
       "module requires itself, directly or through others"},
  };
  CHECK_CASES(cases, ((struct vm_options){.folder = folder}), 0);
  check_noted_modules();
  check_circle_of_two_calls();
  char command[300];
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void states_are_small_and_quick_to_make(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vms[50];
  vms[0] = bench_vm(&bench);
  int64_t began_us = clock_monotonic_us();
  for (int i = 1; i < 50; i++)
    vms[i] = bench_vm(&bench);
  int64_t took_us = (clock_monotonic_us() - began_us) / 49;
  print_message("a state: %d us, %zu KiB\n", (int)took_us, vms[1]->used >> 10);
  for (int i = 0; i < 50; i++)
    vm_destroy(vms[i]);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(offers_what_it_should_and_no_more),
      cmocka_unit_test(tells_where_an_error_is),
      cmocka_unit_test(kills_what_uses_too_much_memory),
      cmocka_unit_test(requires_modules),
      cmocka_unit_test(states_are_small_and_quick_to_make),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
