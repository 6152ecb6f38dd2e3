/* Files that come, change and go, while a sensor looks and while it does not. */
#include "sensor_bench.h"

#include <sys/stat.h>
#include <unistd.h>

#include "sensor/file_known.h"
#include "sensor/file_scan.h"

enum { NOBODY = 65534 };

static char source_text[200];

/* A pattern below root. */
static const char *source_of(struct bench *bench, const char *glob, const char *settle)
{
  snprintf(source_text, sizeof source_text,
           "{\"kind\":\"on_file\",\"glob\":\"%s/%s\",\"settle\":\"%s\"}", bench->root, glob,
           settle);
  return source_text;
}

static void begin(struct bench *bench, const char *glob, const char *settle)
{
  bench_run(bench, 50); /* what was made this very moment counts as new */
  sensors_set(bench->sensors, "k", source_of(bench, glob, settle), NULL);
  bench_expect(bench, "begun\n");
}

static void test_created_and_changed(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in; echo old > in/old.csv");
  begin(bench, "in/*.csv", "0s");
  bench_shell(bench, "echo new > in/new.csv; echo x > in/other.txt; echo x > in/.hidden.csv");
  bench_expect(bench, "created in/new.csv\n");
  bench_shell(bench, "echo more >> in/new.csv");
  bench_expect(bench, "changed in/new.csv\n");
  bench_shell(bench, "echo more >> in/old.csv");
  bench_expect(bench, "changed in/old.csv\n");
  bench_shell(bench, "rm in/old.csv; mkdir in/folder.csv; mkfifo in/pipe.csv");
  bench_expect_nothing(bench);
  bench_shell(bench, "echo again > in/old.csv");
  bench_expect(bench, "created in/old.csv\n");
}

static void test_event_has_size_and_time(void **state)
{
  struct bench *bench = *state;
  struct json_document *document;
  begin(bench, "*", "0s");
  bench_shell(bench, "printf 12345 > a; TZ=UTC touch -d '2026-11-21 06:10:09.5' a");
  bench_expect(bench, "created a\n");
  assert_int_equal(json_parse(bench->events, strlen(bench->events), &document, NULL), 0);
  const struct json *event = json_root(document)->as.first;
  assert_int_equal(json_integer(json_get(event, "size"), 0), 5);
  assert_string_equal(json_text(json_get(event, "modified_at"), ""), "2026-11-21T06:10:09.500000Z");
  json_free(document);
}

/* A scan that takes its time meets what has come since it began. */
static void test_created_during_the_first_scan(void **state)
{
  struct bench *bench = *state;
  struct file_known *known = file_known_create(NULL);
  struct file_moment moment = {clock_monotonic_us(), clock_wall_us()};
  struct stat status;
  char path[100];
  snprintf(path, sizeof path, "%s/late", bench->root);
  file_known_begin(known, &moment);
  uv_sleep(50);
  bench_shell(bench, "echo x > late");
  assert_int_equal(stat(path, &status), 0);
  file_known_visit_file(known, path, &status, status.st_dev);
  file_known_end(known);
  assert_true(file_known_settles_at_us(known, 0) < INT64_MAX);
  file_known_destroy(known);
}

static void test_moved_into_place(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in out; echo 1 > out/a.csv; echo 2 > out/b.csv");
  bench_shell(bench, "touch -d 2001-01-01 out/*");
  begin(bench, "in/*.csv", "0s");
  bench_shell(bench, "mv out/a.csv in");
  bench_expect(bench, "created in/a.csv\n");
  bench_shell(bench, "mv out/b.csv in/a.csv"); /* over it, as editors save */
  bench_expect(bench, "changed in/a.csv\n");
  bench_close(bench);
  bench_shell(bench,
              "mv in/a.csv out; echo 3 > out/c.csv; touch -d 2001-01-01 out/c.csv; sleep 0.1");
  bench_shell(bench, "mv out/c.csv in");
  bench_restart(bench, source_of(bench, "in/*.csv", "0s"));
  bench_expect(bench, "created in/c.csv\n");
}

static void test_settles(void **state)
{
  struct bench *bench = *state;
  begin(bench, "*", "400ms");
  for (int i = 0; i < 8; i++) {
    bench_shell(bench, "echo %d >> slow", i);
    bench_run(bench, 100);
  }
  assert_string_equal(bench_heard(bench), "");
  bench_expect(bench, "created slow\n");
  bench_shell(bench, "echo 1 > gone");
  bench_run(bench, 100);
  bench_shell(bench, "rm gone");
  bench_expect_nothing(bench);
}

static void test_folders_come_late(void **state)
{
  struct bench *bench = *state;
  begin(bench, "a/b/*.csv", "0s");
  bench_expect_problem(bench, "there is no folder ");
  bench_shell(bench, "mkdir -p a/b; echo 1 > a/b/1.csv");
  bench_expect(bench, "created a/b/1.csv\n");
  bench_expect_problem(bench, NULL);
  bench_shell(bench, "rm -r a");
  bench_expect_nothing(bench);
  bench_shell(bench, "mkdir -p a/b; echo 1 > a/b/2.csv");
  bench_expect(bench, "created a/b/2.csv\n");
  bench_shell(bench, "mv a c; mkdir -p a/b");
  bench_expect_nothing(bench);
  bench_shell(bench, "echo 1 > a/b/3.csv");
  bench_expect(bench, "created a/b/3.csv\n");
}

static void test_any_depth(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir -p in/x/y; echo 1 > in/x/y/old.csv; ln -s . in/x/loop");
  begin(bench, "in/**/[a-z]?.csv", "0s");
  bench_shell(bench, "echo 1 > in/a1.csv");
  bench_expect(bench, "created in/a1.csv\n");
  bench_shell(bench, "echo 1 > in/x/y/b1.csv; echo 1 > in/x/y/bbb.csv");
  bench_expect(bench, "created in/x/y/b1.csv\n");
  bench_shell(bench,
              "mkdir -p in/x/z/z/z in/.git; echo 1 > in/.git/d1.csv; echo 1 > in/x/z/z/z/c1.csv");
  bench_expect(bench, "created in/x/z/z/z/c1.csv\n");
}

/* A whole folder moved into place brings files whose times are old. */
/* A scan passes over slashes that stand side by side, or at the end. */
static void test_fits_what_a_scan_finds(void **state)
{
  static const struct {
    const char *pattern, *path;
    bool fits;
  } cases[] = {
      {"/in/*.csv", "/in/a.csv", true},   {"//in//*.csv/", "/in/a.csv", true},
      {"/in/*.csv", "/in/.a.csv", false}, {"/in/*", "/in/a/b", false},
      {"/in/**", "/in/a/b", true},        {"/in/**/", "/in/a/b", true},
      {"/in/**/**//", "/in/a/b", true},   {"/in/**", "/in/a/.b", false},
      {"/in/**/b", "/in/b", true},        {"/in/**/b/", "/in/a/b", true},
      {"/in/**/b", "/in/.a/b", false},    {"/in/**/", "/in", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (file_scan_fits(cases[i].pattern, cases[i].path) != cases[i].fits)
      fail_msg("%s %s", cases[i].pattern, cases[i].path);
}

static void test_folder_moved_into_place(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in batch; echo 1 > batch/a; echo 2 > in/b");
  begin(bench, "in/**", "0s");
  bench_shell(bench, "mv batch in");
  bench_expect(bench, "created in/batch/a\n");
}

/* As with a disk that is taken away, or not yet mounted when the program starts. */
static void test_folder_away_and_back(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in; echo 1 > in/a; echo 1 > in/b");
  begin(bench, "in/*", "0s");
  bench_shell(bench, "mv in away");
  bench_expect_nothing(bench);
  bench_restart(bench, source_of(bench, "in/*", "0s"));
  bench_expect_nothing(bench);
  bench_shell(bench, "echo 2 >> away/b; echo 2 > away/c; mv away in");
  bench_expect(bench, "changed in/b\ncreated in/c\n");
  bench_shell(bench, "mv in away");
  bench_expect_nothing(bench);
  bench_shell(bench, "mv away in");
  bench_expect_nothing(bench);
}

/* A scan of /mnt/in, where a device with so many files is mounted or is not. */
static void scan_mounted(struct file_known *known, int count)
{
  struct file_moment moment = {clock_monotonic_us(), clock_wall_us()};
  struct stat status = {.st_size = 1};
  char path[40];
  file_known_begin(known, &moment);
  file_known_visit_folder(known, "/mnt/in", count ? 2 : 1);
  for (int i = 1; i <= count; i++) {
    snprintf(path, sizeof path, "/mnt/in/%d", i);
    status.st_ino = (ino_t)i;
    status.st_ctim.tv_sec = i;
    file_known_visit_file(known, path, &status, 2);
  }
  file_known_end(known);
}

/* More than are kept, of which the position says enough. */
static void test_many_away_and_back(void **state)
{
  struct file_known *known = file_known_create(NULL);
  (void)state;
  scan_mounted(known, 10100);
  free(file_known_position(known));
  scan_mounted(known, 0);
  scan_mounted(known, 10100);
  assert_true(file_known_settles_at_us(known, 0) == INT64_MAX);
  file_known_destroy(known);
}

static void test_too_many(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in; cd in; seq 100001 | xargs touch");
  sensors_set(bench->sensors, "k", source_of(bench, "in/*", "0s"), NULL);
  bench_expect_problem(bench, "names more files than 100000: a narrower pattern is needed");
  sensors_set(bench->sensors, "k", source_of(bench, "in/9*", "0s"), NULL);
  bench_expect(bench, "begun\n");
  assert_null(bench->problem);
}

static void test_found_after_restart(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "echo 1 > a; echo 1 > b; echo 1 > c");
  begin(bench, "*", "50ms");
  bench_close(bench);
  bench_shell(bench, "echo 2 > d; sleep 0.02; echo 2 >> b; rm c");
  bench_restart(bench, source_of(bench, "*", "50ms"));
  bench_expect(bench, "created d\nchanged b\n");
  bench_restart(bench, source_of(bench, "*", "50ms"));
  bench_expect_nothing(bench);
  bench_shell(bench, "echo 3 > c");
  bench_expect(bench, "created c\n");
  bench_shell(bench, "echo 4 >> c");
  bench_expect(bench, "changed c\n");
}

static void test_reported_again_unless_stored(void **state)
{
  struct bench *bench = *state;
  bench->is_slow = true;
  begin(bench, "*", "0s");
  bench_shell(bench, "echo 1 > a");
  bench_expect(bench, "created a\n");
  bench_shell(bench, "echo 1 > b");
  bench_expect_nothing(bench); /* a is not acknowledged */
  bench_restart(bench, source_of(bench, "*", "0s"));
  bench_expect(bench, "created a\ncreated b\n");
  bench_acknowledge(bench);
  bench_restart(bench, source_of(bench, "*", "0s"));
  bench_expect_nothing(bench);
}

static void test_acknowledged_in_between(void **state)
{
  struct bench *bench = *state;
  bench->is_slow = true;
  begin(bench, "*", "0s");
  bench_shell(bench, "echo 1 > a");
  bench_expect(bench, "created a\n");
  sensors_acknowledge(bench->sensors, "k", "{}"); /* not what was reported */
  sensors_acknowledge(bench->sensors, "none", bench->offered);
  bench_shell(bench, "echo 2 >> a; echo 1 > b");
  bench_expect_nothing(bench);
  bench_acknowledge(bench);
  bench_expect(bench, "changed a\ncreated b\n");
}

/* b is reported while a, which changed before it, has yet to settle. */
static void test_settling_out_of_order(void **state)
{
  struct bench *bench = *state;
  begin(bench, "*", "1s");
  bench_shell(bench, "echo 1 > a");
  bench_run(bench, 500);
  bench_shell(bench, "echo 1 > b; sleep 0.02; echo 1 > c");
  bench_run(bench, 400);
  bench_shell(bench, "touch a");
  bench_expect(bench, "created b\ncreated c\n");
  bench_close(bench);
  bench_restart(bench, source_of(bench, "*", "1s"));
  bench_expect(bench, "created a\n");
  bench_restart(bench, source_of(bench, "*", "1s"));
  bench_run(bench, 1000);
  bench_expect_nothing(bench);
}

/* More than one report, and positions that do not name all files any more. */
static void test_many(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in; for i in $(seq 300); do echo 1 > in/old_$i;"
                     " [ $((i %% 30)) != 0 ] || sleep 0.02; done");
  begin(bench, "in/*", "100ms");
  assert_true(strlen(bench->position) < 8000);
  bench_shell(bench, "for i in $(seq 250); do echo 1 > in/new_$i; done");
  bench_expect_each(bench, "created in/new_", 250);
  bench_shell(bench, "sleep 0.1");
  bench_close(bench);
  bench_shell(bench, "echo 2 > in/old_7; sleep 0.02; echo 2 > in/last");
  bench_restart(bench, source_of(bench, "in/*", "100ms"));
  bench_expect(bench, "changed in/old_7\ncreated in/last\n");
  bench_restart(bench, source_of(bench, "in/*", "100ms"));
  bench_expect_nothing(bench);
}

/* Of files with one change time, only some are in the report that was stored. */
static void test_equal_times(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir in");
  begin(bench, "in/*", "200ms");
  bench->is_slow = true;
  bench_shell(bench, "cd in; seq 250 | xargs touch");
  while (!bench->offered)
    bench_run(bench, 10);
  bench_acknowledge(bench);
  while (!bench->offered)
    bench_run(bench, 10);
  bench->is_slow = false;
  bench_close(bench); /* the second hundred was not stored */
  const char *line = bench->heard.data;
  for (int i = 0; i < 100; i++)
    line = strchr(line, '\n') + 1;
  bench->heard.size = (size_t)(line - bench->heard.data);
  bench_restart(bench, source_of(bench, "in/*", "200ms"));
  bench_expect_each(bench, "created in/", 250);
}

struct writer {
  uv_thread_t thread;
  const char *root;
  int count;
};

static void move_files_into_place(void *context)
{
  struct writer *writer = context;
  char from[100], to[100];
  for (int i = 1; i <= writer->count; i++) {
    snprintf(from, sizeof from, "%s/out/%d", writer->root, i);
    snprintf(to, sizeof to, "%s/in/%d", writer->root, i);
    mknod(from, S_IFREG | 0644, 0);
    rename(from, to);
    if (i % 7 == 0)
      uv_sleep(1);
  }
}

/* Files come all the time, the program is ended and started all the time. */
static void test_exactly_once(void **state)
{
  struct bench *bench = *state;
  struct writer writer = {.root = bench->root, .count = 1500};
  bench_shell(bench, "mkdir in out");
  begin(bench, "in/*", "0s");
  uv_thread_create(&writer.thread, move_files_into_place, &writer);
  for (uint64_t i = 0; i < 25; i++) {
    bench_run(bench, i * 7 % 60);
    bench_restart(bench, source_of(bench, "in/*", "0s"));
  }
  uv_thread_join(&writer.thread);
  bench_expect_each(bench, "created in/", writer.count);
}

static void test_unreadable_folder(void **state)
{
  struct bench *bench = *state;
  bool is_root = getuid() == 0; /* who may read everything */
  bench_shell(bench, "chmod 755 .; mkdir -p in/a in/b; echo 1 > in/a/1; echo 1 > in/b/1");
  if (is_root)
    assert_int_equal(seteuid(NOBODY), 0);
  begin(bench, "in/*/*", "0s");
  bench_shell(bench, "chmod 0 in/a");
  bench_expect_problem(bench, "in/a: Permission denied");
  bench_shell(bench, "echo 2 > in/b/2");
  bench_expect(bench, "created in/b/2\n");
  bench_shell(bench, "chmod 755 in/a");
  bench_expect_problem(bench, NULL);
  bench_expect_nothing(bench);
  if (is_root)
    assert_int_equal(seteuid(0), 0);
}

static void test_names_not_in_utf8(void **state)
{
  struct bench *bench = *state;
  begin(bench, "*", "0s");
  bench_shell(bench, "echo 1 > \"$(printf 'caf\\351')\"; mkdir caf\303\251; echo 1 > 'quote\"'");
  bench_expect(bench, "created caf\\xe9\ncreated quote\"\n");
  bench_restart(bench, source_of(bench, "*", "0s"));
  bench_expect_nothing(bench);
}

static void test_bad_sources(void **state)
{
  struct bench *bench = *state;
  static const struct {
    const char *source, *problem;
  } cases[] = {
      {"{\"kind\":\"on_file\",\"glob\":\"in/*\"}", "\"in/*\" does not begin with /"},
      {"{\"kind\":\"on_file\",\"glob\":\"/x\",\"settle\":\"soon\"}", "settle: "},
      {"{\"kind\":\"on_moon\"}", "\"on_moon\" is not a kind of source"},
      {"{\"kind\":", "line 1, column"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sensors_set(bench->sensors, "k", cases[i].source, NULL);
    bench_expect_problem(bench, cases[i].problem);
  }
  begin(bench, "*", "0s");
  assert_null(bench->problem);
}

static void test_set_again(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir a b");
  begin(bench, "a/*", "0s");
  sensors_set(bench->sensors, "k", source_of(bench, "a/*", "0s"), "{\"since\":0,\"done\":{}}");
  bench_expect_nothing(bench);
  sensors_set(bench->sensors, "k", source_of(bench, "b/*", "0s"), NULL);
  bench_expect(bench, "begun\n");
  bench_shell(bench, "echo 1 > a/1; echo 1 > b/1");
  bench_expect(bench, "created b/1\n");
  sensors_set(bench->sensors, "k", NULL, NULL);
  sensors_set(bench->sensors, "none", NULL, NULL);
  bench_shell(bench, "echo 1 > b/2");
  bench_expect_nothing(bench);
}

/* At each stage of the work. */
static void test_closed_during_work(void **state)
{
  struct bench *bench = *state;
  bench_shell(bench, "mkdir -p in/1 in/2/3 in/4/5/6; touch in/1/1 in/1/2 in/4/5/6/7; sleep 0.05");
  for (int i = 0; i < 60; i++) {
    sensors_set(bench->sensors, "k", source_of(bench, "in/**", "0s"), NULL);
    sensors_set(bench->sensors, "l", source_of(bench, "**/in/**/*", "0s"), NULL);
    for (int turn = 0; turn < i % 6; turn++)
      uv_run(&bench->loop, UV_RUN_NOWAIT);
    if (i % 3 == 0)
      sensors_set(bench->sensors, "k", source_of(bench, "in/*/*", "1s"), NULL);
    else if (i % 3 == 1)
      sensors_set(bench->sensors, "k", NULL, NULL);
    bench_close(bench);
    bench_open(bench);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, bench_setup, bench_teardown)
      TEST(created_and_changed),
      TEST(event_has_size_and_time),
      TEST(created_during_the_first_scan),
      TEST(moved_into_place),
      TEST(settles),
      TEST(folders_come_late),
      TEST(any_depth),
      TEST(fits_what_a_scan_finds),
      TEST(folder_moved_into_place),
      TEST(folder_away_and_back),
      TEST(many_away_and_back),
      TEST(too_many),
      TEST(found_after_restart),
      TEST(reported_again_unless_stored),
      TEST(acknowledged_in_between),
      TEST(settling_out_of_order),
      TEST(many),
      TEST(equal_times),
      TEST(exactly_once),
      TEST(unreadable_folder),
      TEST(names_not_in_utf8),
      TEST(bad_sources),
      TEST(set_again),
      TEST(closed_during_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
