/* What scripts keep: JSON values by (script, key), clustered so that one script's keys lie together
 * and in the order of their bytes. Script "" is what all share. They outlive their script: a file
 * that is moved away and back finds what it kept.
 *
 * A value may have an end. From that moment on no reader sees it, whenever its row goes: rows whose
 * time is over are found by an index that holds only those that have one. Scheduler thread. */
#include "store/sqlite_store.h"

#include <stdlib.h>
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

/* ---- lists ---- */

/* Those of one script, behind `after_key`. */
static enum error_code visit_script(struct store *store, const struct kv_listing *listing,
                                    const char *script, const char *after_key,
                                    store_kv_visitor visit, void *context, bool *stopped,
                                    struct error *error)
{
  const char *prefix = listing->prefix;
  size_t size = strlen(prefix);
  struct query query = query_open(store,
                                  "SELECT key, value, expires_us FROM kv"
                                  " WHERE script = ? AND key >= ? ORDER BY key",
                                  error);
  bind_text(&query, script);
  bind_text(&query, after_key && strcmp(after_key, prefix) > 0 ? after_key : prefix);
  while (!*stopped && query_row(&query)) {
    struct kv_entry entry = {.script = script,
                             .key = query_text(&query, 0),
                             .value = query_text(&query, 1),
                             .expires_us = query_optional(&query, 2, KV_FOR_EVER)};
    if (strncmp(entry.key, prefix, size) != 0)
      break;
    bool is_first = after_key && strcmp(entry.key, after_key) == 0;
    *stopped = !is_first && entry.expires_us > listing->now_us && !visit(context, &entry);
  }
  return query_close(&query);
}

/* The first that keeps anything of those behind *script, which it replaces; NULL: there is none. */
static enum error_code find_next_script(struct store *store, char **script, struct error *error)
{
  struct query query =
      query_open(store, "SELECT script FROM kv WHERE script > ? ORDER BY script LIMIT 1", error);
  bind_text(&query, *script);
  char *next = query_row(&query) ? memory_strdup(query_text(&query, 0)) : NULL;
  enum error_code code = query_close(&query);
  free(*script);
  *script = next;
  return code;
}

/* The keys of a script lie together, so the prefix is sought in one script after the other. */
enum error_code store_kv_each(struct store *store, const struct kv_listing *listing,
                              store_kv_visitor visit, void *context, struct error *error)
{
  const char *from = listing->script ? listing->script : listing->after_script;
  const char *after_key = listing->after_key;
  char *script = memory_strdup(from ? from : "");
  enum error_code code = ERROR_OK;
  bool stopped = false;
  while (!code && !stopped && script) {
    code = visit_script(store, listing, script, after_key, visit, context, &stopped, error);
    stopped |= listing->script != NULL;
    after_key = NULL;
    if (!code && !stopped)
      code = find_next_script(store, &script, error);
  }
  free(script);
  return code;
}

/* ---- the end of values ---- */

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
