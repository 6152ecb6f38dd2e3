#include "app/simulate_emit.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/memory.h"

static void find_next(struct emitter *emitter, size_t i, int64_t after_us)
{
  if (!trigger_next(emitter->options->emissions[i].trigger, after_us, &emitter->next_us[i]))
    emitter->next_us[i] = INT64_MAX;
}

void emitter_init(struct emitter *emitter, const struct simulation_options *options)
{
  emitter->options = options;
  emitter->next_us = memory_alloc((options->emission_count + 1) * sizeof *emitter->next_us);
  for (size_t i = 0; i < options->emission_count; i++)
    find_next(emitter, i, options->from_us - 1);
}

void emitter_deinit(struct emitter *emitter)
{
  free(emitter->next_us);
}

int64_t emitter_next_us(const struct emitter *emitter)
{
  int64_t least_us = INT64_MAX;
  for (size_t i = 0; i < emitter->options->emission_count; i++)
    if (emitter->next_us[i] < least_us)
      least_us = emitter->next_us[i];
  return least_us;
}

static enum error_code emit(struct rehearsal *rehearsal, const char *event, struct error *error)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  json_begin_object(&writer);
  json_put_text(&writer, "event", event);
  json_end_object(&writer);
  char *answer = rehearsal_ask(rehearsal, "emit", params.data, error);
  buffer_deinit(&params);
  if (!answer)
    return error_prefix(error, "--emit");
  free(answer);
  return ERROR_OK;
}

enum error_code emitter_emit(struct emitter *emitter, struct rehearsal *rehearsal,
                             struct error *error)
{
  int64_t now_us = rehearsal_now_us(rehearsal);
  enum error_code code = ERROR_OK;
  for (size_t i = 0; !code && i < emitter->options->emission_count; i++)
    if (emitter->next_us[i] <= now_us) {
      code = emit(rehearsal, emitter->options->emissions[i].event, error);
      find_next(emitter, i, emitter->next_us[i]);
    }
  return code;
}
