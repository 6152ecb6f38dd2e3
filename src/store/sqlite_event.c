/* Events on their way to jobs: who waits for what, what has come and has no run yet, and how far
 * the sensors have come that tell of the world outside. Scheduler thread. */
#include "store/sqlite_store.h"

#include "base/memory.h"

enum error_code store_subscribe(struct store *store, const char *key, int64_t job,
                                struct error *error)
{
  struct query query =
      query_open(store, "INSERT OR IGNORE INTO subscriptions(key, job) VALUES (?, ?)", error);
  bind_text(&query, key);
  bind_integer(&query, job);
  return query_run(&query);
}

enum error_code store_unsubscribe(struct store *store, int64_t job,
                                  store_subscription_visitor visit, void *context,
                                  struct error *error)
{
  struct query query =
      query_open(store, "DELETE FROM subscriptions WHERE job = ? RETURNING key", error);
  bind_integer(&query, job);
  while (query_row(&query) && visit(context, query_text(&query, 0), job))
    ;
  return query_close(&query);
}

enum error_code store_unsubscribe_from(struct store *store, const char *key, int64_t job,
                                       struct error *error)
{
  struct query query =
      query_open(store, "DELETE FROM subscriptions WHERE key = ? AND job = ?", error);
  bind_text(&query, key);
  bind_integer(&query, job);
  return query_run(&query);
}

enum error_code store_each_subscription(struct store *store, store_subscription_visitor visit,
                                        void *context, struct error *error)
{
  struct query query =
      query_open(store, "SELECT key, job FROM subscriptions ORDER BY key, job", error);
  while (query_row(&query) && visit(context, query_text(&query, 0), query_integer(&query, 1)))
    ;
  return query_close(&query);
}

enum error_code store_add_event(struct store *store, const struct pending_event *event,
                                struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT INTO pending_events(job, number, at_us, due_us, event)"
                                  " VALUES (?, ?, ?, ?, ?)",
                                  error);
  bind_integer(&query, event->job);
  bind_integer(&query, event->number);
  bind_integer(&query, event->at_us);
  bind_integer(&query, event->due_us);
  bind_text(&query, event->content);
  return query_run(&query);
}

enum error_code store_remove_events(struct store *store, int64_t job, int64_t until_number,
                                    struct error *error)
{
  struct query query =
      query_open(store, "DELETE FROM pending_events WHERE job = ? AND number <= ?", error);
  bind_integer(&query, job);
  bind_integer(&query, until_number);
  return query_run(&query);
}

enum error_code store_each_event(struct store *store, int64_t job, store_event_visitor visit,
                                 void *context, struct error *error)
{
  struct query query = query_open(store,
                                  job ? "SELECT job, number, at_us, due_us, event"
                                        " FROM pending_events WHERE job = ? ORDER BY number"
                                      : "SELECT job, number, at_us, due_us, event"
                                        " FROM pending_events ORDER BY job, number",
                                  error);
  if (job)
    bind_integer(&query, job);
  while (query_row(&query)) {
    struct pending_event event = {
        .job = query_integer(&query, 0),
        .number = query_integer(&query, 1),
        .at_us = query_integer(&query, 2),
        .due_us = query_integer(&query, 3),
        .content = query_text(&query, 4),
    };
    if (!visit(context, &event))
      break;
  }
  return query_close(&query);
}

enum error_code store_put_position(struct store *store, const char *key, const char *position,
                                   struct error *error)
{
  struct query query =
      query_open(store,
                 position ? "INSERT OR REPLACE INTO sensors(key, position) VALUES (?, ?)"
                          : "DELETE FROM sensors WHERE key = ?",
                 error);
  bind_text(&query, key);
  if (position)
    bind_text(&query, position);
  return query_run(&query);
}

enum error_code store_get_position(struct store *store, const char *key, char **position,
                                   struct error *error)
{
  struct query query = query_open(store, "SELECT position FROM sensors WHERE key = ?", error);
  bind_text(&query, key);
  *position = query_row(&query) ? memory_strdup(query_text(&query, 0)) : NULL;
  return query_close(&query);
}
