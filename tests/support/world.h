/* A scheduler in a world that the test makes: its clock stands until the test moves it, its workers
 * are lists of messages, and the source of a script is the JSON that loading it would give. */
#ifndef SUPPORT_WORLD_H
#define SUPPORT_WORLD_H

#include "sched/sched.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct world {
  char *path; /* of the store; NULL: in memory */
  struct store *store;
  struct sched *sched;
  const struct sched_bounds *bounds; /* from the next start on; NULL: the usual ones */
  int64_t now_us;
  uint64_t last_tag;
  struct message_list runs;    /* RUN messages not yet finished by the test */
  struct message_list replies; /* to requests */
  struct message_list others;  /* CANCEL, EVENT, RETIRE, ... */
  int loads;
};

/* 2026-01-01T00:00:00Z */
#define WORLD_BEGINS (INT64_C(1767225600) * SECOND)

void world_open(struct world *w, char *path);
void world_close(struct world *w);
/* As after kill -9: what was committed is there, nothing else. */
void world_crash(struct world *w);

/* Turns until nothing is left to do at the present time; loads are answered. */
void world_settle(struct world *w);
/* Moves the clock and settles. */
void world_pass(struct world *w, int64_t us);
/* Housekeeping until nothing is left to do at the present time; how many steps it took. */
int world_keep_house(struct world *w);
/* Moves the clock step by step, so that every due time is met when it comes. */
void world_live(struct world *w, int64_t us);

/* The front has found this source (NULL: the file is gone). */
void world_save(struct world *w, const char *script, const char *json);
/* The same, and the file is gone before a worker has loaded it. */
void world_save_briefly(struct world *w, const char *script, const char *json);
/* The same, and `newer` is found in the turn that hears how the first was loaded. */
void world_save_twice(struct world *w, const char *script, const char *json, const char *newer);
/* The same, and the turn that hears how it was loaded hears this before. */
void world_save_meanwhile(struct world *w, const char *script, const char *json,
                          struct message *message);

/* The store's disk has room for so many pages, of which there are more when it is 1. */
void world_limit_pages(struct world *w, int pages);

/* It has no more, and what would be stored is refused. */
void world_fill_disk(struct world *w);
/* The same, and something waits that finds no room whenever it is tried: so nothing is stored. */
void world_fill_disk_for_good(struct world *w);

/* The first of `others` of that kind, taken out; NULL: none. */
struct message *world_take(struct world *w, enum message_kind kind);
/* The scheduler hears this. */
void world_tell(struct world *w, struct message *message);
/* The same of several, in one turn. */
void world_tell_all(struct world *w, struct message_list *messages);
/* It hears that all runs that were given to workers have begun now. */
void world_tell_started(struct world *w);

/* The reply's JSON, or "error: CODE: TEXT". The caller frees. */
char *world_ask(struct world *w, const char *operation, const char *params);
/* The same of a script. */
char *world_ask_as(struct world *w, const char *script, const char *operation, const char *params);
/* The reply to a request that world_tell() has sent, taken out; NULL: there is none yet. */
char *world_answer(struct world *w, uint64_t tag);
/* Asks and compares one member of the result, given as text ("null" when absent). */
void world_expect(struct world *w, const char *operation, const char *params, const char *member,
                  const char *value);

/* How many RUN messages wait, and the first of them as a finish. */
int world_run_count(const struct world *w);
void world_finish(struct world *w, enum run_state state, const char *result, const char *error);
void world_finish_all(struct world *w);

/* Sum of `count` over the job's skips with that reason. */
int64_t world_skipped(struct world *w, const char *job, const char *reason);
/* Rows of the job's history in that state; NULL: in any. */
int world_history(struct world *w, const char *job, const char *state);

#endif
