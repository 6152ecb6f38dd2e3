/* A disk that is full or broken. Faults come from a VFS of SQLite that stands before the real one
 * and fails the n-th write or sync; the full disk is made besides in two real ways. What must hold:
 * a transaction has happened wholly or not at all, ERROR_FULL passes when there is room, and after
 * ERROR_IO nothing is written or read any more. */
#include "unit/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The real VFS has one table of methods for the database and one for the WAL; writing and syncing
 * are the same functions in both. */
static const sqlite3_io_methods *real_methods[2];
static sqlite3_io_methods methods[2];
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static int writes_left = -1, syncs_left = -1; /* -1: no fault */

static int fault_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
  if (writes_left == 0)
    return SQLITE_FULL;
  if (writes_left > 0)
    writes_left--;
  return real_methods[0]->xWrite(file, bytes, size, offset);
}

static int fault_sync(sqlite3_file *file, int flags)
{
  if (syncs_left == 0) {
    errno = EIO;
    return SQLITE_IOERR_FSYNC;
  }
  if (syncs_left > 0)
    syncs_left--;
  return real_methods[0]->xSync(file, flags);
}

static int fault_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
  (void)self;
  int result = real_vfs->xOpen(real_vfs, name, file, flags, out);
  if (result != SQLITE_OK)
    return result;
  int slot = real_methods[0] && real_methods[0] != file->pMethods;
  assert_true(!real_methods[slot] || real_methods[slot] == file->pMethods);
  real_methods[slot] = file->pMethods;
  methods[slot] = *file->pMethods;
  methods[slot].xWrite = fault_write;
  methods[slot].xSync = fault_sync;
  file->pMethods = &methods[slot];
  return result;
}

static void put_vfs_in_front(void)
{
  real_vfs = sqlite3_vfs_find(NULL);
  vfs = *real_vfs;
  vfs.zName = "fault";
  vfs.xOpen = fault_open;
  assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

static bool is_mounted; /* a disk of its own, on `folder` */

static int heal(void **state)
{
  writes_left = syncs_left = -1;
  close_store(state);
  if (!is_mounted)
    return 0;
  is_mounted = false;
  return umount(folder);
}

/* One turn: some jobs, a claim, a finish. The first failure, if any. */
static enum error_code take_turn(int turn)
{
  enum error_code code = store_begin(store, &error);
  for (int i = 0; !code && i < 20; i++) {
    char id[32];
    snprintf(id, sizeof id, "job-%03d-%02d", turn, i);
    struct job *job = make_job(id, NULL, "\"name\":\"so that it takes some room\"");
    struct job_progress progress = {.next_us = turn, .last_us = INT64_MIN};
    struct run run = make_run(i, 10 * turn, INT64_MIN);
    if (!(code = store_add_job(store, job, &progress, &error)) &&
        !(code = store_claim(store, &run, &error)))
      code = store_finish(store, &run, &error);
    job_destroy(job);
  }
  if (!code)
    code = store_commit(store, &error);
  if (code)
    store_rollback(store);
  return code;
}

static void expect_turns(int turns)
{
  int runs = 0;
  assert_int_equal(count_jobs(), 20 * turns);
  OK(store_each_run(store, INT64_MAX, INT64_MAX, count_run, &runs, &error));
  assert_int_equal(runs, 20 * turns);
}

static void full_at_every_write(void **state)
{
  (void)state;
  int turns = 0, failures = 0;
  for (int limit = 0, passed = 0; passed < 3; limit++) {
    writes_left = limit;
    enum error_code code = take_turn(turns);
    writes_left = -1;
    if (code) {
      assert_int_equal(code, ERROR_FULL);
      failures++;
    } else {
      passed++;
      turns++;
    }
    expect_turns(turns);
    OK(take_turn(turns++)); /* there is room again */
    if (limit % 5 == 0)
      open_again();
    expect_turns(turns);
  }
  assert_true(failures > 10);
}

static void says_that_it_is_full(void **state)
{
  (void)state;
  writes_left = 0;
  FAILS(ERROR_FULL, take_turn(0));
  char *text = memory_printf("%s: there is no room on the disk", path);
  assert_string_equal(error.text, text);
  free(text);
}

/* A caller that overlooks a failure in the middle cannot commit the rest. */
static void a_failed_transaction_cannot_be_committed(void **state)
{
  (void)state;
  begin();
  add_job("a", NULL, 1);
  writes_left = 0;
  FAILS(ERROR_FULL, store_commit(store, &error));
  writes_left = -1;
  FAILS(ERROR_FULL, store_commit(store, &error));
  store_rollback(store);
  expect_turns(0);
}

static void full_while_opening(void **state)
{
  (void)state;
  for (int fresh = 0; fresh < 2; fresh++)
    for (int limit = 0; limit < 200; limit++) {
      store_close(store);
      store = NULL;
      if (fresh)
        wipe();
      writes_left = limit;
      enum error_code code = store_open(path, &store, &error);
      writes_left = -1;
      if (!code)
        break;
      assert_int_equal(code, ERROR_FULL);
      OK(store_open(path, &store, &error));
    }
  expect_turns(0);
}

static void after_a_failed_sync_nothing_is_asked(void **state)
{
  (void)state;
  OK(take_turn(0));
  syncs_left = 0;
  FAILS(ERROR_IO, take_turn(1));
  assert_non_null(strstr(error.text, path));
  assert_non_null(strstr(error.text, "disk I/O error"));
  syncs_left = -1;
  FAILS(ERROR_IO, store_begin(store, &error));
  assert_non_null(strstr(error.text, "start again"));
  struct store_counts counts;
  FAILS(ERROR_IO, store_count(store, &counts, &error));
  assert_non_null(strstr(error.text, "start again"));
  open_again();
  expect_turns(1);
  OK(take_turn(2));
}

static void fill_the_wal(void)
{
  char *options = memory_printf("\"args\":[\"%02000d\"]", 1);
  begin();
  for (int i = 0; i < 4000; i++) {
    char id[32];
    snprintf(id, sizeof id, "big-%d", i);
    struct job *job = make_job(id, NULL, options);
    struct job_progress progress = {.next_us = 1, .last_us = INT64_MIN};
    OK(store_add_job(store, job, &progress, &error));
    job_destroy(job);
  }
  commit();
  free(options);
}

static void a_checkpoint_on_a_full_disk_loses_nothing(void **state)
{
  (void)state;
  fill_the_wal();
  writes_left = 100;
  store_checkpoint(store, false);
  assert_int_equal(writes_left, 0);
  writes_left = -1;
  begin();
  add_job("after", NULL, 1);
  commit();
  open_again();
  assert_int_equal(count_jobs(), 4001);
}

static void a_checkpoint_that_cannot_sync_is_told(void **state)
{
  (void)state;
  fill_the_wal();
  syncs_left = 0;
  store_checkpoint(store, false);
  syncs_left = -1;
  FAILS(ERROR_IO, store_begin(store, &error));
}

/* ---- real ones ---- */

static void a_file_size_limit(void **state)
{
  (void)state;
  struct rlimit old, small;
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 300 * 1024;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  int turns = 0;
  enum error_code code;
  while (!(code = take_turn(turns)) && turns < 1000)
    turns++;
  setrlimit(RLIMIT_FSIZE, &old);
  assert_int_equal(code, ERROR_FULL);
  assert_true(turns > 0);
  expect_turns(turns);
  OK(take_turn(turns++));
  open_again();
  expect_turns(turns);
}

/* A store on a disk of its own, which only this process sees. */
static void mount_small(void)
{
  store_close(store);
  store = NULL;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", folder, "tmpfs", 0, "size=1m") != 0)
    skip();
  is_mounted = true;
  OK(store_open(path, &store, &error));
}

static void a_full_file_system(void **state)
{
  (void)state;
  mount_small();
  char *filler = memory_printf("%s/filler", folder);
  int fd = open(filler, O_WRONLY | O_CREAT, 0600), turns = 0;
  assert_int_equal(posix_fallocate(fd, 0, 400 * 1024), 0);
  close(fd);
  enum error_code code;
  while (!(code = take_turn(turns)) && turns < 1000)
    turns++;
  assert_int_equal(code, ERROR_FULL);
  FAILS(ERROR_FULL, take_turn(turns));
  expect_turns(turns);
  unlink(filler);
  free(filler);
  OK(take_turn(turns++));
  expect_turns(turns);
}

/* A WAL that took the last of the room could never be moved into a database that has to grow. */
static void a_small_disk_is_not_filled_by_the_wal(void **state)
{
  (void)state;
  mount_small();
  int turns = 0;
  enum error_code code;
  while (!(code = take_turn(turns)) && turns < 1000) {
    store_checkpoint(store, true);
    turns++;
  }
  assert_int_equal(code, ERROR_FULL);
  struct stat database, log;
  char *wal = memory_printf("%s-wal", path);
  assert_int_equal(stat(path, &database), 0);
  assert_int_equal(stat(wal, &log), 0);
  free(wal);
  assert_true(log.st_size < database.st_size);
  expect_turns(turns);
}

#define FAULT_TEST(function) cmocka_unit_test_setup_teardown(function, open_fresh, heal)

int main(void)
{
  const struct CMUnitTest tests[] = {
      FAULT_TEST(full_at_every_write),
      FAULT_TEST(says_that_it_is_full),
      FAULT_TEST(a_failed_transaction_cannot_be_committed),
      FAULT_TEST(full_while_opening),
      FAULT_TEST(after_a_failed_sync_nothing_is_asked),
      FAULT_TEST(a_checkpoint_on_a_full_disk_loses_nothing),
      FAULT_TEST(a_checkpoint_that_cannot_sync_is_told),
      FAULT_TEST(a_file_size_limit),
      FAULT_TEST(a_full_file_system),
      FAULT_TEST(a_small_disk_is_not_filled_by_the_wal),
  };
  put_vfs_in_front();
  return run_suite(tests, sizeof tests / sizeof tests[0], false);
}
