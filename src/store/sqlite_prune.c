/* Housekeeping: what is too old goes, a bounded number of rows at a time.
 *
 * Old runs are the head of the clustered table, so finding them is a scan from its beginning that
 * ends at the first run that is young enough. Runs that have not ended, or were claimed later, stay
 * and are stepped over; within a pass (until a call finds nothing more) the scan goes on where it
 * stopped, so that many old open runs are not stepped over again by each call.
 *
 * A job's own history is a chain, newest first. Cutting removes behind the newest `keep` and mends
 * the link across each gap, so that an open run in the middle, or what the budget left over, can
 * still be reached. The logs of what is left are cut in the same walk, the oldest first. A log goes
 * in pieces, as it may have megabytes.
 *
 * A job's last success is known for as long as the job: `successes` has what runs ask of it, if its
 * row is gone. Scheduler thread, inside a transaction. */
#include "store/sqlite_store.h"

#include "base/memory.h"

enum {
  BATCH = 256,
  PIECE_LINES = 512, /* of a log, at once */
  PIECE_BYTES = 256 << 10,
  LINES_PER_ROW = 16, /* what counts as one row of a budget, besides its run */
  BYTES_PER_ROW = 8 << 10,
};

/* ---- one run with all that hangs on it ---- */

static enum error_code query_by_key(struct store *store, const char *sql, struct run_key key,
                                    struct error *error)
{
  struct query query = query_open(store, sql, error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  return query_run(&query);
}

/* Some lines from its beginning; *is_gone: those were all. */
static enum error_code find_log_piece(struct store *store, struct run_key key, int64_t *last,
                                      int *rows, bool *is_gone, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT sequence, length(CAST(text AS BLOB)) FROM run_logs"
                                  " WHERE scheduled_us = ? AND job = ? ORDER BY sequence",
                                  error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  int64_t bytes = 0;
  int lines = 0;
  *is_gone = false;
  while (lines < PIECE_LINES && bytes < PIECE_BYTES) {
    if (!query_row(&query)) {
      *is_gone = true;
      break;
    }
    *last = query_integer(&query, 0);
    bytes += query_integer(&query, 1);
    lines++;
  }
  *rows = lines / LINES_PER_ROW + (int)(bytes / BYTES_PER_ROW);
  return query_close(&query);
}

/* *is_gone: all of it, within the budget. */
static enum error_code delete_log(struct store *store, struct run_key key, int *budget,
                                  bool *is_gone, struct error *error)
{
  enum error_code code;
  do {
    int64_t last = INT64_MIN;
    int rows;
    if ((code = find_log_piece(store, key, &last, &rows, is_gone, error)) || last == INT64_MIN)
      break;
    struct query query = query_open(
        store, "DELETE FROM run_logs WHERE scheduled_us = ? AND job = ? AND sequence <= ?", error);
    bind_integer(&query, key.scheduled_us);
    bind_integer(&query, key.job);
    bind_integer(&query, last);
    code = query_run(&query);
    *budget -= rows;
  } while (!code && !*is_gone && *budget > 0);
  return code;
}

/* Where the job's newest run has succeeded, that one is what is asked for, and is kept when it
 * goes. An added job that is over has no run to come. */
static const char keep_success[] =
    "INSERT INTO successes(job, scheduled_us, finished_us, result)"
    " SELECT r.job, r.scheduled_us, r.finished_us, r.result FROM runs r"
    " CROSS JOIN job_progress p ON p.number = r.job"
    " LEFT JOIN runs n ON n.scheduled_us = p.last_us AND n.job = p.number"
    "  AND n.scheduled_us > r.scheduled_us AND n.state = 2"
    " WHERE r.scheduled_us = ? AND r.job = ? AND r.state = 2 AND n.job IS NULL"
    "  AND NOT (p.state = 2 AND (SELECT origin FROM jobs WHERE number = p.number) = 1)"
    " ON CONFLICT(job) DO UPDATE SET scheduled_us = excluded.scheduled_us,"
    "  finished_us = excluded.finished_us, result = excluded.result"
    "  WHERE excluded.scheduled_us > successes.scheduled_us";

enum error_code store_get_success(struct store *store, int64_t job, struct run *run,
                                  struct error *error)
{
  struct query query = query_open(
      store, "SELECT scheduled_us, finished_us, result FROM successes WHERE job = ?", error);
  bind_integer(&query, job);
  bool found = query_row(&query);
  *run = (struct run){.state = RUN_SUCCEEDED, .attempt = 1};
  if (found) {
    run->key = (struct run_key){query_integer(&query, 0), job};
    run->finished_us = query_integer(&query, 1);
    run->result = memory_strdup(query_text(&query, 2));
  }
  enum error_code code = query_close(&query);
  return code || found ? code : error_set(error, ERROR_NOT_FOUND, "no success is kept");
}

/* *is_gone: wholly, within the budget; else its log is shorter. */
static enum error_code delete_run(struct store *store, struct run_key key, int *budget,
                                  bool *is_gone, struct error *error)
{
  static const char *const steps[] = {
      keep_success,
      "DELETE FROM attempts WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM usages WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM checkpoints WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM runs WHERE scheduled_us = ? AND job = ?",
  };
  enum error_code code = delete_log(store, key, budget, is_gone, error);
  if (code || !*is_gone)
    return code;
  for (size_t i = 0; !code && i < sizeof steps / sizeof steps[0]; i++)
    code = query_by_key(store, steps[i], key, error);
  --*budget;
  return code;
}

/* ---- by age ---- */

/* Rows are collected first and deleted then, so that no cursor stands on what is deleted. */
static enum error_code find_old_runs(struct store *store, int64_t before_us, int limit,
                                     struct run_key keys[BATCH], int *found, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT scheduled_us, job FROM runs NOT INDEXED"
                                  " WHERE (scheduled_us, job) > (?1, ?2) AND scheduled_us < ?3"
                                  " AND claimed_us <= ?3 AND state >= 2"
                                  " ORDER BY scheduled_us, job LIMIT ?4",
                                  error);
  bind_integer(&query, store->prune_from.scheduled_us);
  bind_integer(&query, store->prune_from.job);
  bind_integer(&query, before_us);
  bind_integer(&query, limit);
  for (*found = 0; query_row(&query); ++*found) {
    keys[*found].scheduled_us = query_integer(&query, 0);
    keys[*found].job = query_integer(&query, 1);
  }
  return query_close(&query);
}

static int next_limit(int budget)
{
  return budget < BATCH ? budget : BATCH;
}

static enum error_code prune_runs(struct store *store, int64_t before_us, int *budget,
                                  struct error *error)
{
  struct run_key keys[BATCH];
  for (int limit; (limit = next_limit(*budget)) > 0;) {
    int found;
    bool is_gone;
    enum error_code code = find_old_runs(store, before_us, limit, keys, &found, error);
    for (int i = 0; !code && i<found && * budget> 0; i++) {
      code = delete_run(store, keys[i], budget, &is_gone, error);
      if (is_gone)
        store->prune_from = keys[i];
    }
    if (code)
      return code;
    if (found<limit && * budget> 0) {
      store->prune_from = (struct run_key){.scheduled_us = INT64_MIN}; /* the pass is over */
      break;
    }
  }
  return ERROR_OK;
}

struct farewell {
  store_part_visitor part;
  void *context;
};

/* A job that ended in a skip and never ran has its skips as its only history: it goes with the
 * last of them. */
static enum error_code remove_job_of_skip(struct store *store, int64_t job,
                                          const struct farewell *farewell, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT 1 FROM jobs j JOIN job_progress p ON p.number = j.number"
                                  " WHERE j.number = ?1 AND j.origin = 1 AND p.state = 2"
                                  " AND p.last_us IS NULL"
                                  " AND NOT EXISTS (SELECT 1 FROM skips WHERE job = ?1)",
                                  error);
  bind_integer(&query, job);
  bool found = query_row(&query);
  enum error_code code = query_close(&query);
  if (code || !found || !farewell->part(farewell->context, job))
    return code;
  return store_remove_job(store, job, error);
}

static enum error_code prune_skips(struct store *store, int64_t before_us, int *budget,
                                   const struct farewell *farewell, struct error *error)
{
  bool more = true;
  while (more && *budget > 0) {
    struct query query = query_open(store,
                                    "SELECT number, job FROM skips INDEXED BY skips_by_age"
                                    " WHERE recorded_us < ? ORDER BY recorded_us LIMIT 1",
                                    error);
    bind_integer(&query, before_us);
    more = query_row(&query);
    int64_t number = more ? query_integer(&query, 0) : 0, job = more ? query_integer(&query, 1) : 0;
    enum error_code code = query_close(&query);
    if (code || !more)
      return code;
    query = query_open(store, "DELETE FROM skips WHERE number = ?", error);
    bind_integer(&query, number);
    if ((code = query_run(&query)) || (code = remove_job_of_skip(store, job, farewell, error)))
      return code;
    --*budget;
  }
  return ERROR_OK;
}

/* Added jobs that are over and whose history is gone; a declared one belongs to its script. */
static enum error_code prune_jobs(struct store *store, int64_t before_us, int *budget,
                                  const struct farewell *farewell, struct error *error)
{
  for (int limit; (limit = next_limit(*budget)) > 0;) {
    struct query query = query_open(
        store,
        "SELECT p.number FROM job_progress p INDEXED BY progress_stopped"
        " CROSS JOIN jobs j ON j.number = p.number"
        " WHERE p.state = 2 AND p.state > 0 AND p.last_us < ? AND j.origin = 1"
        " AND NOT EXISTS (SELECT 1 FROM runs WHERE scheduled_us = p.last_us AND job = p.number)"
        " AND NOT EXISTS (SELECT 1 FROM skips WHERE job = p.number)",
        error);
    bind_integer(&query, before_us);
    int64_t numbers[BATCH];
    int found = 0;
    while (found < limit && query_row(&query)) {
      numbers[found] = query_integer(&query, 0);
      found += farewell->part(farewell->context, numbers[found]);
    }
    enum error_code code = query_close(&query);
    for (int i = 0; !code && i < found; i++, --*budget)
      code = store_remove_job(store, numbers[i], error);
    if (code || found < limit)
      return code;
  }
  return ERROR_OK;
}

enum error_code store_prune(struct store *store, const struct store_retention *retention,
                            int64_t now_us, int budget, store_part_visitor part, void *context,
                            int *removed, struct error *error)
{
  struct farewell farewell = {part, context};
  *removed = 0;
  int64_t before_us;
  if (__builtin_sub_overflow(now_us, retention->age_us, &before_us))
    return ERROR_OK;
  int left = budget;
  enum error_code code = prune_runs(store, before_us, &left, error);
  if (!code)
    code = prune_skips(store, before_us, &left, &farewell, error);
  if (!code)
    code = prune_jobs(store, before_us, &left, &farewell, error);
  *removed = budget - left;
  return code;
}

/* ---- by number, along the chain of one job ---- */

struct link {
  struct run_key key;
  int64_t previous_us;
  int64_t log_bytes;
  bool ended;
};

static enum error_code read_link(struct store *store, struct run_key key, struct link *link,
                                 bool *found, struct error *error)
{
  struct query query = query_open(
      store, "SELECT previous_us, state, log_bytes FROM runs WHERE scheduled_us = ? AND job = ?",
      error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  *found = query_row(&query);
  if (*found) {
    link->key = key;
    link->previous_us = query_optional(&query, 0, INT64_MIN);
    link->ended = run_has_ended((enum run_state)query_integer(&query, 1));
    link->log_bytes = query_integer(&query, 2);
  }
  return query_close(&query);
}

static enum error_code mend_link(struct store *store, const struct link *link, int64_t previous_us,
                                 struct error *error)
{
  if (link->previous_us == previous_us)
    return ERROR_OK;
  struct query query = query_open(
      store, "UPDATE runs SET previous_us = ? WHERE scheduled_us = ? AND job = ?", error);
  bind_optional(&query, previous_us, INT64_MIN);
  bind_integer(&query, link->key.scheduled_us);
  bind_integer(&query, link->key.job);
  return query_run(&query);
}

static enum error_code remove_log(struct store *store, struct link *link, int *budget,
                                  struct error *error)
{
  bool is_gone;
  enum error_code code = delete_log(store, link->key, budget, &is_gone, error);
  if (code || !is_gone)
    return code;
  --*budget;
  link->log_bytes = RUN_LOG_REMOVED;
  struct query query =
      query_open(store, "UPDATE runs SET log_bytes = ? WHERE scheduled_us = ? AND job = ?", error);
  bind_integer(&query, RUN_LOG_REMOVED);
  bind_integer(&query, link->key.scheduled_us);
  bind_integer(&query, link->key.job);
  return query_run(&query);
}

/* A walk along a job's history, from its newest run. */
struct walk {
  struct store *store;
  const struct store_retention *retention;
  int *budget;
  struct store_kept *kept;
  int64_t log_bytes; /* of all runs so far, with what was cut */
  struct link survivor;
  struct error *error;
};

static bool is_too_many(const struct walk *walk, const struct link *link)
{
  return walk->kept->runs >= walk->retention->runs_per_job && link->ended;
}

/* The oldest go first, so behind the first that is too much all are. */
static bool is_too_much(const struct walk *walk, const struct link *link)
{
  int64_t limit = walk->retention->log_bytes_per_job;
  return link->log_bytes > 0 && link->ended && limit > 0 && walk->log_bytes > limit;
}

static enum error_code survive(struct walk *walk, struct link *link)
{
  enum error_code code = ERROR_OK;
  if (walk->kept->runs > 0) {
    code = mend_link(walk->store, &walk->survivor, link->key.scheduled_us, walk->error);
    bool cut = !code && is_too_much(walk, link);
    if (cut && *walk->budget > 0)
      code = remove_log(walk->store, link, walk->budget, walk->error);
    walk->kept->more |= cut && link->log_bytes > 0;
  }
  walk->kept->runs++;
  if (link->log_bytes > 0)
    walk->kept->log_bytes += link->log_bytes;
  walk->survivor = *link;
  return code;
}

/* The newest row stays whatever the limit is: progress.last_us leads to it. */
static enum error_code visit(struct walk *walk, struct link *link, bool *is_over)
{
  bool is_gone = false;
  enum error_code code = ERROR_OK;
  if (link->log_bytes > 0)
    walk->log_bytes += link->log_bytes;
  bool cut = walk->kept->runs > 0 && is_too_many(walk, link);
  if (cut && *walk->budget > 0)
    code = delete_run(walk->store, link->key, walk->budget, &is_gone, walk->error);
  if (code || is_gone)
    return code;
  *is_over = cut; /* the budget ends here, the rest hangs on this row */
  walk->kept->more |= cut;
  return survive(walk, link);
}

enum error_code store_prune_job(struct store *store, int64_t job, int64_t last_us,
                                const struct store_retention *retention, int *budget,
                                struct store_kept *kept, struct error *error)
{
  struct walk walk = {
      .store = store, .retention = retention, .budget = budget, .kept = kept, .error = error};
  struct run_key key = {.scheduled_us = last_us, .job = job};
  struct chain_guard guard = {0};
  enum error_code code = ERROR_OK;
  bool found = true, is_over = false;
  *kept = (struct store_kept){0};
  while (!code && !is_over && chain_goes_on(&guard, key.scheduled_us)) {
    struct link link = {0};
    if ((code = read_link(store, key, &link, &found, error)) || !found)
      break;
    key.scheduled_us = link.previous_us;
    code = visit(&walk, &link, &is_over);
  }
  /* What the last survivor linked to is gone, now or by age. */
  if (!code && !is_over && kept->runs > 0)
    code = mend_link(store, &walk.survivor, INT64_MIN, error);
  return code;
}
