/* Jobs: what a person wrote in `jobs`, what each fire changes in `job_progress`, joined by number.
 *
 * A job is kept as the JSON that it was read from and is read again by the same function, so there
 * is no second description of its options. Its trigger is kept besides as it was anchored, since
 * "in 15m" must not begin again at each start.
 *
 * What was written by an older moonbeat, or edited by a person, may not be readable any more. Such
 * a job is neither dropped nor changed: it is handed out in JOB_ERROR with the reason, and the row
 * waits for somebody to mend it. Scheduler thread. */
#include "store/sqlite_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define COLUMNS                                                                                    \
  "j.number, j.id, j.origin, j.script, j.trigger, j.spec,"                                         \
  " p.state, p.next_us, p.last_us, p.runs_kept, p.log_bytes, p.paused_us, p.error"

void stored_job_deinit(struct stored_job *stored)
{
  job_destroy(stored->job);
  free(stored->progress.error);
  memset(stored, 0, sizeof *stored);
}

/* ---- reading ---- */

/* As much of a job as is left when its spec cannot be read: enough to be shown and removed. */
static struct job *make_unreadable(const struct query *query)
{
  const char *spec = query_text(query, 5);
  struct job *job = memory_alloc(sizeof *job);
  *job = (struct job){
      .id = memory_strdup(query_text(query, 1)),
      .spec = memory_strdup(spec ? spec : "{}"),
      .is_unreadable = true,
      .misfire_grace_us = INT64_MAX,
      .max_instances = 1,
  };
  return job;
}

/* A trigger would fire as if there were no calendar. */
static enum error_code check_calendars(struct job **job, struct error *error)
{
  const char *name = (*job)->trigger ? trigger_undefined_calendar((*job)->trigger) : NULL;
  if (!name)
    return ERROR_OK;
  error_set(error, ERROR_INVALID,
            "calendar \"%s\" cannot be read: it is to be declared, or set, anew", name);
  job_destroy(*job);
  *job = NULL;
  return ERROR_INVALID;
}

static struct job *read_job(const struct query *query, struct error *error)
{
  struct job *job = NULL;
  bool declared = query_integer(query, 2) == JOB_DECLARED;
  const char *spec = query_text(query, 5);
  if (job_from_stored(spec ? spec : "", declared ? query_text(query, 3) : NULL,
                      query_text(query, 4), &job, error) ||
      check_calendars(&job, error))
    error_prefix(error, "job \"%s\" as it is stored", query_text(query, 1));
  return job;
}

static struct stored_job read_row(const struct query *query)
{
  struct stored_job stored = {
      .progress = {.state = (enum job_state)query_integer(query, 6),
                   .next_us = query_optional(query, 7, JOB_NEVER),
                   .last_us = query_optional(query, 8, INT64_MIN),
                   .runs_kept = query_integer(query, 9),
                   .log_bytes = query_integer(query, 10),
                   .paused_us = query_integer(query, 11),
                   .error = memory_strdup(query_text(query, 12))},
  };
  struct error error;
  stored.job = read_job(query, &error);
  if (!stored.job) {
    stored.job = make_unreadable(query);
    stored.progress.state = JOB_ERROR;
    free(stored.progress.error);
    stored.progress.error = memory_strdup(error.text);
  }
  struct job *job = stored.job;
  job->number = query_integer(query, 0);
  job->origin = (enum job_origin)query_integer(query, 2);
  if (!job->script)
    job->script = memory_strdup(query_text(query, 3));
  if (strcmp(job->id, query_text(query, 1)) != 0) {
    free(job->id);
    job->id = memory_strdup(query_text(query, 1));
  }
  return stored;
}

static enum error_code visit_all(struct query *query, store_job_visitor visit, void *context,
                                 bool *stopped)
{
  while (!*stopped && query_row(query)) {
    struct stored_job stored = read_row(query);
    *stopped = !visit(context, &stored);
    stored_job_deinit(&stored);
  }
  return query_close(query);
}

static bool read_one(struct query *query, struct stored_job *stored)
{
  bool found = query_row(query);
  if (found)
    *stored = read_row(query);
  return found;
}

enum error_code store_find_job(struct store *store, const char *id, struct stored_job *stored,
                               struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM jobs j CROSS JOIN job_progress p"
                                  " ON p.number = j.number WHERE j.id = ?",
                                  error);
  bind_text(&query, id);
  bool found = read_one(&query, stored);
  enum error_code code = query_close(&query);
  return code || found ? code : error_set(error, ERROR_NOT_FOUND, "no job \"%s\"", id);
}

static enum error_code no_number(int64_t number, struct error *error)
{
  return error_set(error, ERROR_NOT_FOUND, "no job of number %lld", (long long)number);
}

enum error_code store_load_job(struct store *store, int64_t number, struct stored_job *stored,
                               struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM jobs j CROSS JOIN job_progress p"
                                  " ON p.number = j.number WHERE j.number = ?",
                                  error);
  bind_integer(&query, number);
  bool found = read_one(&query, stored);
  enum error_code code = query_close(&query);
  return code || found ? code : no_number(number, error);
}

enum error_code store_each_job(struct store *store, const char *after_id, store_job_visitor visit,
                               void *context, struct error *error)
{
  bool stopped = false;
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM jobs j CROSS JOIN job_progress p"
                                  " ON p.number = j.number WHERE j.id > ? ORDER BY j.id",
                                  error);
  bind_text(&query, after_id ? after_id : "");
  return visit_all(&query, visit, context, &stopped);
}

enum error_code store_each_declared(struct store *store, const char *script,
                                    store_job_visitor visit, void *context, struct error *error)
{
  bool stopped = false;
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM jobs j INDEXED BY jobs_declared"
                                  " CROSS JOIN job_progress p ON p.number = j.number"
                                  " WHERE j.origin = 0 AND j.script = ? ORDER BY j.id",
                                  error);
  bind_text(&query, script);
  return visit_all(&query, visit, context, &stopped);
}

enum error_code store_each_broken(struct store *store, const char *script, store_job_visitor visit,
                                  void *context, struct error *error)
{
  bool stopped = false;
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM job_progress p INDEXED BY"
                                  " progress_stopped CROSS JOIN jobs j ON j.number = p.number"
                                  " WHERE p.state > 0 AND p.state = 3 AND j.script = ?",
                                  error);
  bind_text(&query, script);
  return visit_all(&query, visit, context, &stopped);
}

/* Two range scans of progress_due, whose entries are ordered by (next_us, number): the rest of the
 * instant that the page before ended in, and what lies behind it. */
enum error_code store_each_due(struct store *store, int64_t after_us, int64_t after_number,
                               int64_t until_us, store_job_visitor visit, void *context,
                               struct error *error)
{
  bool stopped = after_us > until_us;
  struct query query = query_open(store,
                                  "SELECT " COLUMNS " FROM job_progress p INDEXED BY progress_due"
                                  " CROSS JOIN jobs j ON j.number = p.number"
                                  " WHERE p.state = 0 AND p.next_us = ? AND p.number > ?"
                                  " ORDER BY p.number",
                                  error);
  bind_integer(&query, after_us);
  bind_integer(&query, after_number);
  enum error_code code = visit_all(&query, visit, context, &stopped);
  if (code || stopped)
    return code;
  query = query_open(store,
                     "SELECT " COLUMNS " FROM job_progress p INDEXED BY progress_due"
                     " CROSS JOIN jobs j ON j.number = p.number"
                     " WHERE p.state = 0 AND p.next_us > ? AND p.next_us <= ?"
                     " ORDER BY p.next_us, p.number",
                     error);
  bind_integer(&query, after_us);
  bind_integer(&query, until_us);
  return visit_all(&query, visit, context, &stopped);
}

/* ---- writing ---- */

static const char *write_trigger(struct store *store, const struct job *job)
{
  if (!job->trigger)
    return NULL;
  struct json_writer writer = {.out = &store->scratch};
  buffer_clear(&store->scratch);
  trigger_to_json(job->trigger, &writer);
  return store->scratch.data;
}

static void bind_progress(struct query *query, const struct job_progress *progress)
{
  bind_integer(query, progress->state);
  bind_optional(query, progress->next_us, JOB_NEVER);
  bind_optional(query, progress->last_us, INT64_MIN);
  bind_integer(query, progress->runs_kept);
  bind_integer(query, progress->log_bytes);
  bind_optional(query, progress->paused_us, 0);
  bind_text(query, progress->error);
}

/* Numbers are set aside in lots, so that adding a job does not write a counter. */
static enum error_code take_number(struct store *store, int64_t *number, struct error *error)
{
  enum { LOT = 1000 };
  if (store->last_number == store->last_reserved) {
    struct query query =
        query_open(store, "UPDATE meta SET value = value + ? WHERE key = 'job_numbers'", error);
    bind_integer(&query, LOT);
    enum error_code code = query_run(&query);
    if (code || (code = store_ask(store, "SELECT value FROM meta WHERE key = 'job_numbers'",
                                  &store->last_reserved, error)))
      return code;
    store->last_number = store->last_reserved - LOT;
  }
  *number = ++store->last_number;
  return ERROR_OK;
}

enum error_code store_add_job(struct store *store, struct job *job,
                              const struct job_progress *progress, struct error *error)
{
  int64_t number;
  enum error_code code = take_number(store, &number, error);
  if (code)
    return code;
  struct query query = query_open(
      store,
      "INSERT INTO jobs(number, id, origin, script, trigger, spec) VALUES (?, ?, ?, ?, ?, ?)",
      error);
  bind_integer(&query, number);
  bind_text(&query, job->id);
  bind_integer(&query, job->origin);
  bind_text(&query, job->script);
  bind_text(&query, write_trigger(store, job));
  bind_text(&query, job->spec);
  code = query_run(&query);
  if (code == ERROR_CONFLICT)
    return error_set(error, ERROR_EXISTS, "job \"%s\" exists", job->id);
  if (code)
    return code;
  job->number = number;
  query = query_open(store,
                     "INSERT INTO job_progress"
                     "(state, next_us, last_us, runs_kept, log_bytes, paused_us, error, number)"
                     " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                     error);
  bind_progress(&query, progress);
  bind_integer(&query, job->number);
  return query_run(&query);
}

enum error_code store_change_job(struct store *store, const struct job *job, struct error *error)
{
  struct query query = query_open(
      store, "UPDATE jobs SET origin = ?, script = ?, trigger = ?, spec = ? WHERE number = ?",
      error);
  bind_integer(&query, job->origin);
  bind_text(&query, job->script);
  bind_text(&query, write_trigger(store, job));
  bind_text(&query, job->spec);
  bind_integer(&query, job->number);
  enum error_code code = query_run_one(&query, ERROR_NOT_FOUND);
  return code == ERROR_NOT_FOUND ? no_number(job->number, error) : code;
}

enum error_code store_put_progress(struct store *store, int64_t number,
                                   const struct job_progress *progress, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE job_progress SET state = ?, next_us = ?, last_us = ?,"
                                  " runs_kept = ?, log_bytes = ?, paused_us = ?, error = ?"
                                  " WHERE number = ?",
                                  error);
  bind_progress(&query, progress);
  bind_integer(&query, number);
  enum error_code code = query_run_one(&query, ERROR_NOT_FOUND);
  return code == ERROR_NOT_FOUND ? no_number(number, error) : code;
}

enum error_code store_put_unreadable(struct store *store, int64_t number,
                                     const struct job_progress *progress, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE job_progress SET next_us = ?, last_us = ?, runs_kept = ?,"
                                  " log_bytes = ? WHERE number = ?",
                                  error);
  bind_optional(&query, progress->next_us, JOB_NEVER);
  bind_optional(&query, progress->last_us, INT64_MIN);
  bind_integer(&query, progress->runs_kept);
  bind_integer(&query, progress->log_bytes);
  bind_integer(&query, number);
  enum error_code code = query_run_one(&query, ERROR_NOT_FOUND);
  return code == ERROR_NOT_FOUND ? no_number(number, error) : code;
}

enum error_code store_remove_job(struct store *store, int64_t number, struct error *error)
{
  enum error_code code;
  struct query query = query_open(store, "DELETE FROM job_progress WHERE number = ?", error);
  bind_integer(&query, number);
  if (!(code = query_run(&query))) {
    query = query_open(store, "DELETE FROM successes WHERE job = ?", error);
    bind_integer(&query, number);
    code = query_run(&query);
  }
  if (code || (code = store_remove_health(store, number, error)) ||
      (code = store_drop_keys(store, number, error)))
    return code;
  query = query_open(store, "DELETE FROM jobs WHERE number = ?", error);
  bind_integer(&query, number);
  code = query_run_one(&query, ERROR_NOT_FOUND);
  return code == ERROR_NOT_FOUND ? no_number(number, error) : code;
}

/* Most jobs are active, and counting a whole table is what SQLite does fastest; only the others are
 * looked at one by one, in an index of their own. */
enum error_code store_count(struct store *store, struct store_counts *counts, struct error *error)
{
  *counts = (struct store_counts){0};
  int64_t all = 0, pages = 0;
  enum error_code code;
  if ((code = store_ask(store, "SELECT count(*) FROM job_progress", &all, error)) ||
      (code = store_ask(store, "PRAGMA page_count", &pages, error)))
    return code;
  counts->size_bytes = pages * 4096;
  counts->jobs[JOB_ACTIVE] = all;
  struct query query = query_open(store,
                                  "SELECT state, count(*) FROM job_progress"
                                  " INDEXED BY progress_stopped WHERE state > 0 GROUP BY state",
                                  error);
  while (query_row(&query)) {
    int64_t state = query_integer(&query, 0);
    if (state > JOB_ACTIVE && state <= JOB_ERROR) {
      counts->jobs[state] = query_integer(&query, 1);
      counts->jobs[JOB_ACTIVE] -= counts->jobs[state];
    }
  }
  return query_close(&query);
}
