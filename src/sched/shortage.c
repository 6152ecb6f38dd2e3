/* Fewer workers than there should be, as the system gives no thread for one that is to take the
 * place of a stuck one. Whoever makes them tells of it (see app/fleet.c): here it is shown, in
 * `status`, in the log and by an event, when it begins and when it is over. */
#include "sched/shortage.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/event.h"
#include "sched/stuck.h"
#include "sched/twin.h"

static void put_members(const struct sched *s, struct json_writer *writer)
{
  json_put_integer(writer, "missing", s->shortage.missing);
  json_put_integer(writer, "workers", s->options.workers);
  json_put_text(writer, "error", s->shortage.error);
}

static void tell(struct sched *s, const char *name)
{
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  put_members(s, &writer);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

static void note(struct sched *s, int missing, const char *why)
{
  s->shortage.missing = missing;
  free(s->shortage.error);
  s->shortage.error = missing > 0 ? memory_strdup(why) : NULL;
}

void shortage_settle(struct sched *s, const struct message *message)
{
  int missing = message->as.shortage.missing, before = s->shortage.missing;
  note(s, missing, message->as.shortage.text);
  if (message->as.shortage.joined) {
    stuck_join(s, message->as.shortage.joined);
    twins_spread_all(s);
    log_info("worker %d was made at last", message->as.shortage.joined - ADDRESS_WORKER + 1);
  }
  if (missing > 0)
    log_warn("%d of %d workers missing: %s; it is tried again", missing, s->options.workers,
             s->shortage.error);
  if (missing > 0 && before == 0)
    tell(s, "scheduler_workers_short");
  else if (missing == 0 && before > 0)
    tell(s, "scheduler_workers_complete");
}

void shortage_put(const struct sched *s, struct json_writer *writer)
{
  if (s->shortage.missing == 0)
    return;
  json_key(writer, "shortage");
  json_begin_object(writer);
  put_members(s, writer);
  json_end_object(writer);
}

void shortage_forget(struct sched *s)
{
  free(s->shortage.error);
}
