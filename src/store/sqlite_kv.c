/* What scripts keep: JSON values by (script, key), clustered so that one script's keys lie together
 * and in the order of their bytes. They outlive their script: a file that is moved away and back
 * finds what it kept. Scheduler thread. */
#include "store/sqlite_store.h"

#include <string.h>

#include "base/memory.h"

enum error_code store_kv_set(struct store *store, const char *script, const char *key,
                             const char *value, struct error *error)
{
  struct query query;
  if (value)
    query =
        query_open(store, "INSERT OR REPLACE INTO kv(script, key, value) VALUES (?, ?, ?)", error);
  else
    query = query_open(store, "DELETE FROM kv WHERE script = ? AND key = ?", error);
  bind_text(&query, script);
  bind_text(&query, key);
  if (value)
    bind_text(&query, value);
  return query_run(&query);
}

enum error_code store_kv_get(struct store *store, const char *script, const char *key, char **value,
                             struct error *error)
{
  struct query query =
      query_open(store, "SELECT value FROM kv WHERE script = ? AND key = ?", error);
  bind_text(&query, script);
  bind_text(&query, key);
  *value = query_row(&query) ? memory_strdup(query_text(&query, 0)) : NULL;
  return query_close(&query);
}

enum error_code store_kv_each(struct store *store, const char *script, const char *prefix,
                              store_kv_visitor visit, void *context, struct error *error)
{
  struct query query = query_open(
      store, "SELECT key, value FROM kv WHERE script = ? AND key >= ? ORDER BY key", error);
  bind_text(&query, script);
  bind_text(&query, prefix);
  size_t size = strlen(prefix);
  while (query_row(&query)) {
    const char *key = query_text(&query, 0);
    if (strncmp(key, prefix, size) != 0 || !visit(context, key, query_text(&query, 1)))
      break;
  }
  return query_close(&query);
}
