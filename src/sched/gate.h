/* What a run must pass before it begins: a slot of its pool, a place under its concurrency key, its
 * rate. Private to src/sched.
 *
 * A fire that may not begin is not claimed: its entry waits, in memory, with its due time kept, so
 * a crash loses nothing and no row is written for waiting. A run that is claimed already (by hand,
 * for its next attempt) waits too; its row says so. Who waits stands in the gate's heap, by
 * priority and then by due time, and is tried when a slot comes free. Of very many entries only the
 * first stay in memory (gate_far.c). */
#ifndef SCHED_GATE_H
#define SCHED_GATE_H

#include "base/error.h"
#include "base/hash.h"
#include "base/heap.h"
#include "model/run.h"

struct sched;
struct entry;
struct open_run;
struct job;

enum wait_reason {
  WAIT_NONE,
  WAIT_OVERLAP, /* for an open run of the job to end */
  WAIT_POOL,
  WAIT_KEY,
  WAIT_RATE,
  WAIT_REPLAY, /* for its turn among the late ones */
};

/* Who waits, or is to be tried: entry.due and open_run.start. */
struct lineup {
  struct heap entries, runs;
};

enum gate_kind { GATE_POOL, GATE_KEY };

struct gate {
  enum gate_kind kind;
  char *key;     /* "pool db", "key shop-1" */
  int64_t slots; /* of a pool; -1: of a key, or of a pool that is not there */
  int64_t used;  /* runs that workers have */
  struct lineup waiting;
  int64_t gone_us; /* the order of the first entry that waits in the store; INT64_MAX: none does */
  int64_t gone_again_us; /* the same of those since all that is due is read again */
  bool stirred;          /* somebody who waits may pass */
  struct gate *next_stirred;
  UT_hash_handle hh; /* by key */
};

/* It was waiting when the daemon began. */
#define SINCE_UNKNOWN INT64_C(1)

struct wait {
  enum wait_reason why;
  struct gate *gate; /* of WAIT_POOL and WAIT_KEY */
  int64_t since_us;  /* 0: it has not been tried yet */
  int64_t until_us;  /* of WAIT_RATE and WAIT_REPLAY */
};

const char *gate_name(const struct gate *gate); /* "db", "shop-1" */

/* What is due in this turn is not tried in the order in which it is found, if it must pass a pool
 * or a key; it will be by gates_fire_lineup(). False: it need not, and was not put there. */
bool gate_line_up_entry(struct sched *s, struct entry *entry, int64_t due_us);
bool gate_line_up_run(struct sched *s, struct open_run *run);

/* Which keys are wrong, for a check before anything is stored; ERROR_NOT_FOUND when an argument is
 * missing. */
enum error_code gate_check(const struct job *job, const char *args, struct error *error);

/* Tries those who wait for a rate and whose time has come, or whose grace is over. */
int gates_fire_timed(struct sched *s, int budget);
void gates_fire_lineup(struct sched *s);
/* Tries those who wait where a slot has come free. */
void gates_open(struct sched *s, int budget);
int64_t gates_wake_us(const struct sched *s); /* INT64_MAX: no sooner than something happens */
void gates_commit(struct sched *s);
void gates_undo(struct sched *s); /* after run_undo() */
void gates_free_all(struct sched *s);

/* Slots of a pool have changed; none: -1. */
void gate_set_pool(struct sched *s, const char *name, int64_t slots);

/* ---- gate_far.c ---- */

/* The turn is committed: too many wait to be kept in memory. */
void gates_let_go(struct sched *s);
/* Lets all that is due be read again if one that was let go is to be tried. */
void gates_look_again(struct sched *s);
void gates_begin_reading(struct sched *s); /* it is about to be, or */
void gates_end_reading(struct sched *s);   /* it may have been */

struct gate *gate_find(struct sched *s, enum gate_kind kind, const char *name);
/* Open runs that have a place in the gate. */
typedef void (*gate_visitor)(void *context, const struct open_run *run);
void gate_each_holder(struct sched *s, const struct gate *gate, gate_visitor visit, void *context);

/* ---- gate_wait.c ---- */

/* Nothing is waited for any more; since when it was is kept, for who is tried and waits again. */
void wait_end(struct wait *wait);

/* Whether a due time of the entry may be claimed now; if not, the entry waits. `is_backlog`: others
 * are due behind it. */
bool gate_admits_fire(struct sched *s, struct entry *entry, bool is_backlog);
/* The same of its rates alone. */
bool gate_admits_pace(struct sched *s, struct entry *entry, bool is_backlog);
/* A run of the entry was claimed. */
void gate_note_claim(struct sched *s, struct entry *entry, enum run_cause cause);
/* The moment at which what is due has waited for longer than its grace: it is tried then, and
 * skipped, whatever keeps it waiting. INT64_MAX: never, or nothing is due. */
int64_t gate_lapse_us(const struct sched *s, const struct entry *entry);
/* The entry waits for an open run of its job, but is tried at `until_us`. */
void gate_wait_for_overlap(struct sched *s, struct entry *entry, int64_t until_us);

/* Whether a claimed run may be sent now: it takes its places; else it waits. */
bool gate_admits_run(struct sched *s, struct open_run *run);
/* A claimed run waits for something else than a gate: it is in no heap. */
void gate_leave(struct sched *s, struct open_run *run);
/* The job has other options: its runs that wait, at a gate or for its script, are tried anew. */
void gate_job_changed(struct sched *s, const struct entry *entry);
/* The run gives its places back. */
void gate_vacate(struct sched *s, struct open_run *run);
/* Those whose time has come are others now. */
void gates_clock_set_back(struct sched *s);

#endif
