#include "app/kept_pools.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "ctl/options.h"
#include "store/history.h"

static bool keep(void *context, const struct stored_pool *stored)
{
  struct kept_pools *pools = context;
  pools->items = memory_resize(pools->items, (pools->count + 1) * sizeof *pools->items);
  pools->items[pools->count++] =
      (struct kept_pool){memory_strdup(stored->name), stored->slots, stored->declared};
  return true;
}

enum error_code kept_pools_read(struct kept_pools *pools, const char *state_folder,
                                struct error *error)
{
  *pools = (struct kept_pools){0};
  if (!state_folder)
    return ERROR_OK;
  char *path = options_store_path(state_folder);
  enum error_code code = history_each_pool(path, keep, pools, error);
  free(path);
  return code == ERROR_NOT_FOUND ? ERROR_OK : code;
}

void kept_pools_deinit(struct kept_pools *pools)
{
  for (size_t i = 0; i < pools->count; i++)
    free(pools->items[i].name);
  free(pools->items);
  *pools = (struct kept_pools){0};
}

char *kept_pools_params(const char *name, int64_t slots)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  json_begin_object(&writer);
  json_put_text(&writer, "name", name);
  json_put_integer(&writer, "slots", slots);
  json_end_object(&writer);
  return buffer_take(&params);
}
