#include "sim/course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"
#include "time/instant.h"

enum { CUTS_MAX = 100 }; /* a job that allows more is never quarantined in one life */

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

struct courses *courses_create(void)
{
  return memory_alloc(sizeof(struct courses));
}

void courses_destroy(struct courses *courses)
{
  struct course *course, *next;
  HASH_ITER(hh, courses->all, course, next) {
    HASH_DEL(courses->all, course);
    free(course);
  }
  free(courses);
}

static const char *name_of(const struct course *course)
{
  static char name[INSTANT_TEXT_SIZE + 64];
  char at[INSTANT_TEXT_SIZE];
  instant_format(at, course->key.scheduled_us);
  snprintf(name, sizeof name, "attempt %d of the run of %s of job %lld", course->attempt, at,
           (long long)course->key.job);
  return name;
}

static struct course *find(struct life *life, const struct attempt *attempt)
{
  struct course *course;
  HASH_FIND(hh, life->courses->all, &attempt->key, sizeof attempt->key, course);
  return course && course->fence == attempt->fence ? course : NULL;
}

/* ---- places ---- */

static void leave_worker(struct courses *courses, const struct course *course)
{
  if (course->place != WITH_WORKER)
    return;
  courses->in_pool -= course->terms->has_pool;
  courses->with_key -= course->terms->has_key;
}

static void put(struct courses *courses, struct course *course, enum course_place place)
{
  leave_worker(courses, course);
  if (place == OVER && course->place != OVER)
    DL_DELETE2(courses->open, course, previous, next);
  if (place != OVER && course->place == OVER)
    DL_APPEND2(courses->open, course, previous, next);
  course->place = place;
  course->waits_us = 0;
}

int64_t courses_in_pool(const struct life *life)
{
  return life->courses->in_pool;
}

int64_t courses_with_key(const struct life *life)
{
  return life->courses->with_key;
}

static void look(struct life *life, struct course *course);

int courses_open(const struct life *life, int64_t job)
{
  const struct course *course;
  int count = 0;
  DL_FOREACH2(life->courses->open, course, next)
  {
    count += course->key.job == job;
  }
  return count;
}

/* ---- with workers ---- */

static void check_begin(struct life *life, struct course *course)
{
  int64_t shown_us = life_steady_us(life) + life->forward_us - course->forward_us;
  if (course->place == TOLD) /* what has come of it could not be read until now */
    look(life, course);
  if (course->place == WITH_WORKER || course->place == TOLD)
    blame("%s: another one is sent, and a worker has it", name_of(course));
  if (course->place == TO_FOLLOW && shown_us < course->next_us)
    blame("%s: the next one is sent %lld us too early", name_of(course),
          (long long)(course->next_us - shown_us));
}

static void check_limits(const struct message *run, const struct terms *terms)
{
  if (run->as.run.soft_timeout_us != terms->soft_timeout_us ||
      run->as.run.timeout_us != terms->timeout_us)
    blame("%s: is sent with time-outs that are not its own", run->as.run.job_id);
}

void course_sent(struct life *life, const struct message *run, const char *options)
{
  struct courses *courses = life->courses;
  const struct attempt *attempt = &run->as.run.attempt;
  struct course *course;
  HASH_FIND(hh, courses->all, &attempt->key, sizeof attempt->key, course);
  if (course) {
    check_begin(life, course);
  } else {
    course = memory_alloc(sizeof *course);
    course->key = attempt->key;
    course->terms = cast_terms(options);
    course->place = OVER;
    HASH_ADD(hh, courses->all, key, sizeof course->key, course);
  }
  check_limits(run, course->terms);
  put(courses, course, WITH_WORKER);
  course->attempt = attempt->number;
  course->fence = attempt->fence;
  course->is_cancelled = course->was_told = course->is_put_off = false;
  courses->in_pool += course->terms->has_pool;
  courses->with_key += course->terms->has_key;
}

void course_told(struct life *life, const struct message *cancel)
{
  struct course *course = find(life, &cancel->as.cancel.attempt);
  if (course)
    course->is_cancelled = cancel->as.cancel.state == RUN_CANCELLED;
}

void course_ended(struct life *life, const struct message *finished)
{
  struct course *course = find(life, &finished->as.finished.attempt);
  if (!course || course->place != WITH_WORKER)
    return;
  put(life->courses, course, TOLD);
  course->was_told = true;
  course->state = finished->as.finished.state;
  course->answer = finished->as.finished.answer;
  course->told_us = life_steady_us(life);
  course->forward_us = life->forward_us;
}

void course_ended_unheard(struct life *life, const struct attempt *attempt)
{
  struct course *course = find(life, attempt);
  if (course && course->place == WITH_WORKER)
    put(life->courses, course, UNHEARD);
}

/* ---- what is to follow ---- */

struct sequel {
  bool goes_on;
  enum run_state state; /* of the attempt, or of the run when it does not go on */
  int64_t delay_us;
};

static struct sequel of_failure(const struct course *course)
{
  const struct terms *terms = course->terms;
  bool is_asked = course->answer.verdict == VERDICT_RETRY;
  int failures = course->failures + 1;
  if (failures >= terms->attempts)
    return (struct sequel){.state = course->state};
  bool has_delay = is_asked && course->answer.delay_us >= 0;
  return (struct sequel){true, course->state,
                         has_delay ? course->answer.delay_us : terms_retry_delay(terms, failures)};
}

static struct sequel sequel_of(const struct course *course)
{
  bool is_cancelled = course->is_cancelled;
  switch (course->state) {
  case RUN_PENDING:
    if (is_cancelled)
      return (struct sequel){.state = RUN_CANCELLED};
    return (struct sequel){true, RUN_PENDING, course->answer.delay_us};
  case RUN_INTERRUPTED:
    if (is_cancelled)
      return (struct sequel){.state = RUN_CANCELLED};
    return (struct sequel){!course->terms->is_once, RUN_INTERRUPTED, 0};
  case RUN_FAILED:
  case RUN_TIMED_OUT:
    return is_cancelled ? (struct sequel){.state = course->state} : of_failure(course);
  default:
    return (struct sequel){.state = course->state};
  }
}

/* ---- the store ---- */

struct stored {
  int64_t attempt, fence, due_us;
  int state;
};

/* False when its job is gone. */
static bool read_row(struct life *life, const struct course *course, struct stored *stored)
{
  sqlite3_stmt *row = book_ask(life_db(life),
                               "SELECT r.attempt, r.fence, r.state, coalesce(r.due_us, ?1)"
                               " FROM jobs j LEFT JOIN runs r ON r.scheduled_us = ?1"
                               " AND r.job = j.number WHERE j.number = ?2",
                               course->key.scheduled_us, course->key.job);
  bool is_there = book_step(life_db(life), row);
  if (is_there && sqlite3_column_type(row, 0) == SQLITE_NULL)
    blame("%s: there is no such run", name_of(course));
  if (is_there)
    *stored = (struct stored){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                              sqlite3_column_int64(row, 3), sqlite3_column_int(row, 2)};
  sqlite3_finalize(row);
  return is_there;
}

/* As what this attempt has ended, which others have followed; -1: nothing is said of it. */
static int state_of_attempt(struct life *life, const struct course *course)
{
  sqlite3_stmt *row = book_ask(life_db(life),
                               "SELECT state FROM attempts"
                               " WHERE scheduled_us = ?1 AND job = ?2 AND attempt = ?3",
                               course->key.scheduled_us, course->key.job);
  sqlite3_bind_int64(row, 3, course->attempt);
  int state = book_step(life_db(life), row) ? sqlite3_column_int(row, 0) : -1;
  sqlite3_finalize(row);
  return state;
}

/* The scheduler has heard of its end between `from_us` and now. */
static void promise(struct life *life, struct course *course, int64_t from_us, int64_t delay_us)
{
  put(life->courses, course, TO_FOLLOW);
  course->next_us = from_us + delay_us;
  course->late_us = life_steady_us(life) + delay_us;
}

/* Another one follows, which nobody has been sent yet unless that was at once. */
static void check_next(struct life *life, struct course *course, const struct sequel *sequel,
                       const struct stored *stored)
{
  int64_t now_us = sim_now_us(life->sim);
  bool is_now = course->told_us == life_steady_us(life);
  bool waits = stored->attempt == course->attempt + 1 && stored->state == RUN_PENDING;
  bool is_held = stored->due_us == INT64_MAX && sequel->delay_us == 0; /* at a gate */
  if (stored->attempt <= course->attempt)
    blame("%s: has ended in state %d, and no other one follows, but the run is in state %d",
          name_of(course), course->state, stored->state);
  if (is_now && waits && stored->due_us != now_us + sequel->delay_us && !is_held)
    blame("%s: the next one was to follow in %lld us, and is due in %lld", name_of(course),
          (long long)sequel->delay_us, (long long)(stored->due_us - now_us));
  course->failures += sequel->state == RUN_FAILED || sequel->state == RUN_TIMED_OUT;
  promise(life, course, course->told_us, sequel->delay_us);
}

/* What was told is in the store. */
static void settle(struct life *life, struct course *course, const struct stored *stored)
{
  struct sequel sequel = sequel_of(course);
  if (!sequel.goes_on) {
    if (stored->attempt != course->attempt || stored->state != (int)sequel.state)
      blame("%s: has ended as %d and the run is over in state %d, but it is in attempt %lld and "
            "state %d",
            name_of(course), course->state, sequel.state, (long long)stored->attempt,
            stored->state);
    put(life->courses, course, OVER);
    return;
  }
  int state = state_of_attempt(life, course);
  if (stored->attempt > course->attempt && state != (int)sequel.state)
    blame("%s: has ended in state %d, and is kept in state %d", name_of(course), sequel.state,
          state);
  check_next(life, course, &sequel, stored);
}

static bool is_stored(const struct course *course, const struct stored *stored)
{
  return stored->fence != course->fence || run_has_ended((enum run_state)stored->state);
}

static void look(struct life *life, struct course *course)
{
  struct stored stored;
  if (!read_row(life, course, &stored))
    put(life->courses, course, OVER);
  else if (is_stored(course, &stored))
    settle(life, course, &stored);
  else if (life_is_well(life))
    blame("%s: a worker has said that it has ended, and nothing has come of it", name_of(course));
}

void courses_look(struct life *life)
{
  struct course *course, *next;
  if (life->is_unreadable)
    return;
  DL_FOREACH_SAFE2(life->courses->open, course, next, next)
  {
    if (course->place == TOLD)
      look(life, course);
  }
}

/* ---- the end of the daemon, and the next one ---- */

/* Of jobs that are there: the others' ends are looked at no more. */
static int64_t count_cut_off(struct life *life)
{
  return book_query(life_db(life),
                    "SELECT count(*) FROM (SELECT job, error FROM attempts UNION ALL"
                    " SELECT job, error FROM runs) WHERE error LIKE 'cut off by the end%'"
                    " AND job IN (SELECT number FROM jobs)",
                    0, 0, 0);
}

void courses_stop(struct life *life)
{
  struct courses *courses = life->courses;
  struct course *course;
  bool is_quiet = life_is_well(life);
  if (life->is_unreadable)
    return;
  courses_look(life);
  courses->unheard = 0;
  DL_FOREACH2(courses->open, course, next)
  {
    if (course->place == WITH_WORKER)
      blame("%s: the daemon has stopped, and a worker has it", name_of(course));
    if (course->place == TOLD && is_quiet)
      blame("%s: the daemon has stopped, and its end is not stored", name_of(course));
    courses->unheard += course->place == TOLD || course->place == UNHEARD;
    if (course->place == TO_FOLLOW)
      sometimes("another attempt is promised when the daemon has stopped");
  }
  courses->was_in_order = true;
  courses->cut_off = count_cut_off(life);
}

void courses_die(struct life *life)
{
  struct courses *courses = life->courses;
  struct course *course;
  DL_FOREACH2(courses->open, course, next)
  {
    if (course->place == TO_FOLLOW)
      course->is_put_off |= life->set_back_us > 0;
    else
      put(courses, course, DOUBTFUL);
  }
}

/* Its end had been stored, or it was cut off. */
static void resolve(struct life *life, struct course *course, const struct stored *stored)
{
  bool is_over = stored->attempt == course->attempt;
  int state = is_over ? stored->state : state_of_attempt(life, course);
  struct sequel sequel = sequel_of(course);
  if (course->was_told && state == (int)sequel.state && sequel.goes_on != is_over &&
      state != RUN_INTERRUPTED) {
    settle(life, course, stored);
  } else if (is_over && (state == RUN_CANCELLED || state == RUN_INTERRUPTED)) {
    bool may_end = course->terms->is_once || course->terms->max_interruptions <= CUTS_MAX;
    if (state == RUN_INTERRUPTED && (course->is_cancelled || !may_end))
      blame("%s: was cut off%s, and the run is interrupted for good", name_of(course),
            course->is_cancelled ? " when it was to be cancelled" : "");
    put(life->courses, course, OVER);
  } else if (!is_over && state == RUN_INTERRUPTED && !course->is_cancelled) {
    course->forward_us = life->forward_us;
    promise(life, course, life_steady_us(life), 0);
  } else {
    blame("%s: was cut off%s, and is kept in state %d", name_of(course),
          course->is_cancelled ? " when it was to be cancelled" : "", state);
  }
}

/* A worker may have been about to be sent it, and then it was cut off. */
static void check_kept(struct life *life, struct course *course, const struct stored *stored)
{
  bool is_over = run_has_ended((enum run_state)stored->state);
  if (stored->attempt <= course->attempt)
    blame("%s: was to be followed by another one, which is lost", name_of(course));
  if (is_over && stored->state != RUN_CANCELLED && stored->state != RUN_INTERRUPTED)
    blame("%s: was to be followed by another one, and the run is in state %d", name_of(course),
          stored->state);
  if (is_over)
    put(life->courses, course, OVER);
}

static void check_quarantines(struct life *life)
{
  static const char quarantined[] =
      "SELECT number FROM job_progress WHERE state = 3 AND error LIKE 'quarantined:%'";
  static const char cut_off[] =
      "SELECT max(n) FROM (SELECT count(*) n FROM (SELECT scheduled_us, job, state, error"
      " FROM attempts UNION ALL SELECT scheduled_us, job, state, error FROM runs)"
      " WHERE job = ? AND state = 6 AND error LIKE 'cut off by the end%' GROUP BY scheduled_us)";
  sqlite3_stmt *row = book_ask(life_db(life), quarantined, 0, 0);
  while (book_step(life_db(life), row)) {
    int64_t job = sqlite3_column_int64(row, 0),
            times = book_query(life_db(life), cut_off, job, 0, 0);
    sometimes("a job is quarantined");
    for (int i = 0; i < JOBS; i++)
      if (life->jobs[i].is_there && life->jobs[i].number == job &&
          times < cast_terms(life->jobs[i].options)->max_interruptions)
        blame("%s: is quarantined, and was cut off by crashes %lld times", life->jobs[i].id,
              (long long)times);
  }
  sqlite3_finalize(row);
}

void courses_check(struct life *life)
{
  struct courses *courses = life->courses;
  struct course *course, *next;
  int64_t cut_off = count_cut_off(life);
  if (courses->was_in_order && cut_off > courses->cut_off + courses->unheard)
    blame("the daemon had stopped in order, and %lld attempts are cut off by its end",
          (long long)(cut_off - courses->cut_off));
  courses->was_in_order = false;
  DL_FOREACH_SAFE2(courses->open, course, next, next)
  {
    struct stored stored;
    if (!read_row(life, course, &stored))
      put(courses, course, OVER);
    else if (course->place == DOUBTFUL)
      resolve(life, course, &stored);
    else
      check_kept(life, course, &stored);
  }
  check_quarantines(life);
}

/* ---- waiting ---- */

/* The longest it may be that the book has not heard why: its row tells. */
static void judge_waiting(struct life *life, struct course *course)
{
  struct stored stored;
  if (!read_row(life, course, &stored) || run_has_ended((enum run_state)stored.state)) {
    put(life->courses, course, OVER); /* cancelled while it waited */
    return;
  }
  bool is_later = stored.due_us > sim_now_us(life->sim) && stored.due_us != INT64_MAX;
  if (is_later && course->is_put_off)
    return;
  blame("%s: the next one is due since %lld us and does not begin, for no reason", name_of(course),
        (long long)(life_steady_us(life) - course->waits_us));
}

void courses_put_off(struct life *life)
{
  struct course *course;
  DL_FOREACH2(life->courses->open, course, next)
  {
    course->waits_us = 0;
  }
}

void courses_check_waiting(struct life *life, course_reason has_reason, int64_t patience_us)
{
  struct course *course, *next;
  int64_t now_us = life_steady_us(life);
  DL_FOREACH_SAFE2(life->courses->open, course, next, next)
  {
    if (course->place != TO_FOLLOW || now_us < course->late_us)
      continue;
    if (has_reason(life, course->key.job, course->terms))
      course->waits_us = 0;
    else if (!course->waits_us)
      course->waits_us = now_us;
    else if (now_us - course->waits_us > patience_us)
      judge_waiting(life, course);
  }
}
