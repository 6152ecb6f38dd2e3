/* How jobs fare: those that are expected to succeed in time, and those that fail. Few have a row,
 * and the scheduler reads them all when it begins. Beside it the keys of jobs that are unique, one
 * row each, found by key when a job is added. Scheduler thread. */
#include "store/sqlite_store.h"

enum error_code store_put_health(struct store *store, const struct job_health *health,
                                 struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT OR REPLACE INTO job_health(job, expect_us, since_us,"
                                  " success_us, late_us, trouble_us, failures)"
                                  " VALUES (?, ?, ?, ?, ?, ?, ?)",
                                  error);
  bind_integer(&query, health->job);
  bind_optional(&query, health->expect_us, 0);
  bind_integer(&query, health->since_us);
  bind_optional(&query, health->success_us, 0);
  bind_optional(&query, health->late_us, 0);
  bind_optional(&query, health->trouble_us, 0);
  bind_integer(&query, health->failures);
  return query_run(&query);
}

enum error_code store_remove_health(struct store *store, int64_t job, struct error *error)
{
  struct query query = query_open(store, "DELETE FROM job_health WHERE job = ?", error);
  bind_integer(&query, job);
  return query_run(&query);
}

enum error_code store_each_health(struct store *store, store_health_visitor visit, void *context,
                                  struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT job, expect_us, since_us, success_us, late_us,"
                                  " trouble_us, failures FROM job_health ORDER BY job",
                                  error);
  while (query_row(&query)) {
    struct job_health health = {
        .job = query_integer(&query, 0),
        .expect_us = query_integer(&query, 1),
        .since_us = query_integer(&query, 2),
        .success_us = query_integer(&query, 3),
        .late_us = query_integer(&query, 4),
        .trouble_us = query_integer(&query, 5),
        .failures = query_integer(&query, 6),
    };
    if (!visit(context, &health))
      break;
  }
  return query_close(&query);
}

enum error_code store_take_key(struct store *store, const char *key, int64_t job, int64_t now_us,
                               struct error *error)
{
  struct query query = query_open(
      store, "INSERT OR REPLACE INTO unique_keys(key, job, added_us) VALUES (?, ?, ?)", error);
  bind_text(&query, key);
  bind_integer(&query, job);
  bind_integer(&query, now_us);
  return query_run(&query);
}

enum error_code store_drop_keys(struct store *store, int64_t job, struct error *error)
{
  struct query query = query_open(store, "DELETE FROM unique_keys WHERE job = ?", error);
  bind_integer(&query, job);
  return query_run(&query);
}

enum error_code store_find_key(struct store *store, const char *key, int64_t *job,
                               int64_t *taken_us, struct error *error)
{
  struct query query =
      query_open(store, "SELECT job, added_us FROM unique_keys WHERE key = ?", error);
  bind_text(&query, key);
  bool found = query_row(&query);
  *job = found ? query_integer(&query, 0) : 0;
  *taken_us = found ? query_integer(&query, 1) : 0;
  enum error_code code = query_close(&query);
  return code || found ? code : error_set(error, ERROR_NOT_FOUND, "no job has the key \"%s\"", key);
}
