/* What a listener of events wants, as a script says it: which names, which of their events, and how
 * they are to be delivered. A value; any thread. */
#ifndef MODEL_LISTENER_SPEC_H
#define MODEL_LISTENER_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

enum { LISTENER_PATTERNS_MAX = 64, LISTENER_FILTER_MAX = 32, LISTENER_VALUES_MAX = 1000 };

struct listener_spec {
  int64_t id;   /* of the function in its state; 0: of none yet */
  char *name;   /* by which it is known again in the next version of its script */
  char *events; /* JSON array of names and patterns */
  char *filter; /* JSON object; NULL: all */
  bool durable; /* its events are kept until it has heard of them */
  int64_t timeout_us;
  int32_t attempts;                        /* of a durable one: then an event is set aside */
  struct json_document *patterns, *wanted; /* `events` and `filter` again */
};

/* {"id","name","events","filter","durable","timeout","attempts"}; heap. */
enum error_code listener_spec_from_json(const struct json *value, struct listener_spec **spec,
                                        struct error *error);
/* What is asked of those that are new: that events can have what the filter names. */
enum error_code listener_spec_check(const struct listener_spec *spec, struct error *error);
void listener_spec_destroy(struct listener_spec *spec);

/* The members of an object, but for "id". */
void listener_spec_put(const struct listener_spec *spec, struct json_writer *writer);

bool listener_spec_hears(const struct listener_spec *spec, const char *event_name);

/* Whether the filter lets the event pass: each member of the filter is a value, or a list of values
 * of which one must do; texts may hold * and ?. */
bool listener_spec_wants(const struct listener_spec *spec, const struct json *event);

#endif
