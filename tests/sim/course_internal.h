/* Courses, between course.c and course_end.c. */
#ifndef SIM_COURSE_INTERNAL_H
#define SIM_COURSE_INTERNAL_H

#include "base/hash.h"
#include "model/run.h"
#include "sim/course.h"

struct course {
  struct run_key key;
  const struct terms *terms;
  int32_t attempt; /* the newest that a worker was sent */
  int64_t fence;
  int failures; /* of the attempts before */
  enum course_place {
    WITH_WORKER,
    TOLD,      /* its end was, and has not been seen in the store */
    UNHEARD,   /* nobody has heard of its end */
    DOUBTFUL,  /* the daemon has ended meanwhile */
    TO_FOLLOW, /* another attempt is promised */
    OVER,
  } place;
  bool is_cancelled;
  bool was_told; /* its end, before it was doubtful */
  enum run_state state;
  struct run_answer answer;
  int64_t told_us;    /* its end; steady */
  int64_t late_us;    /* steady: the next attempt is due then at the latest */
  int64_t next_us;    /* steady: the next attempt begins then or later, unless the clock ... */
  int64_t forward_us; /* ... was set forward: by so much, in all, it had been before */
  int64_t waits_us;   /* steady: since when it waits without a reason; 0: it does not */
  bool is_put_off;    /* the clock was set back before a crash: its row may say a later time */
  struct course *previous, *next; /* among those that are open */
  UT_hash_handle hh;
};

struct courses {
  struct course *all, *open; /* `open`: all but those that are over */
  int64_t in_pool, with_key;
  int64_t cut_off;   /* attempts, by ends of the daemon */
  int64_t unheard;   /* when it stopped: so many more may be */
  bool was_in_order; /* the last end */
};

/* What an end comes to. */
struct sequel {
  bool goes_on;
  enum run_state state; /* of the attempt, or of the run when it does not go on */
  int64_t delay_us;
};

/* The row of a run. */
struct stored {
  int64_t attempt, fence, due_us;
  int state;
};

const char *course_name(const struct course *course); /* until it is asked for again */
void course_put(struct courses *courses, struct course *course, enum course_place place);

/* Of what a worker has told. */
struct sequel course_sequel(const struct course *course);
/* False when its job is gone. */
bool course_read_row(struct life *life, const struct course *course, struct stored *stored);
/* As what this attempt has ended, which others have followed; -1: nothing is said of it. */
int course_state_of_attempt(struct life *life, const struct course *course);
/* The scheduler has heard of its end between `from_us` and now. */
void course_promise(struct life *life, struct course *course, int64_t from_us, int64_t delay_us);
/* What was told is in the store. */
void course_settle(struct life *life, struct course *course, const struct stored *stored);

#endif
