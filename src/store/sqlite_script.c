/* Scripts, and the revisions of their sources.
 *
 * A script's row says which version is in force. Sources that have loaded stand in script_sources,
 * those of files too: a file may hold what does not load when the last good version is needed.
 * Revisions are numbered from 1 without gaps at the new end, the newest KEPT_REVISIONS stay.
 * Scheduler thread. */
#include "store/sqlite_store.h"

#include <string.h>

#include "base/memory.h"

enum { KEPT_REVISIONS = 20 };

enum error_code store_put_script(struct store *store, const struct script *script,
                                 struct error *error)
{
  struct query query = query_open(store,
                                  "INSERT OR REPLACE INTO scripts"
                                  "(name, origin, path, version, error, loaded_us)"
                                  " VALUES (?, ?, ?, ?, ?, ?)",
                                  error);
  bind_text(&query, script->name);
  bind_integer(&query, script->origin);
  bind_text(&query, script->path);
  bind_text(&query, script->version);
  bind_text(&query, script->error);
  bind_integer(&query, script->loaded_us);
  return query_run(&query);
}

enum error_code store_remove_script(struct store *store, const char *name, struct error *error)
{
  struct query query = query_open(store, "DELETE FROM script_sources WHERE script = ?", error);
  bind_text(&query, name);
  enum error_code code = query_run(&query);
  if (code)
    return code;
  query = query_open(store, "DELETE FROM scripts WHERE name = ?", error);
  bind_text(&query, name);
  code = query_run_one(&query, ERROR_NOT_FOUND);
  if (code == ERROR_NOT_FOUND)
    error_set(error, code, "no script \"%s\"", name);
  return code;
}

static void set_version(char version[SCRIPT_VERSION_SIZE], const char *text)
{
  size_t size = strnlen(text, SCRIPT_VERSION_SIZE - 1);
  memcpy(version, text, size);
  version[size] = '\0';
}

enum error_code store_each_script(struct store *store, store_script_visitor visit, void *context,
                                  struct error *error)
{
  struct query query = query_open(
      store, "SELECT name, origin, path, version, error, loaded_us FROM scripts ORDER BY name",
      error);
  while (query_row(&query)) {
    struct script script = {
        .name = (char *)query_text(&query, 0),
        .origin = (enum script_origin)query_integer(&query, 1),
        .path = (char *)query_text(&query, 2),
        .error = (char *)query_text(&query, 4),
        .loaded_us = query_integer(&query, 5),
    };
    set_version(script.version, query_text(&query, 3));
    if (!visit(context, &script))
      break;
  }
  return query_close(&query);
}

/* ---- revisions ---- */

/* The newest number, 0 for none, and whether it has this version. */
static enum error_code find_newest(struct store *store, const char *script, const char *version,
                                   int64_t *number, bool *same, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT number, version = ? FROM script_sources"
                                  " WHERE script = ? ORDER BY number DESC LIMIT 1",
                                  error);
  bind_text(&query, version);
  bind_text(&query, script);
  *number = 0;
  *same = false;
  if (query_row(&query)) {
    *number = query_integer(&query, 0);
    *same = query_integer(&query, 1) != 0;
  }
  return query_close(&query);
}

enum error_code store_add_source(struct store *store, const char *script, const char *source,
                                 size_t size, int64_t now_us, int64_t *number, struct error *error)
{
  char version[SCRIPT_VERSION_SIZE];
  script_hash(source, size, version);
  bool same;
  enum error_code code = find_newest(store, script, version, number, &same, error);
  if (code || same)
    return code;
  struct query query = query_open(store,
                                  "INSERT INTO script_sources"
                                  "(script, number, version, created_us, source)"
                                  " VALUES (?, ?, ?, ?, ?)",
                                  error);
  bind_text(&query, script);
  bind_integer(&query, ++*number);
  bind_text(&query, version);
  bind_integer(&query, now_us);
  bind_bytes(&query, source, size);
  if ((code = query_run(&query)))
    return code;
  query = query_open(store, "DELETE FROM script_sources WHERE script = ? AND number <= ?", error);
  bind_text(&query, script);
  bind_integer(&query, *number - KEPT_REVISIONS);
  return query_run(&query);
}

/* Of the row (number, version, created_us, source); the source stays SQLite's. */
static struct script_revision read_revision(const struct query *query)
{
  struct script_revision revision = {
      .number = query_integer(query, 0),
      .created_us = query_integer(query, 2),
      .source = (char *)query_text(query, 3),
      .size = (size_t)sqlite3_column_bytes(query->statement, 3),
  };
  set_version(revision.version, query_text(query, 1));
  return revision;
}

enum error_code store_get_source(struct store *store, const char *script, int64_t number,
                                 struct script_revision *revision, struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT number, version, created_us, source FROM script_sources"
                                  " WHERE script = ?1 AND (number = ?2 OR ?2 = 0)"
                                  " ORDER BY number DESC LIMIT 1",
                                  error);
  bind_text(&query, script);
  bind_integer(&query, number);
  bool found = query_row(&query);
  if (found) {
    *revision = read_revision(&query);
    revision->source = memory_copy(revision->source, revision->size);
  }
  enum error_code code = query_close(&query);
  if (code || found)
    return code;
  if (number == 0)
    return error_set(error, ERROR_NOT_FOUND, "no source of script \"%s\" is kept", script);
  return error_set(error, ERROR_NOT_FOUND, "no revision %lld of script \"%s\" is kept",
                   (long long)number, script);
}

enum error_code store_each_revision(struct store *store, const char *script,
                                    store_revision_visitor visit, void *context,
                                    struct error *error)
{
  struct query query = query_open(store,
                                  "SELECT number, version, created_us, source FROM script_sources"
                                  " WHERE script = ? ORDER BY number DESC",
                                  error);
  bind_text(&query, script);
  while (query_row(&query)) {
    struct script_revision revision = read_revision(&query);
    if (!visit(context, &revision))
      break;
  }
  return query_close(&query);
}
