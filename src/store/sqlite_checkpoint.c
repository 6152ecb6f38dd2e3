/* What open runs leave for their next attempt: a value each, gone with the run. It stands in a
 * table of its own, as a run's row is written at its claim and its end only and should stay short.
 * Scheduler thread. */
#include "base/memory.h"
#include "store/sqlite_store.h"

enum error_code store_put_checkpoint(struct store *store, struct run_key key, const char *value,
                                     struct error *error)
{
  struct query query;
  if (value)
    query = query_open(store,
                       "INSERT OR REPLACE INTO checkpoints(scheduled_us, job, value)"
                       " VALUES (?, ?, ?)",
                       error);
  else
    query = query_open(store, "DELETE FROM checkpoints WHERE scheduled_us = ? AND job = ?", error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  if (value)
    bind_text(&query, value);
  return query_run(&query);
}

enum error_code store_get_checkpoint(struct store *store, struct run_key key, char **value,
                                     struct error *error)
{
  struct query query =
      query_open(store, "SELECT value FROM checkpoints WHERE scheduled_us = ? AND job = ?", error);
  bind_integer(&query, key.scheduled_us);
  bind_integer(&query, key.job);
  *value = query_row(&query) ? memory_strdup(query_text(&query, 0)) : NULL;
  return query_close(&query);
}
