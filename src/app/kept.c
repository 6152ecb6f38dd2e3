#include "app/kept.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"
#include "ctl/options.h"
#include "store/history.h"

static bool keep_pool(void *context, const struct stored_pool *stored)
{
  struct kept *kept = context;
  kept->pools = memory_resize(kept->pools, (kept->pool_count + 1) * sizeof *kept->pools);
  kept->pools[kept->pool_count++] =
      (struct kept_pool){memory_strdup(stored->name), stored->slots, stored->declared};
  return true;
}

static bool keep_calendar(void *context, const struct stored_calendar *stored)
{
  struct kept *kept = context;
  if (stored->script)
    return true;
  kept->calendars =
      memory_resize(kept->calendars, (kept->calendar_count + 1) * sizeof *kept->calendars);
  kept->calendars[kept->calendar_count++] =
      (struct kept_calendar){memory_strdup(stored->name), memory_strdup(stored->definition)};
  return true;
}

enum error_code kept_read(struct kept *kept, const char *state_folder, struct error *error)
{
  *kept = (struct kept){0};
  if (!state_folder)
    return ERROR_OK;
  char *path = options_store_path(state_folder);
  enum error_code code = history_each_kept(path, keep_pool, keep_calendar, kept, error);
  free(path);
  return code == ERROR_NOT_FOUND ? ERROR_OK : code;
}

void kept_deinit(struct kept *kept)
{
  for (size_t i = 0; i < kept->pool_count; i++)
    free(kept->pools[i].name);
  for (size_t i = 0; i < kept->calendar_count; i++) {
    free(kept->calendars[i].name);
    free(kept->calendars[i].definition);
  }
  free(kept->pools);
  free(kept->calendars);
  *kept = (struct kept){0};
}

enum error_code kept_set_pool(const char *name, int64_t slots, kept_asker ask, void *context,
                              struct error *error)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  json_begin_object(&writer);
  json_put_text(&writer, "name", name);
  json_put_integer(&writer, "slots", slots);
  json_end_object(&writer);
  enum error_code code = ask(context, "set_pool", params.data, error);
  buffer_deinit(&params);
  return code;
}

static void set_calendar(const struct kept_calendar *calendar, kept_asker ask, void *context)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  struct error unused;
  json_begin_object(&writer);
  json_put_text(&writer, "name", calendar->name);
  json_put_raw(&writer, "definition", calendar->definition);
  json_end_object(&writer);
  ask(context, "set_calendar", params.data, &unused);
  buffer_deinit(&params);
}

void kept_set(const struct kept *kept, kept_asker ask, void *context)
{
  struct error unused;
  for (size_t i = 0; i < kept->pool_count; i++)
    kept_set_pool(kept->pools[i].name, kept->pools[i].slots, ask, context, &unused);
  for (size_t i = 0; i < kept->calendar_count; i++)
    set_calendar(&kept->calendars[i], ask, context);
}
