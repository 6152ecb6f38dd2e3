/* The end of the daemon, and the next one, which finds what the last has left: what has become of
 * each run that was open. */
#include <utlist.h>

#include "base/sometimes.h"
#include "sim/course_internal.h"
#include "sim/life_internal.h"

enum { CUTS_MAX = 100 }; /* a job that allows more is never quarantined in one life */

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
      blame("%s: the daemon has stopped, and a worker has it", course_name(course));
    if (course->place == TOLD && is_quiet)
      blame("%s: the daemon has stopped, and its end is not stored", course_name(course));
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
      course_put(courses, course, DOUBTFUL);
  }
}

/* Its end had been stored, or it was cut off. */
static void resolve(struct life *life, struct course *course, const struct stored *stored)
{
  bool is_over = stored->attempt == course->attempt;
  int state = is_over ? stored->state : course_state_of_attempt(life, course);
  struct sequel sequel = course_sequel(course);
  if (course->was_told && state == (int)sequel.state && sequel.goes_on != is_over &&
      state != RUN_INTERRUPTED) {
    course_settle(life, course, stored);
  } else if (is_over && (state == RUN_CANCELLED || state == RUN_INTERRUPTED)) {
    bool may_end = course->terms->is_once || course->terms->max_interruptions <= CUTS_MAX;
    if (state == RUN_INTERRUPTED && (course->is_cancelled || !may_end))
      blame("%s: was cut off%s, and the run is interrupted for good", course_name(course),
            course->is_cancelled ? " when it was to be cancelled" : "");
    course_put(life->courses, course, OVER);
  } else if (!is_over && state == RUN_INTERRUPTED && !course->is_cancelled) {
    course->forward_us = life->forward_us;
    course_promise(life, course, life_steady_us(life), 0);
  } else {
    blame("%s: was cut off%s, and is kept in state %d", course_name(course),
          course->is_cancelled ? " when it was to be cancelled" : "", state);
  }
}

/* A worker may have been about to be sent it, and then it was cut off. */
static void check_kept(struct life *life, struct course *course, const struct stored *stored)
{
  bool is_over = run_has_ended((enum run_state)stored->state);
  if (stored->attempt <= course->attempt)
    blame("%s: was to be followed by another one, which is lost", course_name(course));
  if (is_over && stored->state != RUN_CANCELLED && stored->state != RUN_INTERRUPTED)
    blame("%s: was to be followed by another one, and the run is in state %d", course_name(course),
          stored->state);
  if (is_over)
    course_put(life->courses, course, OVER);
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
    if (!course_read_row(life, course, &stored))
      course_put(courses, course, OVER);
    else if (course->place == DOUBTFUL)
      resolve(life, course, &stored);
    else
      check_kept(life, course, &stored);
  }
  check_quarantines(life);
}
