/* The two written forms of triggers, for tests. */
#ifndef SUPPORT_TRIGGER_TEXT_H
#define SUPPORT_TRIGGER_TEXT_H

#include "support/unit.h"

#include <string.h>

#include "trigger/trigger.h"

static inline enum error_code from_json(const char *json, const char *zone,
                                        struct trigger **trigger, struct error *error)
{
  struct json_document *document;
  assert_int_equal(json_parse(json, strlen(json), &document, NULL), ERROR_OK);
  enum error_code code = trigger_from_json(json_root(document), zone, trigger, error);
  json_free(document);
  return code;
}

static inline char *json_of(const struct trigger *trigger)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  trigger_to_json(trigger, &writer);
  return buffer_take(&out);
}

static inline char *text_of(const struct trigger *trigger)
{
  struct buffer out = {0};
  trigger_to_text(trigger, &out);
  return buffer_take(&out);
}

#endif
