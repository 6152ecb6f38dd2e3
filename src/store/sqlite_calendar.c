/* Calendars by name, as scripts declare them. Triggers name them; what a name means is in the
 * process's registry (trigger/calendar.h), which the scheduler fills from here. Scheduler thread.
 */
#include "store/sqlite_store.h"

enum error_code store_put_calendar(struct store *store, const struct stored_calendar *calendar,
                                   struct error *error)
{
  struct query query = query_open(
      store, "INSERT OR REPLACE INTO calendars(name, definition, script) VALUES (?, ?, ?)", error);
  bind_text(&query, calendar->name);
  bind_text(&query, calendar->definition);
  bind_text(&query, calendar->script);
  return query_run(&query);
}

enum error_code store_remove_calendar(struct store *store, const char *name, struct error *error)
{
  struct query query = query_open(store, "DELETE FROM calendars WHERE name = ?", error);
  bind_text(&query, name);
  return query_run(&query);
}

enum error_code store_each_calendar(struct store *store, store_calendar_visitor visit,
                                    void *context, struct error *error)
{
  struct query query =
      query_open(store, "SELECT name, definition, script FROM calendars ORDER BY name", error);
  while (query_row(&query)) {
    struct stored_calendar calendar = {query_text(&query, 0), query_text(&query, 1),
                                       query_text(&query, 2)};
    if (!visit(context, &calendar))
      break;
  }
  return query_close(&query);
}
