/* A connection of its own that can only read, beside the daemon's, which keeps writing: in WAL mode
 * neither waits for the other. With no daemon the file is read as it lies, which is all there is
 * then, and so it is where a reader's traces cannot be made (a folder that is not ours to write).
 *
 * Of each job only the latest runs are looked at, along their links, so that a history of a million
 * runs costs no more than one of a few. */
#include "store/history.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/sqlite_look.h"
#include "store/sqlite_store.h"

enum {
  SAMPLES_MAX = 101,
  STEPS_MAX = 1000, /* of links, for a job that seldom succeeds */
  BUSY_WAIT_MS = 2000,
};

struct latest {
  int64_t number, last_us;
  char *id;
};

static enum error_code connect(struct store *store, bool as_still, struct error *error)
{
  char *uri = sqlite_look_uri(store->path, as_still);
  int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  int result = sqlite3_open_v2(uri, &store->db, flags, NULL);
  free(uri);
  if (store->db) /* or there is no memory for it */
    sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
  return result == SQLITE_OK ? schema_recognise(store, error) : store_fail(store, error);
}

static enum error_code connect_either_way(struct store *store, struct error *error)
{
  enum error_code code = connect(store, sqlite_look_is_still(store->path), error);
  if (!code || code == ERROR_NEWER)
    return code;
  store_forget_statements(store);
  sqlite3_close(store->db);
  store->db = NULL;
  struct error unused;
  return connect(store, true, &unused) ? code : ERROR_OK;
}

static int compare(const void *left, const void *right)
{
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static enum error_code visit_job(struct store *store, const struct latest *job,
                                 history_visitor visit, void *context, struct error *error)
{
  int64_t samples[SAMPLES_MAX], at_us = job->last_us;
  size_t count = 0;
  struct query query = query_open(store,
                                  "SELECT state, started_us, finished_us, previous_us FROM runs"
                                  " WHERE scheduled_us = ? AND job = ?",
                                  error);
  for (int step = 0; step < STEPS_MAX && count < SAMPLES_MAX && at_us != INT64_MIN; step++) {
    bind_integer(&query, at_us);
    bind_integer(&query, job->number);
    if (!query_row(&query))
      break;
    int64_t started_us = query_integer(&query, 1), finished_us = query_integer(&query, 2);
    if (query_integer(&query, 0) == RUN_SUCCEEDED && started_us > 0 && finished_us >= started_us)
      samples[count++] = finished_us - started_us;
    at_us = query_optional(&query, 3, INT64_MIN);
    query_reset(&query);
  }
  enum error_code code = query_close(&query);
  if (code || count == 0)
    return code;
  qsort(samples, count, sizeof *samples, compare);
  visit(context, job->id, samples[count / 2], (int64_t)count);
  return ERROR_OK;
}

/* All of them first: one walk at a time. What job_progress does not know yet lies behind the
 * watermark. */
static enum error_code list_jobs(struct store *store, struct latest **jobs, size_t *count,
                                 struct error *error)
{
  size_t capacity = 0;
  struct query query = query_open(
      store,
      "SELECT j.number, j.id, coalesce(max(p.last_us, u.last_us), p.last_us, u.last_us) AS last"
      " FROM jobs j JOIN job_progress p ON p.number = j.number"
      " LEFT JOIN (SELECT job, max(scheduled_us) AS last_us FROM runs WHERE scheduled_us >="
      "   (SELECT value FROM meta WHERE key = 'folded_from_us') GROUP BY job) u"
      " ON u.job = j.number WHERE last IS NOT NULL",
      error);
  while (query_row(&query)) {
    if (*count == capacity) {
      capacity = capacity ? capacity * 2 : 64;
      *jobs = memory_resize(*jobs, capacity * sizeof **jobs);
    }
    (*jobs)[(*count)++] = (struct latest){query_integer(&query, 0), query_integer(&query, 2),
                                          memory_strdup(query_text(&query, 1))};
  }
  return query_close(&query);
}

/* A store that a daemon has made a moment ago, or not got as far as to make. */
static enum error_code must_hold_something(struct store *store, struct error *error)
{
  int64_t tables;
  enum error_code code = store_ask(store, "SELECT count(*) FROM sqlite_schema", &tables, error);
  if (code || tables > 0)
    return code;
  return error_set(error, ERROR_NOT_FOUND, "there is no history: nothing in %s", store->path);
}

/* *store is the caller's to close, also after a failure; NULL: there is none. */
static enum error_code open_history(const char *path, struct store **store, struct error *error)
{
  *store = NULL;
  if (access(path, F_OK) != 0)
    return error_set(error, ERROR_NOT_FOUND, "there is no history: no file %s", path);
  *store = memory_alloc(sizeof **store);
  (*store)->lock = -1;
  (*store)->path = memory_strdup(path);
  enum error_code code = connect_either_way(*store, error);
  return code ? code : must_hold_something(*store, error);
}

static void close_history(struct store *store)
{
  if (store)
    store_close(store);
}

enum error_code history_each_duration(const char *path, history_visitor visit, void *context,
                                      struct error *error)
{
  struct latest *jobs = NULL;
  struct store *store;
  size_t count = 0;
  enum error_code code = open_history(path, &store, error);
  if (!code)
    code = list_jobs(store, &jobs, &count, error);
  for (size_t i = 0; !code && i < count; i++)
    code = visit_job(store, &jobs[i], visit, context, error);
  for (size_t i = 0; i < count; i++)
    free(jobs[i].id);
  free(jobs);
  close_history(store);
  return code;
}

enum error_code history_each_kept(const char *path, store_pool_visitor visit_pool,
                                  store_calendar_visitor visit_calendar, void *context,
                                  struct error *error)
{
  struct store *store;
  enum error_code code = open_history(path, &store, error);
  if (!code)
    code = store_each_pool(store, visit_pool, context, error);
  if (!code)
    code = store_each_calendar(store, visit_calendar, context, error);
  close_history(store);
  return code;
}
