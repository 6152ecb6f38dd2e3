/* Triggers that are set off by what happens, not by the time: on_start, after_job, on_event,
 * on_file, on_signal, on_change. They are values like all others, with a key that says what they
 * wait for: triggers with one key hear of the same things, and event_matches() tells which of them
 * a trigger wants. What happens is an event, a JSON object. Pure; any thread. */
#ifndef TRIGGER_EVENT_H
#define TRIGGER_EVENT_H

#include "trigger/trigger.h"

/* Whether it may fire although trigger_next() knows no time: something in it waits for an event, or
 * asks Lua. */
bool trigger_is_open(const struct trigger *trigger);

/* Visits what in it makes it open. */
typedef void (*trigger_visitor)(void *context, const struct trigger *source);
void trigger_each_source(const struct trigger *trigger, trigger_visitor visit, void *context);

/* Of a source: what it waits for, as a JSON object without the options of a single trigger:
 * {"kind":"on_file","glob":"/srv/in/orders.csv","settle":"1s"},
 * {"kind":"after_job","job":"backup"}. */
void trigger_put_key(const struct trigger *source, struct buffer *out);

/* Whether an event with the source's key is one that it wants: the outcome of after_job, the filter
 * of on_event. */
bool event_matches(const struct trigger *source, const struct json *event);

/* Of a source: a run begins when nothing has come for `debounce_us`, or when the last one began
 * `throttle_us` ago, and takes up to `batch` of the events that wait. A stream without a pause is
 * cut after so many debounces as the last one here. */
enum { EVENT_BATCH_MAX = 10000, EVENT_BATCH_OF_BURST = 1000, EVENT_DEBOUNCE_MOST = 10 };
int64_t event_throttle_us(const struct trigger *source);
int64_t event_debounce_us(const struct trigger *source);
int event_batch(const struct trigger *source);

/* Whether it asks a function of a script for its fires; then which. Such a trigger is a source as
 * well, whose key is the script. */
bool trigger_asks_lua(const struct trigger *trigger, const char **script, const char **name);

#endif
