#include "sim/course.h"

#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "sim/course_internal.h"
#include "sim/life_internal.h"
#include "time/instant.h"

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

const char *course_name(const struct course *course)
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

void course_put(struct courses *courses, struct course *course, enum course_place place)
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
    blame("%s: another one is sent, and a worker has it", course_name(course));
  if (course->place == TO_FOLLOW && shown_us < course->next_us)
    blame("%s: the next one is sent %lld us too early", course_name(course),
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
  course_put(courses, course, WITH_WORKER);
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
  course_put(life->courses, course, TOLD);
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
    course_put(life->courses, course, UNHEARD);
}

/* ---- what is to follow ---- */

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

struct sequel course_sequel(const struct course *course)
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

bool course_read_row(struct life *life, const struct course *course, struct stored *stored)
{
  sqlite3_stmt *row = book_ask(life_db(life),
                               "SELECT r.attempt, r.fence, r.state, coalesce(r.due_us, ?1)"
                               " FROM jobs j LEFT JOIN runs r ON r.scheduled_us = ?1"
                               " AND r.job = j.number WHERE j.number = ?2",
                               course->key.scheduled_us, course->key.job);
  bool is_there = book_step(life_db(life), row);
  if (is_there && sqlite3_column_type(row, 0) == SQLITE_NULL)
    blame("%s: there is no such run", course_name(course));
  if (is_there)
    *stored = (struct stored){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                              sqlite3_column_int64(row, 3), sqlite3_column_int(row, 2)};
  sqlite3_finalize(row);
  return is_there;
}

int course_state_of_attempt(struct life *life, const struct course *course)
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

void course_promise(struct life *life, struct course *course, int64_t from_us, int64_t delay_us)
{
  course_put(life->courses, course, TO_FOLLOW);
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
          course_name(course), course->state, stored->state);
  if (is_now && waits && stored->due_us != now_us + sequel->delay_us && !is_held)
    blame("%s: the next one was to follow in %lld us, and is due in %lld", course_name(course),
          (long long)sequel->delay_us, (long long)(stored->due_us - now_us));
  course->failures += sequel->state == RUN_FAILED || sequel->state == RUN_TIMED_OUT;
  course_promise(life, course, course->told_us, sequel->delay_us);
}

void course_settle(struct life *life, struct course *course, const struct stored *stored)
{
  struct sequel sequel = course_sequel(course);
  if (!sequel.goes_on) {
    if (stored->attempt != course->attempt || stored->state != (int)sequel.state)
      blame("%s: has ended as %d and the run is over in state %d, but it is in attempt %lld and "
            "state %d",
            course_name(course), course->state, sequel.state, (long long)stored->attempt,
            stored->state);
    course_put(life->courses, course, OVER);
    return;
  }
  int state = course_state_of_attempt(life, course);
  if (stored->attempt > course->attempt && state != (int)sequel.state)
    blame("%s: has ended in state %d, and is kept in state %d", course_name(course), sequel.state,
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
  if (!course_read_row(life, course, &stored))
    course_put(life->courses, course, OVER);
  else if (is_stored(course, &stored))
    course_settle(life, course, &stored);
  else if (life_is_well(life))
    blame("%s: a worker has said that it has ended, and nothing has come of it",
          course_name(course));
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

/* ---- waiting ---- */

/* The longest it may be that the book has not heard why: its row tells. */
static void judge_waiting(struct life *life, struct course *course)
{
  struct stored stored;
  if (!course_read_row(life, course, &stored) || run_has_ended((enum run_state)stored.state)) {
    course_put(life->courses, course, OVER); /* cancelled while it waited */
    return;
  }
  bool is_later = stored.due_us > sim_now_us(life->sim) && stored.due_us != INT64_MAX;
  if (is_later && course->is_put_off)
    return;
  blame("%s: the next one is due since %lld us and does not begin, for no reason",
        course_name(course), (long long)(life_steady_us(life) - course->waits_us));
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
