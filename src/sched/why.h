/* What `why` says, in parts that request_why.c and the files why_*.c share: an array of objects
 * {"kind":..., "text": a sentence, ...}, most of them with times. Private to src/sched. */
#ifndef SCHED_WHY_H
#define SCHED_WHY_H

#include "sched/request.h"

/* Begins an object; what is put between is more of it. */
void why_begin(struct request *r, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void why_end(struct request *r);
/* An object without more; `at_us` of the member `key` unless it is `none`. */
void why_say(struct request *r, const char *kind, const char *key, int64_t at_us, int64_t none,
             const char *text);

/* A name as a line shows it; the caller frees. */
char *why_visible(const char *name);

/* The script, for which one waits, is being loaded, or keeps the worker that it waits for. */
void why_script(struct request *r, const char *kind, const char *name);
/* The worker is stuck in a C function, if it is: whose. */
void why_stuck(struct request *r, int worker);
/* The run, which is isolated and has not begun, waits for a process, if it does: who has them. */
void why_isolated(struct request *r, const struct open_run *run);

/* Which runs have a place in the gate, and when one is free for the job at the latest, by their
 * time-outs. `is_waiting`: it waits there; whether others do decides who is next. */
void why_put_gate_holders(struct request *r, const struct gate *gate, const struct job *job,
                          bool is_waiting);
/* The same of the job's own open runs. */
void why_put_own_runs(struct request *r, const struct entry *entry);

/* All that stands between the job and its next run, in order. */
enum error_code why_not_running(struct request *r, struct entry *entry);
/* What is worth knowing besides: how it fares, its open runs, its last run and skip. */
enum error_code why_notes(struct request *r, struct entry *entry);

/* How the run came to its end, or to where it is. */
enum error_code why_run(struct request *r, struct entry *entry, const struct run *run);
/* Due times that were skipped: between the run before and this one, and while this one was open. */
enum error_code why_skips_before(struct request *r, const struct run *run);
enum error_code why_skips_behind(struct request *r, const struct run *run);
/* The due time became no run: why. ERROR_NOT_FOUND when nothing is known of it. */
enum error_code why_no_run(struct request *r, struct entry *entry, int64_t scheduled_us);

#endif
