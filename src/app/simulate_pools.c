/* A script's declaration is what counts for a new pool, so what a person has changed since is put
 * back when the scripts have been loaded: as in a daemon, unless they declare another number than
 * before (sched/pool.c). */
#include "app/simulate_pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static enum error_code ask(void *context, const char *operation, const char *params,
                           struct error *error)
{
  char *answer = rehearsal_ask(context, operation, params, error);
  if (!answer)
    return error->code;
  free(answer);
  return ERROR_OK;
}

static enum error_code set_asked(struct rehearsal *rehearsal,
                                 const struct simulation_options *options, struct error *error)
{
  for (size_t i = 0; i < options->pool_count; i++)
    if (kept_set_pool(options->pools[i].pattern, options->pools[i].value, ask, rehearsal, error))
      return error_prefix(error, "--pool");
  return ERROR_OK;
}

enum error_code simulate_set_kept(struct rehearsal *rehearsal, const struct kept *kept,
                                  const struct simulation_options *options, struct error *error)
{
  kept_set(kept, ask, rehearsal);
  return set_asked(rehearsal, options, error);
}

static const struct json *find_pool(const struct json_document *answer, const char *name)
{
  json_each(pool, json_get(json_root(answer), "pools"))
    if (strcmp(json_text(json_get(pool, "name"), ""), name) == 0)
      return pool;
  return NULL;
}

enum error_code simulate_settle_pools(struct rehearsal *rehearsal, const struct kept *kept,
                                      const struct simulation_options *options, struct error *error)
{
  struct json_document *answer;
  char *text = rehearsal_ask(rehearsal, "pools", NULL, error);
  enum error_code code = text ? json_parse(text, strlen(text), &answer, error) : error->code;
  free(text);
  if (code)
    return code;
  for (size_t i = 0; !code && i < kept->pool_count; i++) {
    const struct kept_pool *pool = &kept->pools[i];
    const struct json *now = find_pool(answer, pool->name);
    if (pool->declared >= 0 && json_integer(json_get(now, "declared"), -1) == pool->declared)
      code = kept_set_pool(pool->name, pool->slots, ask, rehearsal, error);
  }
  json_free(answer);
  return code ? code : set_asked(rehearsal, options, error);
}
