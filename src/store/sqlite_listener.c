/* Durable listeners and the letters to them. A letter is a row at the end of its listener's part of
 * `letters`, and goes from the front of it, so the table stays as small as what is under way.
 * Scheduler thread. */
#include "store/sqlite_store.h"

#include "base/memory.h"

enum error_code store_each_listener(struct store *store, store_listener_visitor visit,
                                    void *context, struct error *error)
{
  struct query query =
      query_open(store,
                 "SELECT number, script, name, spec, delivered, failed, dropped,"
                 " (SELECT count(*) FROM letters WHERE listener = listeners.number),"
                 " (SELECT count(*) FROM dead_letters WHERE listener = listeners.number),"
                 " (SELECT max(number) FROM letters WHERE listener = listeners.number)"
                 " FROM listeners ORDER BY number",
                 error);
  while (query_row(&query)) {
    struct stored_listener listener = {
        .number = query_integer(&query, 0),
        .script = query_text(&query, 1),
        .name = query_text(&query, 2),
        .spec = query_text(&query, 3),
        .delivered = query_integer(&query, 4),
        .failed = query_integer(&query, 5),
        .dropped = query_integer(&query, 6),
        .waiting = query_integer(&query, 7),
        .dead = query_integer(&query, 8),
        .last_number = query_integer(&query, 9),
    };
    if (!visit(context, &listener))
      break;
  }
  return query_close(&query);
}

enum error_code store_add_listener(struct store *store, const char *script, const char *name,
                                   const char *spec, int64_t *number, struct error *error)
{
  struct query query = query_open(
      store, "INSERT INTO listeners(script, name, spec) VALUES (?, ?, ?) RETURNING number", error);
  bind_text(&query, script);
  bind_text(&query, name);
  bind_text(&query, spec);
  if (query_row(&query))
    *number = query_integer(&query, 0);
  return query_close(&query);
}

enum error_code store_put_listener(struct store *store, int64_t number, const char *spec,
                                   struct error *error)
{
  struct query query =
      query_open(store, "UPDATE listeners SET spec = ?2 WHERE number = ?1 AND spec <> ?2", error);
  bind_integer(&query, number);
  bind_text(&query, spec);
  return query_run(&query);
}

enum error_code store_count_listener(struct store *store, const struct stored_listener *listener,
                                     struct error *error)
{
  struct query query = query_open(
      store, "UPDATE listeners SET delivered = ?2, failed = ?3, dropped = ?4 WHERE number = ?1",
      error);
  bind_integer(&query, listener->number);
  bind_integer(&query, listener->delivered);
  bind_integer(&query, listener->failed);
  bind_integer(&query, listener->dropped);
  return query_run(&query);
}

enum error_code store_remove_listener(struct store *store, int64_t number, struct error *error)
{
  struct query letters = query_open(store, "DELETE FROM letters WHERE listener = ?", error);
  bind_integer(&letters, number);
  enum error_code code = query_run(&letters);
  if (code)
    return code;
  struct query dead = query_open(store, "DELETE FROM dead_letters WHERE listener = ?", error);
  bind_integer(&dead, number);
  if ((code = query_run(&dead)))
    return code;
  struct query query = query_open(store, "DELETE FROM listeners WHERE number = ?", error);
  bind_integer(&query, number);
  return query_run(&query);
}

/* ---- letters ---- */

enum error_code store_add_letter(struct store *store, const struct stored_letter *letter,
                                 struct error *error)
{
  struct query query =
      query_open(store,
                 "INSERT INTO letters(listener, number, id, deliveries, name, event)"
                 " VALUES (?, ?, ?, ?, ?, ?)",
                 error);
  bind_integer(&query, letter->listener);
  bind_integer(&query, letter->number);
  bind_integer(&query, letter->id);
  bind_integer(&query, letter->deliveries);
  bind_text(&query, letter->name);
  bind_text(&query, letter->event);
  return query_run(&query);
}

static enum error_code visit_letters(struct query *query, store_letter_visitor visit, void *context,
                                     int64_t listener)
{
  while (query_row(query)) {
    struct stored_letter letter = {
        .listener = listener,
        .number = query_integer(query, 0),
        .id = query_integer(query, 1),
        .deliveries = (int32_t)query_integer(query, 2),
        .name = query_text(query, 3),
        .event = query_text(query, 4),
        .died_us = query_integer(query, 5),
        .error = query_text(query, 6),
    };
    if (!visit(context, &letter))
      break;
  }
  return query_close(query);
}

enum error_code store_each_letter(struct store *store, int64_t listener, int64_t after,
                                  store_letter_visitor visit, void *context, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT number, id, deliveries, name, event, 0, NULL FROM letters"
                                  " WHERE listener = ? AND number > ? ORDER BY number",
                                  error);
  bind_integer(&query, listener);
  bind_integer(&query, after);
  return visit_letters(&query, visit, context, listener);
}

enum error_code store_sent_letters(struct store *store, int64_t listener, int64_t after,
                                   int64_t until, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE letters SET deliveries = deliveries + 1"
                                  " WHERE listener = ? AND number > ? AND number <= ?",
                                  error);
  bind_integer(&query, listener);
  bind_integer(&query, after);
  bind_integer(&query, until);
  return query_run(&query);
}

enum error_code store_remove_letters(struct store *store, int64_t listener, int64_t until,
                                     struct error *error)
{
  struct query query =
      query_open(store, "DELETE FROM letters WHERE listener = ? AND number <= ?", error);
  bind_integer(&query, listener);
  bind_integer(&query, until);
  return query_run(&query);
}

enum error_code store_fail_letter(struct store *store, int64_t listener, int64_t number,
                                  int64_t *failures, struct error *error)
{
  struct query query = query_open(store,
                                  "UPDATE letters SET failures = failures + 1"
                                  " WHERE listener = ? AND number = ? RETURNING failures",
                                  error);
  bind_integer(&query, listener);
  bind_integer(&query, number);
  if (query_row(&query))
    *failures = query_integer(&query, 0);
  return query_close(&query);
}

/* ---- dead ones ---- */

enum error_code store_bury_letter(struct store *store, int64_t listener, int64_t number,
                                  int64_t now_us, const char *why, char **name, struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT OR REPLACE INTO dead_letters(listener, number, id,"
                                  " deliveries, died_us, error, name, event)"
                                  " SELECT listener, number, id, deliveries, ?3, ?4, name, event"
                                  " FROM letters WHERE listener = ?1 AND number = ?2"
                                  " RETURNING name",
                                  error);
  bind_integer(&query, listener);
  bind_integer(&query, number);
  bind_integer(&query, now_us);
  bind_text(&query, why);
  if (query_row(&query))
    *name = memory_strdup(query_text(&query, 0));
  enum error_code code = query_close(&query);
  if (code)
    return code;
  query = query_open(store, "DELETE FROM letters WHERE listener = ? AND number = ?", error);
  bind_integer(&query, listener);
  bind_integer(&query, number);
  return query_run(&query);
}

enum error_code store_each_dead(struct store *store, int64_t listener, store_letter_visitor visit,
                                void *context, struct error *error)
{
  struct query query =
      query_open(store,
                 "SELECT number, id, deliveries, name, event, died_us, error FROM dead_letters"
                 " WHERE listener = ? ORDER BY number DESC",
                 error);
  bind_integer(&query, listener);
  return visit_letters(&query, visit, context, listener);
}

enum error_code store_trim_dead(struct store *store, int64_t listener, int64_t keep,
                                int64_t *removed, struct error *error)
{
  struct query query = query_open(store,
                                  "DELETE FROM dead_letters WHERE listener = ?1 AND number NOT IN"
                                  " (SELECT number FROM dead_letters WHERE listener = ?1"
                                  "  ORDER BY number DESC LIMIT ?2) RETURNING number",
                                  error);
  bind_integer(&query, listener);
  bind_integer(&query, keep);
  *removed = 0;
  while (query_row(&query))
    ++*removed;
  return query_close(&query);
}

enum error_code store_revive_letters(struct store *store, int64_t listener, int64_t first,
                                     int64_t *count, struct error *error)
{
  struct query query =
      query_open(store,
                 "INSERT INTO letters(listener, number, id, deliveries, name, event)"
                 " SELECT listener, ?2 - 1 + row_number() OVER (ORDER BY number), id, deliveries,"
                 " name, event FROM dead_letters WHERE listener = ?1 RETURNING number",
                 error);
  bind_integer(&query, listener);
  bind_integer(&query, first);
  *count = 0;
  while (query_row(&query))
    ++*count;
  enum error_code code = query_close(&query);
  if (code)
    return code;
  query = query_open(store, "DELETE FROM dead_letters WHERE listener = ?", error);
  bind_integer(&query, listener);
  return query_run(&query);
}
