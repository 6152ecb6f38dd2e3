/* Calendars by name, as scripts declare them. Triggers name them; what a name means is in the
 * process's registry (trigger/calendar.h), which the scheduler fills from here. Scheduler thread.
 */
#include <stdlib.h>

#include "base/memory.h"
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

enum error_code store_get_calendar(struct store *store, const char *name,
                                   struct stored_calendar *calendar, struct error *error)
{
  struct query query =
      query_open(store, "SELECT definition, script FROM calendars WHERE name = ?", error);
  *calendar = (struct stored_calendar){.name = name};
  bind_text(&query, name);
  bool found = query_row(&query);
  if (found) {
    calendar->definition = memory_strdup(query_text(&query, 0));
    calendar->script = memory_strdup(query_text(&query, 1));
  }
  enum error_code code = query_close(&query);
  return code || found ? code : error_set(error, ERROR_NOT_FOUND, "no calendar \"%s\"", name);
}

void stored_calendar_deinit(struct stored_calendar *calendar)
{
  free((char *)(uintptr_t)calendar->definition);
  free((char *)(uintptr_t)calendar->script);
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

enum error_code store_get_calendar_change(struct store *store, int64_t *since_us,
                                          struct error *error)
{
  *since_us = 0;
  return store_ask(store,
                   "SELECT ifnull((SELECT value FROM meta WHERE key = 'calendar_changed_us'), 0)",
                   since_us, error);
}

enum error_code store_put_calendar_change(struct store *store, int64_t since_us,
                                          struct error *error)
{
  struct query query = query_open(
      store, "INSERT OR REPLACE INTO meta(key, value) VALUES ('calendar_changed_us', ?)", error);
  bind_integer(&query, since_us);
  return query_run(&query);
}
