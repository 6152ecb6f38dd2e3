/* Pools by name and their slots. Scheduler thread. */
#include <stdlib.h>

#include "base/memory.h"
#include "store/sqlite_store.h"

enum error_code store_put_pool(struct store *store, const struct stored_pool *pool,
                               struct error *error)
{
  struct query query = query_open(
      store, "INSERT OR REPLACE INTO pools(name, slots, declared, script) VALUES (?, ?, ?, ?)",
      error);
  bind_text(&query, pool->name);
  bind_integer(&query, pool->slots);
  bind_optional(&query, pool->declared, -1);
  bind_text(&query, pool->script);
  return query_run(&query);
}

enum error_code store_get_pool(struct store *store, const char *name, struct stored_pool *pool,
                               struct error *error)
{
  struct query query =
      query_open(store, "SELECT slots, declared, script FROM pools WHERE name = ?", error);
  *pool = (struct stored_pool){.name = name, .declared = -1};
  bind_text(&query, name);
  bool found = query_row(&query);
  if (found) {
    pool->slots = query_integer(&query, 0);
    pool->declared = query_optional(&query, 1, -1);
    pool->script = memory_strdup(query_text(&query, 2));
  }
  enum error_code code = query_close(&query);
  return code || found ? code : error_set(error, ERROR_NOT_FOUND, "no pool \"%s\"", name);
}

void stored_pool_deinit(struct stored_pool *pool)
{
  free((char *)(uintptr_t)pool->script);
}

enum error_code store_remove_pool(struct store *store, const char *name, struct error *error)
{
  struct query query = query_open(store, "DELETE FROM pools WHERE name = ?", error);
  bind_text(&query, name);
  return query_run(&query);
}

enum error_code store_each_pool(struct store *store, store_pool_visitor visit, void *context,
                                struct error *error)
{
  struct query query =
      query_open(store, "SELECT name, slots, declared, script FROM pools ORDER BY name", error);
  while (query_row(&query)) {
    struct stored_pool pool = {query_text(&query, 0), query_integer(&query, 1),
                               query_optional(&query, 2, -1), query_text(&query, 3)};
    if (!visit(context, &pool))
      break;
  }
  return query_close(&query);
}
