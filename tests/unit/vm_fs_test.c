/* Files as scripts see them, below a folder of the test's own. */
#include "support/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/scratch.h"
#include "support/vm_unit.h"
#include "vm/api_fs_work.h"

static char *folder;

static struct vm_options options(void)
{
  return (struct vm_options){.folder = folder};
}

#define PROBLEM(call) "local r, m, c = " call " return tostring(r) .. ' ' .. m .. ' ' .. c"

static void test_reading_and_writing(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return tostring(fs.write('a.txt', 'one\\ntwo\\0x'))", "true"},
      {"return #fs.read('a.txt')", "9"},
      {"return fs.read('a.txt', { offset = 4, size = 3 })", "two"},
      {"return fs.read('a.txt', { offset = 100 }) == ''", "true"},
      {"return fs.read('a.txt', { size = 0 }) == ''", "true"},
      {"fs.write('a.txt', 'new') return fs.read('a.txt')", "new"},
      {"fs.append('log', 'x') fs.append('log', 'y') return fs.read('log')", "xy"},
      {"fs.write('l', 'a\\n\\nlast') local t = {} for line in fs.lines('l') do t[#t + 1] = line "
       "end "
       "return table.concat(t, '|')",
       "a||last"},
      {"fs.write('l', ('x'):rep(200000) .. '\\n' .. ('y'):rep(70000) .. '\\n') local n = 0 for "
       "line "
       "in fs.lines('l') do n = n * 1000000 + #line end return n",
       "200000070000"},
      {"fs.write('l', '') for line in fs.lines('l') do return line end", "nil"},
      {"return #fs.read('/proc/self/stat') > 10", "true"},
      {"fs.write('m', 'x', { mode = tonumber('600', 8) }) fs.write('m', 'y') return "
       "('%o'):format(fs.stat('m').mode)",
       "600"},
      {"fs.mkdir('d') fs.write('d/f', 'x') fs.copy('d/f', 'd/g') return fs.read('d/g')", "x"},
      {"local s = fs.stat('d/f') return s.type .. s.size .. ' ' .. "
       "tostring(time.now() - s.modified_at < 60)",
       "file1 true"},
      {"return fs.stat('d').type .. tostring(fs.exists('d')) .. tostring(fs.exists('none'))",
       "directorytruefalse"},
      {"return table.concat(fs.list('d'), ',')", "f,g"},
      {"return table.concat(fs.glob('d/[a-z]'), ',') .. #fs.glob('none*')", "d/f,d/g0"},
      {"return table.concat(fs.glob('d/{g,f}'), ',')", "d/g,d/f"},
      {"return tostring(fs.rename('d/g', 'd/h')) .. tostring(fs.exists('d/g'))", "truefalse"},
      {"return tostring(fs.mkdir('p/q/r', { parents = true })) .. tostring(fs.mkdir('p/q/r', { "
       "parents = true }))",
       "truetrue"},
      {"fs.write('p/q/x', '') return tostring(fs.remove('p', { recursive = true })) .. "
       "tostring(fs.exists('p'))",
       "truefalse"},
      {"local t = fs.tempdir() local there = fs.exists(t) fs.remove(t) return there", "true"},
      {"for _, name in ipairs(fs.list()) do if name:find('tmp') then return name end end", "nil"},
  };
  CHECK_CASES(cases, options(), 0);
}

static void test_problems(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {PROBLEM("fs.read('x/y.txt')"), "nil read x/y.txt: No such file or directory not_found"},
      {PROBLEM("fs.read('.')"), "nil read .: Is a directory io"},
      {PROBLEM("fs.read('/dev/zero')"), "nil read /dev/zero: over the limit of 64 MiB at once; "
                                        "read it in parts with offset and size "
                                        "limit"},
      {PROBLEM("fs.read('big')"), "nil read big: over the limit of 64 MiB at once; read it in "
                                  "parts with offset and size limit"},
      {"return #fs.read('big', { offset = (65 << 20) - 3 })", "3"},
      {PROBLEM("fs.read('pipe')"),
       "nil read pipe: it is a pipe or a socket, which could be waited for forever invalid"},
      {PROBLEM("fs.write('x/y', '')"), "nil write x/y: No such file or directory not_found"},
      {PROBLEM("fs.write('/', '')"), "nil write /: it is a directory exists"},
      {PROBLEM("fs.list('none')"), "nil list none: No such file or directory not_found"},
      {PROBLEM("fs.mkdir('/')"), "nil mkdir /: File exists exists"},
      {PROBLEM("fs.remove('none')"), "nil remove none: No such file or directory not_found"},
      {"fs.mkdir('kept') fs.write('kept/x', '') local t = {} for _, path in ipairs { 'kept/.', "
       "'kept/../kept/./', 'kept/sub/..', './/' } do fs.mkdir('kept/sub') "
       "t[#t + 1] = select(2, fs.remove(path, { recursive = true })) end "
       "t[#t + 1] = tostring(fs.exists('kept/x')) return table.concat(t, '; ')",
       "remove kept/.: its name is . or ..: write that of the folder; "
       "remove kept/../kept/./: its name is . or ..: write that of the folder; "
       "remove kept/sub/..: its name is . or ..: write that of the folder; "
       "remove .//: its name is . or ..: write that of the folder; true"},
      {PROBLEM("fs.remove('/', { recursive = true })"),
       "nil remove /: that is the root of everything invalid"},
      {PROBLEM("fs.rename('none', 'x')"),
       "nil rename none to x: No such file or directory not_found"},
      {PROBLEM("fs.copy('big', 'none/x')"),
       "nil copy big to none/x: No such file or directory not_found"},
      {"return select(2, fs.glob(('{a,b}'):rep(30))):match '}: (.*)'",
       "its braces make more than 10000 patterns"},
      {"return #fs.glob(('{a,b}'):rep(13))", "0"},
      {"return #fs.glob('{' .. ('a,'):rep(9999) .. 'a}')", "0"},
      {"return select(2, fs.glob('{a,{b,c}}' .. ('{a,b}'):rep(12))):match '}: (.*)'",
       "its braces make more than 10000 patterns"},
      {"return select(2, fs.glob(('{a}'):rep(65))):match '}: (.*)'", "over the limit of 64 braces"},
      {"return #fs.glob('\\\\{' .. ('{a,b}'):rep(13))", "0"},
      {"fs.read()", "!t.lua:1: fs.read: path must be a string, got nil"},
      {"fs.read('a\\0b')", "!t.lua:1: fs.read: path holds a NUL byte"},
      {"fs.read('a', { ofset = 1 })",
       "!t.lua:1: fs.read: unknown option \"ofset\", did you mean \"offset\"?"},
      {"fs.read('a', { offset = -1 })", "!t.lua:1: fs.read: offset must be 0 or more, got -1"},
      {"fs.read('a', { offset = 'x' })", "!t.lua:1: fs.read: offset must be an integer, got x"},
      {"fs.read('a', 1)", "!t.lua:1: fs.read: options must be a table, got number"},
      {"fs.write('a')", "!t.lua:1: fs.write: data must be a string, got nil"},
      {"fs.join('a', 1)", "!t.lua:1: fs.join: part 2 must be a string, got number"},
      {"for _ in fs.lines('none') do end", "!t.lua:1: read none: No such file or directory"},
  };
  char *path = memory_printf("%s/big", folder);
  FILE *file = fopen(path, "w");
  assert_int_equal(ftruncate(fileno(file), 65 << 20), 0);
  fclose(file);
  free(path);
  path = memory_printf("%s/pipe", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  free(path);
  CHECK_CASES(cases, options(), 0);
}

static void test_paths(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return fs.join('a', 'b', '', 'c.txt')", "a/b/c.txt"},
      {"return fs.join('a/', '/b', 'c')", "/b/c"},
      {"return fs.basename('a/b.txt') .. fs.basename('a/b.txt', '.txt') .. fs.basename('a/b/')",
       "b.txtbb"},
      {"return fs.basename('/') .. fs.basename('.txt', '.txt')", "/.txt"},
      {"return fs.dirname('a/b/c') .. ' ' .. fs.dirname('a') .. ' ' .. fs.dirname('/a') .. ' ' .. "
       "fs.dirname('/') .. ' ' .. fs.dirname('a/b/') .. ' ' .. fs.dirname('//a//b//')",
       "a/b . / / a //a"},
  };
  CHECK_CASES(cases, options(), 0);
}

/* A link keeps being one; the folder's own characters are none of a pattern's. */
static void test_links_and_odd_folders(void **state)
{
  (void)state;
  char *odd = scratch_path("[x]*");
  assert_int_equal(mkdir(odd, 0700), 0);
  char *link = memory_printf("%s/link", odd), *target = memory_printf("%s/target", odd);
  fclose(fopen(target, "w"));
  assert_int_equal(symlink("target", link), 0);
  static const struct eval_case cases[] = {
      {"fs.write('link', 'through') return fs.read('target') .. fs.stat('link', { follow = false "
       "}).type",
       "throughlink"},
      {"return table.concat(fs.glob('*'), ',')", "link,target"},
      {"fs.mkdir('d') fs.remove('link', { recursive = true }) return fs.read('target')", "through"},
  };
  CHECK_CASES(cases, ((struct vm_options){.folder = odd}), 0);
  free(link);
  free(target);
}

static void test_walking(void **state)
{
  (void)state;
#define ALL(arguments)                                                                             \
  "local t = {} for path, stat, problem in fs.walk(" arguments ") do t[#t + 1] = path .. ':' .. "  \
  "stat.type:sub(1, 1) .. (problem and '!' or '') end return table.concat(t, ' ')"
  static const struct eval_case cases[] = {
      {"fs.mkdir('w/b/empty', { parents = true }) fs.mkdir('w/d') fs.write('w/a', '') "
       "fs.write('w/b/y', '') fs.write('w/d/.hid', 'x') return fs.remove('w/b/empty')",
       "true"},
      {ALL("'w'"), "w/a:f w/b:d w/b/y:f w/d:d w/d/.hid:f"},
      {ALL("'w', { depth = 0 }"), "w/a:f w/b:d w/d:d"},
      {ALL("'w/d/'"), "w/d/.hid:f"},
      {"for path, stat in fs.walk 'w/d' do return stat.size .. path end", "1w/d/.hid"},
      {"local n = 0 for path in fs.walk() do n = n + (path:find '^w' and 1 or 0) end return n",
       "6"},
      {"for path in coroutine.wrap(function() for p in fs.walk 'w' do coroutine.yield(p) end end) "
       "do return path end",
       "w/a"},
      {"fs.walk('nowhere')", "!t.lua:1: list nowhere: No such file or directory"},
      {"fs.walk('w', { depth = -1 })", "!t.lua:1: fs.walk: depth must be a whole number from 0"},
      {"fs.walk('w', { dept = 1 })", "!t.lua:1: fs.walk: unknown option \"dept\""},
  };
  CHECK_CASES(cases, options(), 0);
}

/* The watcher tells what it has heard as "CHANGE PATH SIZE, ..."; the changer waits until it
 * watches.
 */
static void check_watch(const char *arguments, const char *changes, const char *expected)
{
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, options());
  char *watcher = memory_printf("local t = {} local step, _, _, closing = fs.watch(%s) "
                                "watching = true "
                                "for c in step, nil, nil, closing do "
                                "t[#t + 1] = c.change .. ' ' .. c.path .. ' ' .. tostring(c.size) "
                                "heard = #t if stop then break end end "
                                "return table.concat(t, ', ')",
                                arguments);
  char *changer = memory_printf("while not watching do sleep(0.005) end "
                                "local function wait(n) while (heard or 0) < n do sleep(0.005) end "
                                "end %s",
                                changes);
  struct piece *watching = piece_start(vm, watcher, 20000000);
  struct piece *changing = piece_start(vm, changer, 20000000);
  piece_wait(&bench, changing);
  assert_int_equal(changing->outcome, VM_SUCCEEDED);
  piece_wait(&bench, watching);
  if (watching->outcome != VM_SUCCEEDED || strcmp(watching->result, expected) != 0)
    fail_msg("%s: %s%s", arguments, watching->result, watching->error);
  piece_free(watching);
  piece_free(changing);
  vm_destroy(vm);
  bench_close(&bench);
  free(watcher);
  free(changer);
}

static void test_watching(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"fs.mkdir('v/sub', { parents = true }) fs.write('v/old', 'x') fs.write('v/sub/z', '')",
       "nil"},
      {"fs.watch(5)", "!t.lua:1: fs.watch: path must be a string, got number"},
      {"fs.watch('v', { settel = 1 })",
       "!t.lua:1: fs.watch: unknown option \"settel\", did you mean \"settle\"?"},
      {"fs.watch('v', { timeout = -1 })",
       "!t.lua:1: fs.watch: timeout: a duration cannot be negative"},
      {"fs.watch('v', { timeout = 0/0 })", "!t.lua:1: fs.watch: timeout: a duration cannot be NaN"},
      {"fs.watch('v', { timeout = 1e12 })",
       "!t.lua:1: fs.watch: timeout: the duration is over 1000 years"},
      {"for i = 1, 300 do fs.watch('v') end return 'collected'", "collected"},
      {"local t = {} for i = 1, 257 do t[i] = table.pack(fs.watch('v')) end",
       "!t.lua:1: fs.watch: 256 are open already"},
      {"for c in fs.watch('v', { timeout = 0.02 }) do return c.path end return 'quiet'", "quiet"},
      {"local step, _, _, closing = fs.watch('v') do local c <close> = closing end step()",
       "!t.lua:1: fs.watch: the watching has ended"},
  };
  CHECK_CASES(cases, options(), 0);
  check_watch("'v', { settle = 0.02 }",
              "fs.write('v/new', 'abc') wait(1) fs.append('v/old', 'yz') wait(2) "
              "fs.write('v/sub/deep', '') stop = true fs.remove('v/new')",
              "created v/new 3, changed v/old 3, removed v/new nil");
  check_watch("'v/**/*.csv', { settle = 0.02 }",
              "fs.write('v/a.txt', '') fs.mkdir('v/far') fs.mkdir('v/far/off') "
              "fs.write('v/far/off/b.csv', '12') wait(1) fs.write('v/sub/c.csv', '') wait(2) "
              "stop = true fs.rename('v/sub/c.csv', 'v/sub/d.csv')",
              "created v/far/off/b.csv 2, created v/sub/c.csv 0, removed v/sub/c.csv nil");
  check_watch("'late/file', { settle = 0 }",
              "fs.mkdir('late') sleep(0.05) stop = true fs.write('late/file', 'x')",
              "created late/file 1");
  check_watch("'v', { settle = 0.02, recursive = true, timeout = 0.3 }",
              "fs.write('v/sub/deep', 'xx') wait(1)", "changed v/sub/deep 2");
  check_watch("'v', { settle = 0.5 }",
              "stop = true for i = 1, 8 do fs.append('v/slow', 'x') sleep(0.05) end",
              "created v/slow 8");
}

static int64_t stand_still(void *context)
{
  (void)context;
  return 0;
}

static void test_watching_ends_though_the_clock_is_set(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"for c in fs.watch('v', { timeout = 0.02 }) do end return 'quiet'", "quiet"}};
  clock_use(&(struct clock_source){.wall_us = stand_still});
  CHECK_CASES(cases, options(), 5000000);
  clock_use(NULL);
}

/* It holds nothing then: the loop could not end else. */
static void test_watching_ends_with_the_call(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, options());
  struct piece *piece = piece_start(vm, "for c in fs.watch('v') do end", 50000);
  piece_wait(&bench, piece);
  assert_int_equal(piece->outcome, VM_TIMED_OUT);
  piece_free(piece);
  piece = piece_start(vm, "fs.watch('v')", 0); /* left to the collector */
  piece_wait(&bench, piece);
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

/* ---- what stops ---- */

/* A work that was cancelled before it looks for the first time. */
static void check_stopped(void (*work)(struct fs_job *job), const char *path, const char *path_to)
{
  struct fs_job job = {.verb = "touch", .mode = -1, .size = -1, .flag = true};
  job.path = memory_printf("%s/%s", folder, path);
  job.shown = memory_strdup(work == fs_work_glob ? job.path : path);
  job.path_to = memory_printf("%s/%s", folder, path_to);
  job.shown_to = memory_strdup(path_to);
  if (work == fs_work_write || work == fs_work_append)
    buffer_append_text(&job.data, "new");
  atomic_store(&job.is_cancelled, true);
  work(&job);
  assert_int_equal(job.code, ERROR_CANCELLED);
  fs_job_deinit(&job);
}

static void test_cancelled_works(void **state)
{
  (void)state;
  static const struct eval_case before[] = {
      {"fs.mkdir('c/sub', { parents = true }) fs.write('c/sub/a', 'old') fs.write('c/b', 'old')",
       "nil"}};
  static const struct eval_case after[] = {
      {"local t = {} for path in fs.walk 'c' do t[#t + 1] = path end return "
       "table.concat(t, ' ') .. fs.read('c/b') .. fs.read('c/sub/a')",
       "c/b c/sub c/sub/aoldold"}};
  CHECK_CASES(before, options(), 0);
  check_stopped(fs_work_read, "c/b", "");
  check_stopped(fs_work_write, "c/b", "");
  check_stopped(fs_work_append, "c/b", "");
  check_stopped(fs_work_list, "c", "");
  check_stopped(fs_work_entries, "c", "");
  check_stopped(fs_work_glob, "c/*", "");
  check_stopped(fs_work_copy, "c/sub/a", "c/b");
  check_stopped(fs_work_remove, "c", "");
  CHECK_CASES(after, options(), 0);
}

/* A call whose followers are waited for, as a run's are, has ended when its work has. */
static void test_killed_copy(void **state)
{
  (void)state;
  struct vm_call_kind kind = piece_kind;
  kind.awaits_followers = true;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, options());
  char *huge = memory_printf("%s/huge/from", folder), *in = memory_printf("%s/huge", folder);
  assert_int_equal(mkdir(in, 0700), 0);
  FILE *file = fopen(huge, "w");
  assert_int_equal(ftruncate(fileno(file), (off_t)1 << 40), 0);
  fclose(file);
  struct piece *piece = memory_alloc(sizeof *piece);
  piece->source = "fs.copy('huge/from', 'huge/to')";
  vm_call_start(vm, &piece->call, &kind, 30000);
  piece_wait(&bench, piece);
  assert_int_equal(piece->outcome, VM_TIMED_OUT);
  assert_int_equal(unlink(huge), 0);
  assert_int_equal(rmdir(in), 0); /* nothing of the copy is there */
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
  free(huge);
  free(in);
}

static int make_folder(void **state)
{
  (void)state;
  folder = scratch_folder();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reading_and_writing),
      cmocka_unit_test(test_problems),
      cmocka_unit_test(test_paths),
      cmocka_unit_test(test_links_and_odd_folders),
      cmocka_unit_test(test_walking),
      cmocka_unit_test(test_watching),
      cmocka_unit_test(test_watching_ends_though_the_clock_is_set),
      cmocka_unit_test(test_watching_ends_with_the_call),
      cmocka_unit_test(test_cancelled_works),
      cmocka_unit_test(test_killed_copy),
  };
  return cmocka_run_group_tests(tests, make_folder, NULL);
}
