/* What the files of a life share: life.c is the daemon's world, hear.c what it says, worker.c its
 * workers, client.c its clients, fate.c what happens next. */
#ifndef SIM_LIFE_INTERNAL_H
#define SIM_LIFE_INTERNAL_H

#include <sqlite3.h>

#include "sim/book.h"
#include "sim/cast.h"
#include "sim/cause.h"
#include "sim/course.h"
#include "sim/disk.h"
#include "sim/draw.h"
#include "sim/ear.h"
#include "sim/guest.h"
#include "sim/hold.h"
#include "sim/life.h"
#include "sim/notice.h"
#include "sim/reason.h"
#include "sim/sim.h"
#include "sim/tide.h"
#include "sim/witness.h"
#include "sim/zones.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

enum {
  TIMED = 5,
  DECLARED = TIMED + HEARERS,
  ADDED = 9,
  JOBS = DECLARED + ADDED,
  GUESTS = 2,
  GHOSTS = 32
};

/* An operation that was sent and not answered: it has happened or it has not. */
struct doubt {
  enum doubt_kind {
    DOUBT_NONE,
    DOUBT_ADD,
    DOUBT_CHANGE,
    DOUBT_REMOVE,
    DOUBT_PAUSE,
    DOUBT_RESUME,
  } kind;
  struct booked *job;
  struct booked added;
  struct rule rule; /* that the job has then */
  int64_t revision;
  int64_t at_us, cursor_us; /* when it was sent, and how far the job was then */
  int64_t first_us;         /* the answer: when the job is due first; 0: there was none */
};

enum { UNREAD_OWN = 1, UNREAD_GUEST = 2 };

struct life {
  const struct life_options *options;
  struct life_report *report;
  struct draw draw;
  struct disk *disk;
  struct store *store;
  struct sim *sim;
  struct book *book;
  struct witness *witness;
  struct { /* what waits for its answer; operation NULL: nothing does */
    const char *operation, *params;
    int64_t begin, sent_us;
  } asked;
  char *source;
  struct booked jobs[JOBS];     /* the first are declared by a script, and the last of those wait
                                   for events */
  struct booked guests[GUESTS]; /* declared by the other one; the last waits for "ping" */
  struct causes *causes;
  struct guest *guest;
  struct ears *ears;
  struct courses *courses;
  struct holds *holds;
  struct notices *notices;
  struct reasons *reasons;
  struct tide *tide;
  struct zones_book *zones;
  int64_t last_revision, last_number;
  struct doubt doubt;
  struct message_list replies;
  struct attempt ghosts[GHOSTS]; /* attempts that were sent lately */
  int next_ghost;
  int lose_after;      /* so many messages more are delivered before the daemon dies; -1: all */
  bool was_broken;     /* the disk had trouble since the daemon began */
  int unread;          /* which files it has not read since it began; 0: none, or others */
  int64_t trouble_us;  /* since when the disk has trouble or is slow; 0: it is well */
  int64_t well_us;     /* steady: since when it is well again */
  bool is_unreadable;  /* the disk */
  bool is_slow;        /* likewise: a turn may be later than it was asked for */
  int64_t clock_us;    /* by how much the clock was set, in all, */
  int64_t forward_us;  /* of that forward; */
  int64_t set_back_us; /* and when it was set back last: steady; 0: it was not */
  int64_t ends;        /* of daemons, so far */
  bool is_stopping;    /* the daemon was told to; */
  int64_t stopped_us;  /* and has by then: steady */
  bool is_calm;        /* nothing goes wrong, and runs succeed */
  bool is_noted;       /* what is asked for now is an operation, for the witness */
  int step;
};

/* ---- life.c ---- */

void life_say(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));
sqlite3 *life_db(const struct life *life);
struct booked *life_find(struct life *life, const char *id); /* NULL: there is none now */

/* A time that nobody sets. */
int64_t life_steady_us(const struct life *life);
/* Nothing is kept from being stored any more. */
bool life_is_well(const struct life *life);

/* Time passes; one step. False when the daemon has died: then it is up again, and has been checked.
 */
bool life_go_on(struct life *life, int64_t us);
bool life_step(struct life *life);
/* The daemon dies now, and comes back. */
void life_recover(struct life *life);
/* It is told to stop, and runs may end by themselves for so long. When it has it comes back, as if
 * it had died. */
void life_stop(struct life *life, int64_t grace_us);
/* The front finds this source. Takes it. */
void life_save(struct life *life, char *source);

/* ---- hear.c ---- */

/* The callback of the simulation, see sim.h. */
bool life_hear(void *context, struct sim *sim, struct message *message);
/* Into the hash of the life. */
void life_mix(struct life *life, int64_t number);

/* ---- worker.c ---- */

void worker_remember(struct life *life, const struct attempt *attempt); /* for worker_haunt */
/* A worker that should not be there any more says that a run has ended. */
void worker_haunt(struct life *life);
/* The callbacks of the simulation, see sim.h. */
void worker_model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate);
void worker_told(void *context, struct sim *sim, const struct message *run, enum run_told reason,
                 struct sim_fate *fate);
bool worker_ended(void *context, struct sim *sim, struct message *run, struct message *finished);

/* ---- client.c ---- */

enum told { TOLD_DONE, TOLD_REFUSED, TOLD_NEVER };

/* Adds the first jobs to the script, and waits until they are there. */
void client_begin(struct life *life);
void client_meet_declared(struct life *life);
char *client_source(struct life *life);

/* Sends a request and waits for its answer; *result, when not NULL, is the caller's JSON.
 * TOLD_NEVER: the daemon has died meanwhile. */
enum told client_ask(struct life *life, const char *operation, const char *params, char **result);
/* An operation of any kind. */
void client_act(struct life *life);
/* Some jobs get another trigger. */
void client_change_some(struct life *life);
/* What was asked for when the daemon died has happened or not: the store tells. */
void client_resolve(struct life *life);
/* What was acknowledged is there, and what is due is decided. */
void client_check(struct life *life);
/* Of the job with that id in the store; 0: there is none. */
int64_t client_number(struct life *life, const char *id);
/* How far the job is: its next due time; INT64_MAX: it has none. False when nobody answers. */
bool client_cursor(struct life *life, const struct booked *job, int64_t *cursor_us);
void client_resume_all(struct life *life);

/* ---- fate.c ---- */

void fate_step(struct life *life);
/* Everything is mended, everybody is let go on, and then nobody may wait any more. */
void fate_calm_down(struct life *life);

#endif
