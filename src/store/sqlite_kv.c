/* What scripts keep: JSON values by (script, key), clustered so that one script's keys lie together
 * and in the order of their bytes. Script "" is what all share. They outlive their script: a file
 * that is moved away and back finds what it kept.
 *
 * A value may have an end. From that moment on no reader sees it, whenever its row goes: rows whose
 * time is over are found by an index that holds only those that have one. Scheduler thread. */
#include "store/sqlite_store.h"

#include <string.h>

#include "base/memory.h"

enum error_code store_kv_set(struct store *store, const struct kv_entry *entry, struct error *error)
{
  struct query query = query_open(
      store, "INSERT OR REPLACE INTO kv(script, key, value, expires_us) VALUES (?, ?, ?, ?)",
      error);
  bind_text(&query, entry->script);
  bind_text(&query, entry->key);
  bind_text(&query, entry->value);
  bind_optional(&query, entry->expires_us, KV_FOR_EVER);
  return query_run(&query);
}

enum error_code store_kv_delete(struct store *store, const char *script, const char *key,
                                struct error *error)
{
  struct query query = query_open(store, "DELETE FROM kv WHERE script = ? AND key = ?", error);
  bind_text(&query, script);
  bind_text(&query, key);
  return query_run(&query);
}

enum error_code store_kv_get(struct store *store, const char *script, const char *key,
                             int64_t now_us, char **value, int64_t *expires_us, struct error *error)
{
  struct query query =
      query_open(store, "SELECT value, expires_us FROM kv WHERE script = ? AND key = ?", error);
  bind_text(&query, script);
  bind_text(&query, key);
  *value = NULL;
  *expires_us = KV_FOR_EVER;
  if (query_row(&query) && query_optional(&query, 1, KV_FOR_EVER) > now_us) {
    *value = memory_strdup(query_text(&query, 0));
    *expires_us = query_optional(&query, 1, KV_FOR_EVER);
  }
  return query_close(&query);
}

/* The script that the listing goes on in. */
static const char *script_from(const struct kv_listing *listing)
{
  if (listing->script)
    return listing->script;
  return listing->after_script ? listing->after_script : "";
}

static struct query open_listing(struct store *store, const struct kv_listing *listing,
                                 struct error *error)
{
  struct query query;
  const char *from = listing->after_key ? listing->after_key : listing->prefix;
  if (listing->script) {
    query = query_open(store,
                       "SELECT script, key, value, expires_us FROM kv"
                       " WHERE script = ? AND key >= ? ORDER BY key",
                       error);
    if (listing->after_key && strcmp(listing->after_key, listing->prefix) < 0)
      from = listing->prefix;
  } else {
    query = query_open(store,
                       "SELECT script, key, value, expires_us FROM kv"
                       " WHERE (script, key) >= (?, ?) ORDER BY script, key",
                       error);
    from = listing->after_key ? listing->after_key : "";
  }
  bind_text(&query, script_from(listing));
  bind_text(&query, from);
  return query;
}

enum error_code store_kv_each(struct store *store, const struct kv_listing *listing,
                              store_kv_visitor visit, void *context, struct error *error)
{
  struct query query = open_listing(store, listing, error);
  size_t size = strlen(listing->prefix);
  while (query_row(&query)) {
    struct kv_entry entry = {.script = query_text(&query, 0),
                             .key = query_text(&query, 1),
                             .value = query_text(&query, 2),
                             .expires_us = query_optional(&query, 3, KV_FOR_EVER)};
    bool is_first = listing->after_key && strcmp(entry.key, listing->after_key) == 0 &&
                    strcmp(entry.script, script_from(listing)) == 0;
    bool fits = strncmp(entry.key, listing->prefix, size) == 0;
    if (!fits && listing->script)
      break;
    if (fits && !is_first && entry.expires_us > listing->now_us && !visit(context, &entry))
      break;
  }
  return query_close(&query);
}

enum error_code store_kv_expire(struct store *store, int64_t now_us, int budget, int *removed,
                                struct error *error)
{
  struct query query = query_open(store,
                                  "DELETE FROM kv WHERE (script, key) IN"
                                  " (SELECT script, key FROM kv WHERE expires_us <= ? LIMIT ?)"
                                  " RETURNING 1",
                                  error);
  bind_integer(&query, now_us);
  bind_integer(&query, budget);
  *removed = 0;
  while (query_row(&query))
    ++*removed;
  return query_close(&query);
}
