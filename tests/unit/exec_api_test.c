/* exec, command, os.execute and io.popen as scripts see them. */
#include "support/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "support/vm_unit.h"

static const vm_opener openers[] = {api_exec_open, NULL};
static const struct vm_options options = {.folder = "/usr", .openers = openers};

/* command{...} makes the table; a worker hands it to run_command. */
#define RESULT                                                                                     \
  " return tostring(r.ok) .. ' ' .. tostring(r.code) .. ' ' .. tostring(r.signal) .. ' ' .. "      \
  "r.stdout .. '|' .. r.stderr .. '|' .. tostring(r.timed_out)"

static void test_exec(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local r = exec { 'echo', 'a b', 7 }" RESULT, "true 0 nil a b 7\n||false"},
      {"local r = exec('echo out; echo err >&2; exit 3')" RESULT, "false 3 nil out\n|err\n|false"},
      {"local r = exec('kill -9 $$')" RESULT, "false nil KILL ||false"},
      {"local r = exec { 'sleep', '30', timeout = 0.1 }" RESULT, "false nil TERM ||true"},
      {"local r = exec('trap \"exit 0\" TERM; sleep 30 & wait', { timeout = 0.1 })" RESULT,
       "false 0 nil ||true"},
      {"local r = exec('trap \"\" TERM; sleep 30', { timeout = '100ms', grace = 0 })" RESULT,
       "false nil KILL ||true"},
      {"local r = exec { 'pwd' }" RESULT, "true 0 nil /usr\n||false"},
      {"local r = exec { 'pwd', cwd = '/etc' }" RESULT, "true 0 nil /etc\n||false"},
      {"local r = exec { 'pwd', cwd = 'bin' }" RESULT, "true 0 nil /usr/bin\n||false"},
      {"local r = exec('echo $A$B', { env = { A = 'x', B = 5 } })" RESULT,
       "true 0 nil x5\n||false"},
      {"local r = exec('echo ${HOME-none}', { env = { HOME = false } })" RESULT,
       "true 0 nil none\n||false"},
      {"local r = exec { '/usr/bin/env', clean_env = true, env = { A = 'b' } }" RESULT,
       "true 0 nil A=b\n||false"},
      {"local r = exec { 'cat', stdin = 'text\\0' }" RESULT, "true 0 nil text"},
      {"local r = exec { 'cat' }" RESULT, "true 0 nil ||false"},
      {"return #exec { 'cat', stdin = ('x'):rep(900000) }.stdout", "900000"},
      {"local r = exec { 'head', '-c', '10485760', '/dev/zero' } return #r.stdout .. "
       "tostring(r.truncated)",
       "1048576true"},
      {"local r, m, c = exec { 'pg_dmp' } return tostring(r) .. m .. c",
       "nilcannot run \"pg_dmp\": No such file or directorynot_found"},
      {"local r, m, c = exec { 'true', cwd = '/none' } return tostring(r) .. m .. c",
       "nilcannot run \"true\" in /none: No such file or directorynot_found"},
      /* Who outlives the first process and holds the output is waited for, in its group alone. */
      {"local r = exec('(sleep 0.6; echo late; sleep 30 >/dev/null 2>&1) & echo first') "
       "return r.stdout .. tostring(r.truncated)",
       "first\nlate\nfalse"},
      {"local r = exec('sleep 30 & echo x', { timeout = 0.5 })" RESULT, "false 0 nil x\n||true"},
      {"local r = exec('setsid sleep 2 & echo x') return r.stdout .. tostring(r.truncated)",
       "x\ntrue"},
      {"exec { 'pg_dmp', check = true }",
       "!t.lua:1: exec: cannot run \"pg_dmp\": No such file or directory"},
      {"exec('echo no such table >&2; exit 3', { check = true })",
       "!t.lua:1: exec: \"echo no such table >&2; exit 3\" exited with status 3: no such table"},
      {"exec { 'sleep', '9', timeout = 0.05, check = true }",
       "!t.lua:1: exec: \"sleep\" timed out"},
      {"exec(('false;'):rep(20), { check = true })",
       "!t.lua:1: exec: the command exited with status 1"},
      {"return exec { 'true', check = true }.code", "0"},
      {"return coroutine.wrap(function() return exec('echo x').stdout end)()", "x\n"},
      {"exec { 'a', chek = 1 }",
       "!t.lua:1: exec: unknown option \"chek\", did you mean \"check\"?"},
      {"exec {}", "!t.lua:1: exec: the command is empty"},
      {"exec(1)", "!t.lua:1: exec: the command must be a table or a string, got number"},
      {"exec { 'a', 'b', nil, 'c' }", "!t.lua:1: exec: argument 3 is nil, and another follows"},
      {"exec { 'a', capture = false, lines = print }",
       "!t.lua:1: exec: give capture or lines, not both"},
      {"exec { 'a', {} }", "!t.lua:1: exec: argument 2 must be a string, got table"},
      {"exec { 'a\\0b' }", "!t.lua:1: exec: argument 1 holds a NUL byte"},
      {"exec { 'a', stdin = 7 }", "!t.lua:1: exec: stdin must be a string, got number"},
      {"exec { 'a', timeout = 'soon' }", "!t.lua:1: exec: timeout: "},
      {"exec { 'a', env = 1 }", "!t.lua:1: exec: env must be a table, got number"},
      {"exec { 'a', env = { ['b=c'] = 'd' } }", "!t.lua:1: exec: names in env must be strings"},
      {"exec { 'a', env = { b = 'x\\0y' } }", "!t.lua:1: exec: env.b holds a NUL byte"},
      {"exec { 'a', env = { ['b\\0c'] = 'd' } }", "!t.lua:1: exec: a name in env holds a NUL byte"},
      {"return exec { 'sh', '-c', 'echo $b$c', env = { b = 1.5, c = '' } }.stdout", "1.5\n"},
      {"exec { 'a', env = { b = {} } }", "!t.lua:1: exec: env.b must be a string"},
  };
  CHECK_CASES(cases, options, 0);
}

static void test_os_and_io(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local a, b, c = os.execute('exit 0') return tostring(a) .. b .. c", "trueexit0"},
      {"local a, b, c = os.execute('exit 4') return tostring(a) .. b .. c", "nilexit4"},
      {"local a, b, c = os.execute('kill -9 $$') return tostring(a) .. b .. c", "nilsignal9"},
      {"return os.execute()", "true"},
      {"local f = io.popen('printf \"a\\\\nb\\\\n\\\\nlast\"') local t = {} for l in f:lines() do "
       "t[#t "
       "+ 1] = l end return table.concat(t, '|') .. tostring(f:close())",
       "a|b||lasttrue"},
      {"local f = io.popen('echo 12 0x1F -3.5e1 word') local a, b, c = f:read('n', 'n', 'n') "
       "return "
       "a + b + c .. f:read('a')",
       "8.0 word\n"},
      {"local f = io.popen('echo 10-20 5kg .5. 0x.8p1,') local a, b, c = f:read('n', 'n', 'n') "
       "return a .. b .. c .. f:read(2) .. f:read('n') .. f:read(1) .. f:read('n') .. f:read('a')",
       "10-205kg0.5.1.0,\n"},
      {"return io.popen('echo x'):read('L')", "x\n"},
      {"local f = io.popen('echo x; echo y') f:read() return f:read(math.maxinteger)", "y\n"},
      {"return io.popen('(sleep 0.6; echo late) & echo first'):read('a')", "first\nlate\n"},
      {"local f = io.popen('sleep 30 & echo x') f:read() return select(3, f:close())", "0"},
      {"local f = io.popen('printf abcdef') return f:read(2) .. '|' .. f:read(0) .. f:read('*a') "
       ".. "
       "f:read('a') .. tostring(f:read('l')) .. tostring(f:read(1))",
       "ab|cdefnilnil"},
      {"return #io.popen('head -c 3000000 /dev/zero'):read('a')", "3000000"},
      {"local f = io.popen('cat >&2', 'w') f:write('a', 1, '\\n') return tostring(f:close())",
       "true"},
      {"local f = io.popen('cat > /dev/null; exit 3', 'w') for i = 1, 100 do "
       "f:write(('x'):rep(50000)) "
       "end local a, b, c = f:close() return tostring(a) .. b .. c",
       "nilexit3"},
      {"local f = io.popen('exec yes') f:read() local a, b, c = f:close() return b .. c",
       "signal13"},
      {"local f = io.popen('true') f:close() f:read()",
       "!t.lua:1: file:read: attempt to use a closed file"},
      {"local weak = setmetatable({}, { __mode = 'k' }) for i = 1, 3000 do "
       "local f = io.popen 'true' weak[f.child] = i f = nil for child in pairs(weak) do "
       "local ok, text = pcall(child.status, child) if not ok then return text end end "
       "collectgarbage 'step' end return 'never finalized'",
       "the command was let go and has ended"},
      {"return io.type(io.popen('true')) .. tostring(io.type(1))", "filenil"},
      {"io.popen('true', 'x')", "!t.lua:1: io.popen: mode must be \"r\" or \"w\", got x"},
  };
  CHECK_CASES(cases, options, 0);
}

/* The function is given lines while the command runs, and may wait; when it fails, the command is
 * gone at once. */
static void test_output_by_lines(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local t = {} local r = exec { 'sh', '-c', 'echo a; echo b >&2; printf c', lines = "
       "function(line, stream) t[#t + 1] = stream .. line sleep(0.001) end } table.sort(t) "
       "return table.concat(t, ' ') .. r.code .. #r.stdout",
       "stderrb stdouta stdoutc00"},
      {"local first local r = exec('echo ready; read x; echo $x', { stdin = 'go', lines = "
       "function(line) first = first or line end }) return first .. r.code",
       "ready0"},
      {"local co = coroutine.wrap(function() exec('echo 1; echo 2', { lines = coroutine.yield }) "
       "return 'end' end) return co() .. co() .. co()",
       "12end"},
      {"local t = time.now() local ok, e = pcall(exec, 'echo x; exec sleep 30', { lines = "
       "function(l) error('no ' .. l, 0) end }) return tostring(ok) .. e .. "
       "tostring(time.now() - t < 20)",
       "falseno xtrue"},
      {"exec('x', { lines = 5 })", "!t.lua:1: exec: lines must be a function, got number"},
  };
  CHECK_CASES(cases, options, 0);
}

static void test_output_to_log(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, options);
  struct piece *piece = piece_start(
      vm, "exec('echo one; printf two; sleep 0.05; echo; printf three', { capture = false })", 0);
  piece_wait(&bench, piece);
  assert_int_equal(piece->outcome, VM_SUCCEEDED);
  assert_string_equal(piece->log.data, "one\ntwo\nthree\n");
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

/* What a killed call ran is gone soon after, though the state went before. */
static void test_killed_call(void **state)
{
  (void)state;
  static const char *const sources[] = {
      "exec('sleep 30 & sleep 30')",
      "local f = io.popen('sleep 30') sleep(30)",
      "local f = io.popen('cat', 'w') f:write('x') sleep(30)",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    struct bench bench;
    bench_open(&bench);
    struct vm *vm = bench_vm_with(&bench, options);
    struct piece *piece = piece_start(vm, sources[i], 100000);
    int64_t began_us = clock_monotonic_us();
    piece_wait(&bench, piece);
    assert_int_equal(piece->outcome, VM_TIMED_OUT);
    vm_destroy(vm);
    bench_close(&bench);
    assert_in_range(clock_monotonic_us() - began_us, 90000, 1500000);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    piece_free(piece);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exec),
      cmocka_unit_test(test_os_and_io),
      cmocka_unit_test(test_output_by_lines),
      cmocka_unit_test(test_output_to_log),
      cmocka_unit_test(test_killed_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
