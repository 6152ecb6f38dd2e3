/* What a client has been told, and what workers have seen: kept apart from the scheduler, and
 * compared with what its store says.
 *
 *   - what was acknowledged is there: jobs as they were added, changed, paused and removed; runs by
 * hand
 *   - each due time of a job, told by a naive oracle (due.h), is one run or part of one recorded
 * skip, and there is no run besides
 *   - a run is in the store before a worker has it, and stays there
 *   - an attempt is sent once; of an at_most_once job there is one
 *   - an end that was told is kept, and no other
 *   - nothing is sent before its time
 *
 * What does not hold ends the program with a sentence (blame). */
#ifndef SIM_BOOK_H
#define SIM_BOOK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/message.h"
#include "sim/due.h"

/* The result, JSON, of a finish with a fence that is over: no run may have it. */
#define BOOK_STALE "\"stale\""

enum { SEGMENTS_MAX = 64, SEGMENTS_SPARE = 16 }; /* the latter for what nobody has asked for */

/* A rule that was in force: its due times in [from_us, until_us) have been decided. */
struct segment {
  struct rule rule;
  int64_t from_us, until_us;
  bool is_followed; /* by one of the same trigger: it ends before, where the job is now */
};

struct booked {
  char id[16];
  const char *options; /* JSON members, for the policy */
  const char *func;    /* of a script; NULL: a command, or its own when it is declared */
  bool is_there, is_paused, is_declared, is_once;
  bool is_never_paused;
  int64_t number;   /* in the store */
  int64_t revision; /* stands in its name, so that the newest change can be seen */
  struct rule rule; /* in force since from_us */
  int64_t from_us;
  int64_t decided_us, stood_us; /* at the last change of its zone: up to where; and its next one */
  int64_t passed_us;            /* up to where it or a trigger before had come; or INT64_MIN */
  int64_t shown_us;             /* the latest time at which the clock was set since from_us; or 0 */
  bool is_blurred;              /* times of two rules may be told for each other */
  struct segment segments[SEGMENTS_MAX + SEGMENTS_SPARE]; /* before that */
  int segment_count;
};

struct book;

struct book *book_create(void);
void book_destroy(struct book *book);

/* A worker was sent this. The row must be there. */
void book_sent(struct book *book, sqlite3 *db, const struct booked *job, const struct message *run,
               int64_t now_us);
/* It was told that a run has ended so, for good. */
void book_ended(struct book *book, const struct booked *job, int64_t scheduled_us, int state);
/* All that workers have seen is in the store, and ends are as they were told. Of those that were
 * found so before some are looked at, `all` or others the next time. */
void book_check_runs(struct book *book, sqlite3 *db, bool all);
/* It is gone: of its runs only those are open that a worker has. */
void book_check_sent(struct book *book, sqlite3 *db, const struct booked *job);
/* The job is as it was acknowledged. */
void book_check_job(sqlite3 *db, const struct booked *job);
/* Its due times up to `cursor_us` (INT64_MAX: it has no further one) are decided, each once.
 * Returns how many there were. */
int64_t book_check_dues(sqlite3 *db, const struct booked *job, int64_t cursor_us);

/* The rule is another one from now on; what was due by the old one up to now, and before
 * `cursor_us`, has been decided. The two are blurred when the clock was set back between them. */
void booked_change(struct booked *job, const struct rule *rule, int64_t now_us, int64_t cursor_us);

/* The trigger is the same and has other due times from now on. What lies before `undecided_us` has
 * been decided; then comes, unless `standing` is NULL, the last one of that rule, at `cursor_us`.
 */
void booked_follow(struct booked *job, int64_t undecided_us, const struct rule *standing,
                   int64_t cursor_us, const struct rule *rule);
/* Since when it has had this trigger. */
int64_t booked_since(const struct booked *job);

/* A query about one or two numbers, and its next row; what fails ends the program. */
sqlite3_stmt *book_ask(sqlite3 *db, const char *sql, int64_t first, int64_t second);
bool book_step(sqlite3 *db, sqlite3_stmt *statement);
/* The one integer of a query about one or two; `absent` when there is none. */
int64_t book_query(sqlite3 *db, const char *sql, int64_t first, int64_t second, int64_t absent);

/* Ends the program: the promise is broken. In main.c, which knows the seed. */
void blame(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
