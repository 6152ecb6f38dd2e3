/* What has happened, told to those who listen. See event.c. Private to src/sched. */
#ifndef SCHED_EVENT_H
#define SCHED_EVENT_H

#include "sched/state.h"

bool event_wanted(const struct sched *s, const char *name, enum event_use use);
/* The writer is inside the event's object, after "event" and "at". */
struct json_writer *event_begin(struct sched *s, struct buffer *out, struct json_writer *writer,
                                const char *name);
/* Tells of it, and returns how many listeners want it. Outside a transaction those hear of it at
 * once who need none, durable listeners and jobs in the next turn. */
size_t event_end(struct sched *s, struct buffer *out, struct json_writer *writer, const char *name,
                 enum event_use use);
/* The second half of that: an EVENT to the scheduler itself. */
void event_to_others(struct sched *s, const struct message *message);
void event_put_job(struct json_writer *writer, const struct entry *entry);
void event_job(struct sched *s, const char *name, const struct entry *entry);
void event_script(struct sched *s, const char *name, const struct script_entry *script,
                  const char *version, const char *error);
void event_plain(struct sched *s, const char *name);
void event_clock(struct sched *s, const struct message *message);
/* Nothing can be stored any more: those are told who need no store for it. */
void event_full(struct sched *s, const char *error);
/* In a transaction that may bring the store back: everybody is told that, and before it those of
 * the trouble who could not be told then. */
void event_recovered(struct sched *s);
/* The turn was taken back: what it told is not remembered. */
void events_forget(struct sched *s);

#endif
