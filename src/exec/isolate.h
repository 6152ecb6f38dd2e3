/* Runs of jobs with `isolate = true`: each in a process of its own, which can be killed whatever it
 * does and harms nobody. The process hosts a whole worker (see isolated.h); this is the side that
 * starts such processes, hands runs on to them, and answers for them to the scheduler.
 *
 * A process works for one job of one version of a script, one run at a time, and is kept for the
 * next run only when the last one succeeded; a spare one, started ahead and without a script yet,
 * makes up for those that are not.
 *
 * What a process says is checked here as a stranger's word. On the worker's thread. */
#ifndef EXEC_ISOLATE_H
#define EXEC_ISOLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/message.h"

struct isolate;
struct worker;

/* What an isolated run may use when its job does not say; CPU time is not limited then. */
enum { ISOLATE_MEMORY = 256 << 20, ISOLATE_FILES = 256 };

struct isolate *isolate_open(struct worker *worker);
/* Kills all processes and frees it; their runs become interrupted. The loop must run on. */
void isolate_close(struct isolate *isolate);

/* There will be isolated runs: has a process ready. */
void isolate_prepare(struct isolate *isolate);

/* Takes a MESSAGE_RUN. */
void isolate_run(struct isolate *isolate, struct message *run);

/* Takes the message if the run is isolated; false: it is not. */
bool isolate_cancel(struct isolate *isolate, struct message *cancel);
/* Takes the reply if an isolated run asked. */
bool isolate_take_reply(struct isolate *isolate, struct message *reply);

/* No run of this version comes any more. */
void isolate_retire(struct isolate *isolate, uint64_t generation);

/* The worker is stuck, and replaced. Whoever holds its gauge has STARTED posted for the runs that
 * have begun and not said so. When it comes back it forgets the others, and is busy until those
 * that have begun are over. */
void isolate_announce(struct isolate *isolate);
void isolate_forget_others(struct isolate *isolate);
bool isolate_is_busy(const struct isolate *isolate);

#endif
