/* Runs and their earlier attempts.
 *
 * A run is one row, appended by its claim, found again by its key and written once or twice more.
 * `fence` is compared inside the UPDATE: a stale finish matches no row and so cannot change one.
 * The history of a job is a chain of keys from its newest claim backwards; pruning cuts its end
 * off, so a missing link is the end and no damage. Scheduler thread. */
#include "store/sqlite_store.h"

#include <stdlib.h>

#include "base/memory.h"

#define COLUMNS                                                                                    \
  "r.scheduled_us, r.job, r.state, r.cause, r.attempt, r.fence, r.previous_us, r.due_us,"          \
  " r.claimed_us, r.started_us, r.finished_us, r.args, r.result, r.error, r.events,"               \
  " r.log_bytes, u.slices, u.cpu_us, u.memory, u.commands_cpu_us, u.commands_memory"

/* Few runs have a row there, as most are not measured. */
#define JOIN_USAGES                                                                                \
  " LEFT JOIN usages u ON u.scheduled_us = r.scheduled_us AND u.job = r.job"                       \
  " AND u.attempt = r.attempt"

enum { ID_COLUMN = 21 };

/* The strings stay SQLite's. */
static struct run read_run(const struct query *query)
{
  return (struct run){
      .key = {.scheduled_us = query_integer(query, 0), .job = query_integer(query, 1)},
      .state = (enum run_state)query_integer(query, 2),
      .cause = (enum run_cause)query_integer(query, 3),
      .attempt = (int32_t)query_integer(query, 4),
      .fence = query_integer(query, 5),
      .previous_us = query_optional(query, 6, INT64_MIN),
      .due_us = query_optional(query, 7, query_integer(query, 0)),
      .claimed_us = query_integer(query, 8),
      .started_us = query_integer(query, 9),
      .finished_us = query_integer(query, 10),
      .args = (char *)query_text(query, 11),
      .result = (char *)query_text(query, 12),
      .error = (char *)query_text(query, 13),
      .events = (char *)query_text(query, 14),
      .log_bytes = query_integer(query, 15),
      .usage = {.slices = query_integer(query, 16),
                .cpu_us = query_integer(query, 17),
                .memory_bytes = query_integer(query, 18),
                .commands_cpu_us = query_integer(query, 19),
                .commands_memory_bytes = query_integer(query, 20)},
  };
}

static bool visit_row(const struct query *query, const char *job_id, store_run_visitor visit,
                      void *context)
{
  struct run run = read_run(query);
  return visit(context, &run, job_id ? job_id : "(removed)");
}

static enum error_code visit_all(struct query *query, store_run_visitor visit, void *context)
{
  while (query_row(query) && visit_row(query, query_text(query, ID_COLUMN), visit, context))
    ;
  return query_close(query);
}

/* ---- writing ---- */

enum error_code store_claim(struct store *store, const struct run *run, struct error *error)
{
  struct query query =
      query_open(store,
                 "INSERT INTO runs(scheduled_us, job, state, cause, attempt,"
                 " fence, previous_us, due_us, claimed_us, started_us, args, events)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 error);
  bind_integer(&query, run->key.scheduled_us);
  bind_integer(&query, run->key.job);
  bind_integer(&query, run->state);
  bind_integer(&query, run->cause);
  bind_integer(&query, run->attempt);
  bind_integer(&query, run->fence);
  bind_optional(&query, run->previous_us, INT64_MIN);
  bind_optional(&query, run->due_us, run->key.scheduled_us);
  bind_integer(&query, run->claimed_us);
  bind_optional(&query, run->started_us, 0);
  bind_text(&query, run->args);
  bind_text(&query, run->events);
  enum error_code code = query_run(&query);
  if (code == ERROR_CONFLICT)
    error_set(error, code, "the run of job %lld at %lld us is claimed already",
              (long long)run->key.job, (long long)run->key.scheduled_us);
  return code;
}

static enum error_code set_stale(const struct run *run, struct error *error)
{
  return error_set(error, ERROR_CONFLICT,
                   "the run of job %lld at %lld us has ended or is claimed anew "
                   "(fence %lld is stale)",
                   (long long)run->key.job, (long long)run->key.scheduled_us,
                   (long long)run->fence);
}

static enum error_code keep_usage(struct store *store, const struct run *run, struct error *error)
{
  if (run->usage.slices == 0)
    return ERROR_OK;
  struct query query =
      query_open(store,
                 "INSERT OR REPLACE INTO usages(scheduled_us, job, attempt, slices, cpu_us, memory,"
                 " commands_cpu_us, commands_memory) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                 error);
  bind_integer(&query, run->key.scheduled_us);
  bind_integer(&query, run->key.job);
  bind_integer(&query, run->attempt);
  bind_integer(&query, run->usage.slices);
  bind_integer(&query, run->usage.cpu_us);
  bind_integer(&query, run->usage.memory_bytes);
  bind_optional(&query, run->usage.commands_cpu_us, 0);
  bind_optional(&query, run->usage.commands_memory_bytes, 0);
  return query_run(&query);
}

enum error_code store_finish(struct store *store, const struct run *run, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE runs SET state = ?, started_us = ?, finished_us = ?,"
                                  " result = ?, error = ?, log_bytes = ?"
                                  " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                                  error);
  bind_integer(&query, run->state);
  bind_optional(&query, run->started_us, 0);
  bind_optional(&query, run->finished_us, 0);
  bind_text(&query, run->result);
  bind_text(&query, run->error);
  bind_optional(&query, run->log_bytes, 0);
  bind_integer(&query, run->key.scheduled_us);
  bind_integer(&query, run->key.job);
  bind_integer(&query, run->fence);
  enum error_code code = query_run_one(&query, ERROR_CONFLICT);
  if (code == ERROR_CONFLICT)
    return set_stale(run, error);
  return code ? code : keep_usage(store, run, error);
}

static enum error_code keep_attempt(struct store *store, const struct run *ended,
                                    struct error *error)
{
  struct query query =
      query_open(store,
                 "INSERT INTO attempts(scheduled_us, job, attempt, state, fence, due_us,"
                 " claimed_us, started_us, finished_us, result, error)"
                 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 error);
  bind_integer(&query, ended->key.scheduled_us);
  bind_integer(&query, ended->key.job);
  bind_integer(&query, ended->attempt);
  bind_integer(&query, ended->state);
  bind_integer(&query, ended->fence);
  bind_optional(&query, ended->due_us, ended->key.scheduled_us);
  bind_integer(&query, ended->claimed_us);
  bind_optional(&query, ended->started_us, 0);
  bind_optional(&query, ended->finished_us, 0);
  bind_text(&query, ended->result);
  bind_text(&query, ended->error);
  enum error_code code = query_run(&query);
  return code ? code : keep_usage(store, ended, error);
}

/* The attempt that has become too old to stay if it was snoozed. */
static enum error_code forget_snoozed(struct store *store, const struct run *ended,
                                      struct error *error)
{
  if (ended->attempt <= STORE_SNOOZES_KEPT)
    return ERROR_OK;
  struct query query = query_open(store,
                                  "DELETE FROM attempts WHERE scheduled_us = ? AND job = ?"
                                  " AND attempt = ? AND state = 0",
                                  error);
  bind_integer(&query, ended->key.scheduled_us);
  bind_integer(&query, ended->key.job);
  bind_integer(&query, ended->attempt - STORE_SNOOZES_KEPT);
  return query_run(&query);
}

enum error_code store_retry(struct store *store, const struct run *ended, const struct run *again,
                            struct error *error)
{
  struct query query =
      query_open(store,
                 "UPDATE runs SET state = ?, attempt = ?, fence = ?, due_us = ?, claimed_us = ?,"
                 " started_us = ?, finished_us = NULL, result = NULL, error = NULL"
                 " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                 error);
  bind_integer(&query, again->state);
  bind_integer(&query, again->attempt);
  bind_integer(&query, again->fence);
  bind_optional(&query, again->due_us, ended->key.scheduled_us);
  bind_integer(&query, again->claimed_us);
  bind_optional(&query, again->started_us, 0);
  bind_integer(&query, ended->key.scheduled_us);
  bind_integer(&query, ended->key.job);
  bind_integer(&query, ended->fence);
  enum error_code code = query_run_one(&query, ERROR_CONFLICT);
  if (code == ERROR_CONFLICT)
    return set_stale(ended, error);
  if (!code)
    code = keep_attempt(store, ended, error);
  return code ? code : forget_snoozed(store, ended, error);
}

static void bind_attempt(struct query *query, struct run_key key, int64_t fence)
{
  bind_integer(query, key.scheduled_us);
  bind_integer(query, key.job);
  bind_integer(query, fence);
}

enum error_code store_put_due(struct store *store, struct run_key key, int64_t fence,
                              int64_t due_us, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE runs SET due_us = ?"
                                  " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                                  error);
  bind_integer(&query, due_us);
  bind_attempt(&query, key, fence);
  enum error_code code = query_run_one(&query, ERROR_CONFLICT);
  return code == ERROR_CONFLICT ? set_stale(&(struct run){.key = key, .fence = fence}, error)
                                : code;
}

enum error_code store_cancel(struct store *store, struct run_key key, int64_t fence,
                             const char *why, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE runs SET error = ?"
                                  " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                                  error);
  bind_text(&query, why);
  bind_attempt(&query, key, fence);
  return query_run(&query);
}

/* ---- reading ---- */

static struct query open_run(struct store *store, struct run_key key, struct error *error)
{
  struct query query = query_open(
      store, "SELECT " COLUMNS " FROM runs r" JOIN_USAGES " WHERE r.scheduled_us = ? AND r.job = ?",
      error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  return query;
}

enum error_code store_get_run(struct store *store, struct run_key key, struct run *run,
                              struct error *error)
{
  struct query query = open_run(store, key, error);
  bool found = query_row(&query);
  if (found) {
    *run = read_run(&query);
    run->args = memory_strdup(run->args);
    run->events = memory_strdup(run->events);
    run->result = memory_strdup(run->result);
    run->error = memory_strdup(run->error);
  }
  enum error_code code = query_close(&query);
  if (code || found)
    return code;
  return error_set(error, ERROR_NOT_FOUND, "no run of job %lld at %lld us", (long long)key.job,
                   (long long)key.scheduled_us);
}

enum error_code store_each_attempt(struct store *store, struct run_key key, int32_t first,
                                   store_run_visitor visit, void *context, struct error *error)
{
  struct query query =
      query_open(store,
                 "SELECT a.scheduled_us, a.job, a.state, r.cause, a.attempt, a.fence,"
                 " r.previous_us, a.due_us, a.claimed_us, a.started_us, a.finished_us,"
                 " r.args, a.result, a.error, r.events, r.log_bytes, u.slices, u.cpu_us,"
                 " u.memory, u.commands_cpu_us, u.commands_memory, j.id"
                 " FROM attempts a LEFT JOIN usages u ON u.scheduled_us = a.scheduled_us"
                 " AND u.job = a.job AND u.attempt = a.attempt"
                 " LEFT JOIN runs r ON r.scheduled_us = a.scheduled_us AND r.job = a.job"
                 " LEFT JOIN jobs j ON j.number = a.job"
                 " WHERE a.scheduled_us = ? AND a.job = ? AND a.attempt >= ?"
                 " ORDER BY a.attempt",
                 error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  bind_integer(&query, first);
  return visit_all(&query, visit, context);
}

/* `sql` sets started_us to its first parameter, for the attempt of the fence. */
static enum error_code update_started(struct store *store, const char *sql, struct run_key key,
                                      int64_t fence, int64_t started_us, struct error *error)
{
  struct query query = query_open(store, sql, error);
  bind_optional(&query, started_us, 0);
  bind_attempt(&query, key, fence);
  return query_run(&query);
}

enum error_code store_mark_lasting(struct store *store, struct run_key key, int64_t fence,
                                   int64_t started_us, struct error *error)
{
  return update_started(store,
                        "UPDATE runs SET state = 1, started_us = coalesce(?, started_us)"
                        " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state = 0",
                        key, fence, started_us, error);
}

enum error_code store_put_started(struct store *store, struct run_key key, int64_t fence,
                                  int64_t started_us, struct error *error)
{
  return update_started(store,
                        "UPDATE runs SET started_us = ?"
                        " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                        key, fence, started_us, error);
}

enum error_code store_mark_sent(struct store *store, struct run_key key, int64_t fence,
                                int64_t now_us, struct error *error)
{
  return update_started(store,
                        "UPDATE runs SET state = 1, started_us = ?"
                        " WHERE scheduled_us = ? AND job = ? AND fence = ? AND state < 2",
                        key, fence, now_us, error);
}

enum error_code store_each_open_run(struct store *store, int64_t from_us, store_run_visitor visit,
                                    void *context, struct error *error)
{
  struct query query =
      query_open(store,
                 "SELECT " COLUMNS ", j.id FROM runs r INDEXED BY runs_lasting" JOIN_USAGES
                 " LEFT JOIN jobs j ON j.number = r.job WHERE r.state = 1"
                 " ORDER BY r.scheduled_us, r.job",
                 error);
  enum error_code code = visit_all(&query, visit, context);
  if (code)
    return code;
  query = query_open(store,
                     "SELECT " COLUMNS ", j.id FROM runs r NOT INDEXED" JOIN_USAGES
                     " LEFT JOIN jobs j ON j.number = r.job"
                     " WHERE r.scheduled_us >= ? AND r.state = 0"
                     " ORDER BY r.scheduled_us, r.job",
                     error);
  bind_integer(&query, from_us);
  return visit_all(&query, visit, context);
}

enum error_code store_each_run(struct store *store, int64_t before_us, int64_t before_job,
                               store_run_visitor visit, void *context, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT " COLUMNS ", j.id FROM runs r" JOIN_USAGES
                                  " LEFT JOIN jobs j ON j.number = r.job"
                                  " WHERE (r.scheduled_us, r.job) < (?, ?)"
                                  " ORDER BY r.scheduled_us DESC, r.job DESC",
                                  error);
  bind_integer(&query, before_us);
  bind_integer(&query, before_job);
  return visit_all(&query, visit, context);
}

static enum error_code copy_job_id(struct store *store, int64_t job, char **id, struct error *error)
{
  struct query query = query_open(store, "SELECT id FROM jobs WHERE number = ?", error);
  bind_integer(&query, job);
  *id = query_row(&query) ? memory_strdup(query_text(&query, 0)) : NULL;
  return query_close(&query);
}

/* Two numbers that belong together; 0 where none was put. */
static enum error_code get_numbers(struct store *store, const char *first_key, int64_t *first,
                                   const char *second_key, int64_t *second, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT ifnull((SELECT value FROM meta WHERE key = ?), 0),"
                                  " ifnull((SELECT value FROM meta WHERE key = ?), 0)",
                                  error);
  bind_text(&query, first_key);
  bind_text(&query, second_key);
  if (query_row(&query)) {
    *first = query_integer(&query, 0);
    *second = query_integer(&query, 1);
  }
  return query_close(&query);
}

static enum error_code put_numbers(struct store *store, const char *first_key, int64_t first,
                                   const char *second_key, int64_t second, struct error *error)
{
  struct query query =
      query_open(store, "INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?), (?, ?)", error);
  bind_text(&query, first_key);
  bind_integer(&query, first);
  bind_text(&query, second_key);
  bind_integer(&query, second);
  return query_run(&query);
}

enum error_code store_get_watermark(struct store *store, struct store_watermark *watermark,
                                    struct error *error)
{
  return get_numbers(store, "folded_fence", &watermark->fence, "folded_from_us",
                     &watermark->from_us, error);
}

enum error_code store_put_watermark(struct store *store, const struct store_watermark *watermark,
                                    struct error *error)
{
  return put_numbers(store, "folded_fence", watermark->fence, "folded_from_us", watermark->from_us,
                     error);
}

enum error_code store_get_set_back(struct store *store, struct store_set_back *set_back,
                                   struct error *error)
{
  return get_numbers(store, "set_back_from_us", &set_back->from_us, "set_back_to_us",
                     &set_back->to_us, error);
}

enum error_code store_put_set_back(struct store *store, const struct store_set_back *set_back,
                                   struct error *error)
{
  return put_numbers(store, "set_back_from_us", set_back->from_us, "set_back_to_us",
                     set_back->to_us, error);
}

enum error_code store_each_unfolded(struct store *store, const struct store_watermark *watermark,
                                    store_run_visitor visit, void *context, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT " COLUMNS ", NULL FROM runs r NOT INDEXED" JOIN_USAGES
                                  " WHERE r.scheduled_us >= ? AND r.fence > ?"
                                  " ORDER BY r.claimed_us, r.scheduled_us",
                                  error);
  bind_integer(&query, watermark->from_us);
  bind_integer(&query, watermark->fence);
  return visit_all(&query, visit, context);
}

enum error_code store_each_run_of(struct store *store, int64_t job, int64_t from_us,
                                  store_run_visitor visit, void *context, struct error *error)
{
  char *job_id;
  enum error_code code = copy_job_id(store, job, &job_id, error);
  struct run_key key = {.scheduled_us = from_us, .job = job};
  struct chain_guard guard = {0};
  while (!code && chain_goes_on(&guard, key.scheduled_us)) {
    struct query query = open_run(store, key, error);
    if (!query_row(&query) || !visit_row(&query, job_id, visit, context))
      key.scheduled_us = INT64_MIN;
    else
      key.scheduled_us = query_optional(&query, 6, INT64_MIN);
    code = query_close(&query);
  }
  free(job_id);
  return code;
}
