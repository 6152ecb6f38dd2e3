/* Opening, closing, transactions and the checkpoint.
 *
 * The file is in WAL mode with synchronous=FULL: a commit is one append and one fsync, and what was
 * committed is there after power loss. SQLite's own checkpoints are off, because they come inside
 * somebody's commit; store_checkpoint() does them between turns, whenever a few megabytes have
 * gathered. As nobody writes meanwhile, a checkpoint moves the whole rest and the next commit
 * begins the WAL anew, so it stays small unless a reader holds it. On a disk that has little room
 * it is done much sooner, and what the WAL had taken is given back: one that takes the last of the
 * room leaves none to move it to, and neither goes on.
 *
 * Opening reads a handful of pages however large the file is. The page cache grows on demand.
 * SQLite opens and closes the database file; this process never does so by hand, since closing any
 * descriptor of it would drop SQLite's locks. The one exception makes a file that was not there, so
 * that it is never readable by others, not even for a moment. Scheduler thread. */
#include "store/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/lock.h"

enum {
  CHECKPOINT_PAGES = 1000,          /* 4 MB: some milliseconds of work */
  BUSY_CHECKPOINT_PAGES = 8 * 1024, /* 32 MB: pages that a burst writes often are moved once */
  CRAMPED_CHECKPOINT_PAGES = 64,
  LITTLE_ROOM_BYTES = 64 << 20,
  WAL_LARGE_PAGES = 16 * 1024, /* 64 MB: worth giving back to the system */
  BUSY_WAIT_MS = 2000,         /* for a person's sqlite3 shell to let go */
};

static const char settings[] = "PRAGMA page_size = 4096;"
                               "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA wal_autocheckpoint = 0;"
                               "PRAGMA journal_size_limit = 16777216;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA cache_size = -16384;"
                               "PRAGMA mmap_size = 0;"
                               "PRAGMA secure_delete = OFF;"
                               "PRAGMA foreign_keys = OFF;"
                               "PRAGMA trusted_schema = OFF;";

static int remember_wal_size(void *context, sqlite3 *db, const char *name, int pages)
{
  (void)db, (void)name;
  struct store *store = context;
  if (pages < store->moved_pages)
    store->moved_pages = 0; /* the WAL began anew */
  store->wal_pages = pages;
  return SQLITE_OK;
}

/* Makes a private file when there is none; says early what would be puzzling later. */
static enum error_code make_file(const char *path, struct error *error)
{
  struct stat status;
  if (stat(path, &status) == 0) {
    if (!S_ISREG(status.st_mode))
      return error_set(error, ERROR_CORRUPT, "%s: not a file: move it away or use another --state",
                       path);
    return ERROR_OK;
  }
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    close(fd);
  else if (errno != EEXIST)
    return error_set_errno(error,
                           errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_PERMISSION,
                           errno, "cannot make %s", path);
  return ERROR_OK;
}

static enum error_code connect(struct store *store, struct error *error)
{
  /* The prefix keeps a path from being read as a URI or as ":memory:". */
  char *name = store->path ? memory_printf("%s%s", store->path[0] == '/' ? "" : "./", store->path)
                           : memory_strdup(":memory:");
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  enum error_code code = ERROR_OK;
  if (sqlite3_open_v2(name, &store->db, flags, NULL) != SQLITE_OK)
    code = store_fail(store, error);
  free(name);
  if (!store->db) /* no memory for it */
    return code;
  if (code == ERROR_OK && sqlite3_db_readonly(store->db, "main"))
    code = access(store->path, W_OK) == 0
               ? error_set(error, ERROR_IO,
                           "%s: cannot be opened for writing, although it may be: see whether the "
                           "system has files and memory to spare",
                           store->path)
               : error_set(error, ERROR_PERMISSION, "%s: may be read but not written", store->path);
  sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
  return code;
}

/* ---- the checkpoint ---- */

static bool has_little_room(const struct store *store)
{
  struct statvfs facts;
  return store->path && statvfs(store->path, &facts) == 0 &&
         (uint64_t)facts.f_bavail * facts.f_frsize < LITTLE_ROOM_BYTES;
}

/* -1: not now. */
static int choose_checkpoint(const struct store *store, bool is_busy)
{
  int unmoved = store->wal_pages - store->moved_pages;
  if (unmoved >= (is_busy ? BUSY_CHECKPOINT_PAGES : CHECKPOINT_PAGES))
    return SQLITE_CHECKPOINT_PASSIVE;
  if (store->lacks_room && store->wal_pages > 0)
    return SQLITE_CHECKPOINT_TRUNCATE;
  if (unmoved >= CRAMPED_CHECKPOINT_PAGES && has_little_room(store))
    return SQLITE_CHECKPOINT_TRUNCATE;
  return !is_busy && store->wal_pages >= WAL_LARGE_PAGES ? SQLITE_CHECKPOINT_TRUNCATE : -1;
}

static void checkpoint(struct store *store, int mode)
{
  int log_pages = 0, moved_pages = 0;
  sqlite3_busy_timeout(store->db, 0); /* a reader in the way: another time */
  int result = sqlite3_wal_checkpoint_v2(store->db, "main", mode, &log_pages, &moved_pages);
  sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
  /* No room is no harm: the WAL still holds everything. What is worse must be told to somebody, and
   * the next store_begin() does. */
  if (result != SQLITE_OK && result != SQLITE_BUSY && result != SQLITE_LOCKED &&
      store_fail(store, NULL) == ERROR_FULL)
    return;
  /* When all was moved, the next commit begins the WAL anew. After a failure, or with a reader in
   * the way, wait for as much again. */
  if (result == SQLITE_OK && log_pages == moved_pages)
    store->wal_pages = 0;
  store->moved_pages = store->wal_pages;
}

bool store_checkpoint(struct store *store, bool is_busy)
{
  if (!sqlite3_get_autocommit(store->db) || store->unsafe)
    return false;
  int mode = choose_checkpoint(store, is_busy), before = store->moved_pages;
  if (mode < 0)
    return false;
  checkpoint(store, mode);
  return store->wal_pages == 0 || store->moved_pages > before;
}

/* ---- opening and closing ---- */

static enum error_code begin_epoch(struct store *store, struct error *error)
{
  enum error_code code;
  if (!(code = store_begin(store, error)) &&
      !(code =
            store_execute(store, "UPDATE meta SET value = value + 1 WHERE key = 'epoch'", error)) &&
      !(code =
            store_ask(store, "SELECT value FROM meta WHERE key = 'epoch'", &store->epoch, error)))
    code = store_commit(store, error);
  if (code)
    store_rollback(store);
  return code;
}

/* SQLite counts its memory under a lock at each allocation, for a figure that nobody asks for. Too
 * late when something else in the process uses SQLite already, which does no harm. */
static void stop_counting_memory(void)
{
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum error_code store_open(const char *path, struct store **opened, struct error *error)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, stop_counting_memory);
  struct store *store = memory_alloc(sizeof *store);
  store->lock = -1;
  store->path = memory_strdup(path);
  store->prune_from.scheduled_us = INT64_MIN;
  *opened = NULL;
  enum error_code code = ERROR_OK;
  if (path && ((code = lock_take(path, &store->lock, error)) || (code = make_file(path, error))))
    goto out;
  if ((code = connect(store, error)) || (code = schema_recognise(store, error)) ||
      (code = store_execute(store, settings, error)))
    goto out;
  sqlite3_wal_hook(store->db, remember_wal_size, store);
  if ((code = schema_migrate(store, error)))
    goto out;
  code = begin_epoch(store, error);
  if (code == ERROR_FULL) { /* perhaps for what an earlier daemon left in the WAL */
    checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
    code = begin_epoch(store, error);
  }
  if (code)
    goto out;
  *opened = store;
  store = NULL;
out:
  store_close(store);
  return code;
}

void store_close(struct store *store)
{
  if (!store)
    return;
  store_rollback(store);
  store_forget_statements(store);
  sqlite3_close(store->db);
  if (store->lock >= 0)
    close(store->lock);
  buffer_deinit(&store->scratch);
  free(store->path);
  free(store);
}

int64_t store_epoch(const struct store *store)
{
  return store->epoch;
}

enum error_code store_begin(struct store *store, struct error *error)
{
  if (store->unsafe)
    return store_refuse(store, error);
  if (!sqlite3_get_autocommit(store->db))
    return error_set(error, ERROR_INTERNAL, "%s: a transaction in a transaction",
                     store_name(store));
  store->failed = ERROR_OK;
  return query_transaction(store, "BEGIN IMMEDIATE", error);
}

enum error_code store_commit(struct store *store, struct error *error)
{
  if (store->failed) {
    if (error)
      *error = store->failure;
    return store->failed;
  }
  if (sqlite3_get_autocommit(store->db))
    return error_set(error, ERROR_INTERNAL, "%s: a commit without a transaction",
                     store_name(store));
  enum error_code code = query_transaction(store, "COMMIT", error);
  if (!code)
    store->lacks_room = false;
  return code;
}

void store_rollback(struct store *store)
{
  if (store->db && !sqlite3_get_autocommit(store->db))
    query_transaction(store, "ROLLBACK", NULL);
  store->failed = ERROR_OK;
  store->last_number = store->last_reserved = 0; /* what was set aside may be taken back with it */
}
