/* Opening: what a file may be, who may have it, what stays across a restart. */
#include "store/sqlite_store.h"
#include "unit/store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/lock.h"

static void keeps_everything_and_counts_epochs(void **state)
{
  (void)state;
  assert_int_equal(store_epoch(store), 1);
  begin();
  int64_t number = add_job("a", NULL, 5);
  add_ended(number, 5, INT64_MIN);
  commit();
  begin();
  add_job("lost", NULL, 5);
  open_again(); /* without a commit */
  assert_int_equal(store_epoch(store), 2);
  struct seen jobs = {0}, runs = {0};
  OK(store_each_job(store, NULL, note_job, &jobs, &error));
  assert_string_equal(jobs.text, "a");
  OK(store_each_run(store, INT64_MAX, INT64_MAX, note_run, &runs, &error));
  assert_string_equal(runs.text, "a@5:succeeded");
  open_again();
  assert_int_equal(store_epoch(store), 3);
}

/* The writer dies without closing anything. */
static void survives_a_kill(void **state)
{
  (void)state;
  store_close(store);
  store = NULL;
  pid_t child = fork();
  if (child == 0) {
    struct store *mine;
    struct job_progress progress = {.next_us = 1, .last_us = INT64_MIN};
    if (store_open(path, &mine, NULL) || store_begin(mine, NULL) ||
        store_add_job(mine, make_job("kept", NULL, ""), &progress, NULL) ||
        store_commit(mine, NULL) || store_begin(mine, NULL) ||
        store_add_job(mine, make_job("lost", NULL, ""), &progress, NULL))
      _exit(1);
    raise(SIGKILL);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  OK(store_open(path, &store, &error));
  struct seen jobs = {0};
  OK(store_each_job(store, NULL, note_job, &jobs, &error));
  assert_string_equal(jobs.text, "kept");
}

static void keeps_a_second_one_out(void **state)
{
  (void)state;
  struct store *second = store;
  FAILS(ERROR_BUSY, store_open(path, &second, &error));
  assert_null(second);
  char *text = memory_printf("another moonbeat (pid %ld) has %s open: stop it first, "
                             "or use another --state",
                             (long)getpid(), path);
  assert_string_equal(error.text, text);
  free(text);
  begin(); /* the first is not disturbed */
  add_job("a", NULL, 1);
  commit();
  open_again();
}

static void *close_soon(void *descriptor)
{
  clock_sleep_us(100000);
  close(*(int *)descriptor);
  return NULL;
}

static void waits_for_one_that_is_about_to_end(void **state)
{
  (void)state;
  int first = -1, second = -1;
  pthread_t thread;
  char *name = memory_printf("%s-other", path);
  OK(lock_take(name, &first, &error));
  assert_int_equal(pthread_create(&thread, NULL, close_soon, &first), 0);
  OK(lock_take(name, &second, &error));
  assert_int_equal(pthread_join(thread, NULL), 0);
  close(second);
  free(name);
}

static void tells_who_has_it(void **state)
{
  (void)state;
  int descriptor;
  long pid = -1;
  char *name = memory_printf("%s-told", path);
  assert_false(lock_is_held(name, &pid));
  OK(lock_take(name, &descriptor, &error));
  assert_true(lock_is_held(name, &pid));
  assert_int_equal(pid, getpid());
  close(descriptor);
  assert_false(lock_is_held(name, &pid));
  free(name);
}

static void is_private(void **state)
{
  (void)state;
  begin();
  add_job("a", NULL, 1);
  commit();
  static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    char *name = memory_printf("%s%s", path, ends[i]);
    struct stat status;
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    free(name);
  }
}

static void change_by_hand(const char *sql)
{
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
}

static char *read_text(const char *name)
{
  struct buffer text = {0};
  FILE *file = fopen(name, "r");
  assert_non_null(file);
  for (int c; (c = fgetc(file)) != EOF;)
    buffer_append_byte(&text, (char)c);
  fclose(file);
  return buffer_take(&text);
}

static void write_file(const char *name, const char *bytes, size_t size)
{
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), size);
  close(fd);
}

static void close_and_forget(void)
{
  store_close(store);
  store = NULL;
}

static bool count_calendar(void *context, const struct stored_calendar *calendar)
{
  assert_string_equal(calendar->name, "closed");
  assert_string_equal(calendar->definition, "{\"weekdays\":\"sat\"}");
  assert_null(calendar->script);
  ++*(int *)context;
  return true;
}

static void expect_answer(const char *sql, int64_t expected)
{
  int64_t answer = -7;
  OK(store_ask(store, sql, &answer, &error));
  assert_int_equal(answer, expected);
}

/* A store of the first version, before there were calendars. */
static void takes_the_steps_since(void **state)
{
  (void)state;
  int count = 0;
  close_and_forget();
  assert_int_equal(unlink(path), 0);
  char *first = read_text("tests/support/store_v1.sql");
  change_by_hand(first);
  free(first);
  change_by_hand("INSERT INTO job_progress(number, state, last_us, runs_kept) VALUES (1, 0, 8, 2), "
                 "(2, 0, 8, 0);"
                 "INSERT INTO runs(scheduled_us, job, state, cause, attempt, fence, claimed_us)"
                 " VALUES (7, 1, 2, 0, 1, 1, 7), (8, 1, 2, 0, 1, 1, 8);"
                 "INSERT INTO run_logs(scheduled_us, job, sequence, attempt, level, at_us, text)"
                 " VALUES (7, 1, 1, 1, 1, 7, 'h\303\251'), (7, 1, 2, 1, 1, 7, 'ho')");
  OK(store_open(path, &store, &error));
  OK(store_begin(store, &error));
  OK(store_put_calendar(store, &(struct stored_calendar){"closed", "{\"weekdays\":\"sat\"}", NULL},
                        &error));
  OK(store_commit(store, &error));
  close_and_forget();
  OK(store_open(path, &store, &error));
  OK(store_each_calendar(store, count_calendar, &count, &error));
  assert_int_equal(count, 1);
  expect_answer("SELECT log_bytes FROM runs WHERE scheduled_us = 7", 5);
  expect_answer("SELECT log_bytes IS NULL FROM runs WHERE scheduled_us = 8", 1);
  expect_answer("SELECT log_bytes FROM job_progress WHERE number = 1", 5);
  expect_answer("SELECT log_bytes FROM job_progress WHERE number = 2", 0);
}

/* What named jobs that were gone, and what nobody waited for. */
static void forgets_who_is_gone(void **state)
{
  (void)state;
  begin();
  int64_t job = add_job("a", NULL, 5);
  OK(store_subscribe(store, "kept", job, &error));
  OK(store_subscribe(store, "kept", job + 1, &error));
  OK(store_subscribe(store, "left", job + 1, &error));
  OK(store_put_position(store, "kept", "1", &error));
  OK(store_put_position(store, "left", "1", &error));
  commit();
  close_and_forget();
  change_by_hand("DROP INDEX skips_by_age; PRAGMA user_version = 7");
  OK(store_open(path, &store, &error));
  expect_answer("SELECT count(*) FROM subscriptions", 1);
  expect_answer("SELECT count(*) FROM subscriptions WHERE key = 'kept'", 1);
  expect_answer("SELECT count(*) FROM sensors WHERE key = 'kept'", 1);
  expect_answer("SELECT count(*) FROM sensors", 1);
}

static void refuses_newer(void **state)
{
  (void)state;
  close_and_forget();
  change_by_hand("PRAGMA user_version = 99");
  FAILS(ERROR_NEWER, store_open(path, &store, &error));
  char *text = memory_printf("%s: written by a newer moonbeat (schema 99, this one knows 9): "
                             "upgrade moonbeat",
                             path);
  assert_string_equal(error.text, text);
  free(text);
}

static void refuses_what_is_no_store(void **state)
{
  (void)state;
  static const struct {
    const char *bytes, *sql, *says;
  } cases[] = {
      {"hello", NULL, "not a moonbeat database"},
      {"SQLite format 3 but only its first words", NULL, "not a moonbeat database"},
      {NULL, "CREATE TABLE t(x)", "a database of another program"},
      {NULL, "PRAGMA application_id = 77", "a database of another program"},
      {NULL, "PRAGMA user_version = 3", "a database of another program"},
  };
  close_and_forget();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    wipe();
    if (cases[i].bytes)
      write_file(path, cases[i].bytes, strlen(cases[i].bytes));
    else
      change_by_hand(cases[i].sql);
    struct stat before, after;
    stat(path, &before);
    FAILS(ERROR_CORRUPT, store_open(path, &store, &error));
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, cases[i].says));
    assert_non_null(strstr(error.text, "move it away"));
    stat(path, &after);
    assert_int_equal(before.st_size, after.st_size); /* nothing was written */
  }
  wipe();
  write_file(path, "", 0); /* an empty file is a new store */
  OK(store_open(path, &store, &error));
}

static void finds_damage(void **state)
{
  (void)state;
  begin();
  for (int i = 0; i < 500; i++) {
    char id[32];
    snprintf(id, sizeof id, "job-%d", i);
    add_job(id, NULL, i);
  }
  commit();
  close_and_forget();
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  assert_int_equal(truncate(path, status.st_size / 2), 0);
  FAILS(ERROR_CORRUPT, store_open(path, &store, &error));
  assert_non_null(strstr(error.text, "restore a backup"));
}

static void finds_damage_later(void **state)
{
  (void)state;
  begin();
  for (int i = 0; i < 500; i++) {
    char id[32];
    snprintf(id, sizeof id, "job-%d", i);
    add_job(id, NULL, i);
  }
  commit();
  close_and_forget();
  struct stat status;
  assert_int_equal(stat(path, &status), 0);
  int fd = open(path, O_RDWR);
  char junk[4096];
  memset(junk, 0xa5, sizeof junk);
  for (off_t at = 20 * 4096; at < status.st_size; at += 4096)
    assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
  close(fd);
  enum error_code code = store_open(path, &store, &error);
  struct seen seen = {0};
  if (!code)
    code = store_each_job(store, NULL, note_job, &seen, &error);
  assert_int_equal(code, ERROR_CORRUPT);
  assert_non_null(strstr(error.text, "restore a backup"));
}

static void says_what_is_in_the_way(void **state)
{
  (void)state;
  struct store *other;
  FAILS(ERROR_CORRUPT, store_open(folder, &other, &error));
  assert_non_null(strstr(error.text, "not a file"));
  char *missing = memory_printf("%s/nowhere/m.db", folder);
  FAILS(ERROR_NOT_FOUND, store_open(missing, &other, &error));
  assert_non_null(strstr(error.text, "No such file"));
  free(missing);
}

static void says_what_it_may_not_do(void **state)
{
  (void)state;
  if (geteuid() == 0)
    skip(); /* root may */
  close_and_forget();
  chmod(path, 0400);
  FAILS(ERROR_PERMISSION, store_open(path, &store, &error));
  wipe();
  chmod(folder, 0500);
  FAILS(ERROR_PERMISSION, store_open(path, &store, &error));
  chmod(folder, 0700);
}

static void takes_odd_paths(void **state)
{
  (void)state;
  static const char *const names[] = {":memory:", "file:a?mode=ro", "with 'quotes' and spaces"};
  char before[4096];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(folder), 0);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct store *other;
    OK(store_open(names[i], &other, &error));
    assert_int_equal(access(names[i], R_OK), 0);
    store_close(other);
    char *lock = memory_printf("%s-lock", names[i]);
    assert_int_equal(access(lock, R_OK), 0);
    free(lock);
  }
  assert_int_equal(chdir(before), 0);
}

static void the_wal_goes_back(void **state)
{
  (void)state;
  char *wal = memory_printf("%s-wal", path);
  struct stat status;
  off_t largest = 0;
  for (int turn = 0; turn < 200; turn++) {
    begin();
    for (int i = 0; i < 200; i++) {
      char id[32];
      snprintf(id, sizeof id, "job-%d", (i * 7919 + turn * 104729) & 0xfffffff);
      add_job(id, NULL, (i * 7919) % 1000 * 1000000LL);
    }
    commit();
    store_checkpoint(store, false);
    assert_int_equal(stat(wal, &status), 0);
    largest = status.st_size > largest ? status.st_size : largest;
  }
  free(wal);
  assert_true(largest > 0 && largest < 16 << 20);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(keeps_everything_and_counts_epochs),
      TEST(survives_a_kill),
      TEST(keeps_a_second_one_out),
      TEST(waits_for_one_that_is_about_to_end),
      TEST(tells_who_has_it),
      TEST(is_private),
      TEST(takes_the_steps_since),
      TEST(forgets_who_is_gone),
      TEST(refuses_newer),
      TEST(refuses_what_is_no_store),
      TEST(finds_damage),
      TEST(finds_damage_later),
      TEST(says_what_is_in_the_way),
      TEST(says_what_it_may_not_do),
      TEST(takes_odd_paths),
      TEST(the_wal_goes_back),
  };
  return run_suite(tests, sizeof tests / sizeof tests[0], false);
}
