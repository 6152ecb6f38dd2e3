/* Housekeeping: what is too old goes, a bounded number of rows at a time.
 *
 * Old runs are the head of the clustered table, so finding them is a scan from its beginning that
 * ends at the first run that is young enough. Runs that have not ended stay and are stepped over;
 * within a pass (until a call finds nothing more) the scan goes on where it stopped, so that many
 * old open runs are not stepped over again by each call.
 *
 * A job's own history is a chain, newest first. Cutting removes behind the newest `keep` and mends
 * the link across each gap, so that an open run in the middle, or what the budget left over, can
 * still be reached. Scheduler thread, inside a transaction. */
#include "store/sqlite_store.h"

enum { BATCH = 256 };

/* ---- one run with all that hangs on it ---- */

static enum error_code delete_by_key(struct store *store, const char *sql, struct run_key key,
                                     struct error *error)
{
  struct query query = query_open(store, sql, error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  return query_run(&query);
}

static enum error_code delete_run(struct store *store, struct run_key key, struct error *error)
{
  static const char *const tables[] = {
      "DELETE FROM attempts WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM usages WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM checkpoints WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM run_logs WHERE scheduled_us = ? AND job = ?",
      "DELETE FROM runs WHERE scheduled_us = ? AND job = ?",
  };
  enum error_code code = ERROR_OK;
  for (size_t i = 0; !code && i < sizeof tables / sizeof tables[0]; i++)
    code = delete_by_key(store, tables[i], key, error);
  return code;
}

/* ---- by age ---- */

/* Rows are collected first and deleted then, so that no cursor stands on what is deleted. */
static enum error_code find_old_runs(struct store *store, int64_t before_us, int limit,
                                     struct run_key keys[BATCH], int *found, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT scheduled_us, job FROM runs NOT INDEXED"
                                  " WHERE (scheduled_us, job) > (?, ?) AND scheduled_us < ?"
                                  " AND state >= 2 ORDER BY scheduled_us, job LIMIT ?",
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

static int next_limit(int budget, int removed)
{
  return budget - removed < BATCH ? budget - removed : BATCH;
}

static enum error_code prune_runs(struct store *store, int64_t before_us, int budget, int *removed,
                                  struct error *error)
{
  struct run_key keys[BATCH];
  for (int limit; (limit = next_limit(budget, *removed)) > 0;) {
    int found;
    enum error_code code = find_old_runs(store, before_us, limit, keys, &found, error);
    for (int i = 0; !code && i < found; i++) {
      code = delete_run(store, keys[i], error);
      store->prune_from = keys[i];
      ++*removed;
    }
    if (code)
      return code;
    if (found < limit) {
      store->prune_from = (struct run_key){.scheduled_us = INT64_MIN}; /* the pass is over */
      break;
    }
  }
  return ERROR_OK;
}

static enum error_code remove_jobs(struct store *store, const int64_t numbers[BATCH], int count,
                                   int *removed, struct error *error)
{
  enum error_code code = ERROR_OK;
  for (int i = 0; !code && i < count; i++) {
    code = store_remove_job(store, numbers[i], error);
    ++*removed;
  }
  return code;
}

/* A job that ended in a skip and never ran has its skips as its only history: it goes with the
 * last of them. */
static enum error_code remove_job_of_skip(struct store *store, int64_t job, struct error *error)
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
  return code || !found ? code : store_remove_job(store, job, error);
}

static enum error_code prune_skips(struct store *store, int64_t before_us, int budget, int *removed,
                                   struct error *error)
{
  bool more = true;
  while (more && *removed < budget) {
    struct query query = query_open(
        store, "SELECT number, job, recorded_us FROM skips ORDER BY number LIMIT 1", error);
    more = query_row(&query) && query_integer(&query, 2) < before_us;
    int64_t number = more ? query_integer(&query, 0) : 0, job = more ? query_integer(&query, 1) : 0;
    enum error_code code = query_close(&query);
    if (code || !more)
      return code;
    query = query_open(store, "DELETE FROM skips WHERE number = ?", error);
    bind_integer(&query, number);
    if ((code = query_run(&query)) || (code = remove_job_of_skip(store, job, error)))
      return code;
    ++*removed;
  }
  return ERROR_OK;
}

/* Added jobs that are over and whose history is gone; a declared one belongs to its script. */
static enum error_code prune_jobs(struct store *store, int64_t before_us, int budget, int *removed,
                                  struct error *error)
{
  for (int limit; (limit = next_limit(budget, *removed)) > 0;) {
    struct query query = query_open(
        store,
        "SELECT p.number FROM job_progress p INDEXED BY progress_stopped"
        " CROSS JOIN jobs j ON j.number = p.number"
        " WHERE p.state = 2 AND p.state > 0 AND p.last_us < ? AND j.origin = 1"
        " AND NOT EXISTS (SELECT 1 FROM runs WHERE scheduled_us = p.last_us AND job = p.number)"
        " AND NOT EXISTS (SELECT 1 FROM skips WHERE job = p.number) LIMIT ?",
        error);
    bind_integer(&query, before_us);
    bind_integer(&query, limit);
    int64_t numbers[BATCH];
    int found = 0;
    while (query_row(&query))
      numbers[found++] = query_integer(&query, 0);
    enum error_code code = query_close(&query);
    if (!code)
      code = remove_jobs(store, numbers, found, removed, error);
    if (code || found < limit)
      return code;
  }
  return ERROR_OK;
}

enum error_code store_prune(struct store *store, const struct store_retention *retention,
                            int64_t now_us, int budget, int *removed, struct error *error)
{
  *removed = 0;
  int64_t before_us;
  if (__builtin_sub_overflow(now_us, retention->age_us, &before_us))
    return ERROR_OK;
  enum error_code code;
  if ((code = prune_runs(store, before_us, budget, removed, error)) ||
      (code = prune_skips(store, before_us, budget, removed, error)))
    return code;
  return prune_jobs(store, before_us, budget, removed, error);
}

/* ---- by number, along the chain of one job ---- */

struct link {
  struct run_key key;
  int64_t previous_us;
  bool ended;
};

static enum error_code read_link(struct store *store, struct run_key key, struct link *link,
                                 bool *found, struct error *error)
{
  struct query query = query_open(
      store, "SELECT previous_us, state FROM runs WHERE scheduled_us = ? AND job = ?", error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  *found = query_row(&query);
  if (*found) {
    link->key = key;
    link->previous_us = query_optional(&query, 0, INT64_MIN);
    link->ended = run_has_ended((enum run_state)query_integer(&query, 1));
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

enum error_code store_prune_job(struct store *store, int64_t job, int64_t last_us, int64_t keep,
                                int budget, int64_t *kept, struct error *error)
{
  struct link link = {0}, survivor = {0};
  struct run_key key = {.scheduled_us = last_us, .job = job};
  struct chain_guard guard = {0};
  enum error_code code = ERROR_OK;
  bool found = true;
  *kept = 0;
  while (!code && chain_goes_on(&guard, key.scheduled_us)) {
    if ((code = read_link(store, key, &link, &found, error)) || !found)
      break;
    key.scheduled_us = link.previous_us;
    /* The newest row stays whatever `keep` is: progress.last_us leads to it. */
    bool cut = *kept >= keep && *kept > 0 && link.ended;
    if (cut && budget > 0) {
      code = delete_run(store, link.key, error);
      budget--;
      continue;
    }
    if (*kept > 0)
      code = mend_link(store, &survivor, link.key.scheduled_us, error);
    survivor = link;
    ++*kept;
    if (cut)
      return code; /* the budget ends here, the rest hangs on this row */
  }
  /* What the last survivor linked to is gone, now or by age. */
  if (!code && *kept > 0)
    code = mend_link(store, &survivor, INT64_MIN, error);
  return code;
}
