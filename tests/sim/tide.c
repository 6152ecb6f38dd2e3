#include "sim/tide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"

#define PERIOD (11 * SECOND)

struct tide {
  struct booked job;
  int64_t *answers; /* ascending, each once */
  size_t count, capacity;
  bool is_asked;     /* since nothing was left to do last */
  int64_t asked_us;  /* what the last question told of the past */
  int64_t answer_us; /* to the last question, not seen in the store so far; INT64_MAX: none */
  int64_t stands_us; /* the same when it has been seen there */
};

struct tide *tide_create(void)
{
  struct tide *tide = memory_alloc(sizeof *tide);
  tide->answer_us = tide->stands_us = INT64_MAX;
  return tide;
}

void tide_destroy(struct tide *tide)
{
  free(tide->answers);
  free(tide);
}

void tide_cast(struct life *life)
{
  struct booked *job = &life->tide->job;
  snprintf(job->id, sizeof job->id, "tide");
  job->options = "\"overlap\":\"buffer_one\",\"misfire_grace_time\":\"20s\",\"timeout\":\"1m\"";
  job->rule = (struct rule){.kind = RULE_EVENT,
                            .event = "{\"kind\":\"lua\",\"name\":\"tide\",\"script\":\"a\"}"};
  job->is_declared = job->is_there = true;
}

void tide_meet_declared(struct life *life)
{
  life->tide->job.number = client_number(life, life->tide->job.id);
  if (!life->tide->job.number)
    blame("the tide was declared and is not there");
}

struct booked *tide_job(struct life *life)
{
  return &life->tide->job;
}

/* ---- answers ---- */

static size_t count_until(const struct tide *tide, int64_t us)
{
  size_t low = 0, high = tide->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (tide->answers[middle] <= us)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool was_answered(const struct tide *tide, int64_t us)
{
  size_t count = count_until(tide, us);
  return count > 0 && tide->answers[count - 1] == us;
}

static void note_answer(struct life *life, int64_t us)
{
  struct tide *tide = life->tide;
  size_t at = count_until(tide, us);
  tide->answer_us = us;
  if (was_answered(tide, us))
    return;
  witness_answer(life->witness, tide->job.id, us);
  if (tide->count == tide->capacity) {
    tide->capacity = tide->capacity ? tide->capacity * 2 : 256;
    tide->answers = memory_resize(tide->answers, tide->capacity * sizeof *tide->answers);
  }
  memmove(tide->answers + at + 1, tide->answers + at, (tide->count - at) * sizeof *tide->answers);
  tide->answers[at] = us;
  tide->count++;
}

static void answer(struct life *life, const struct message *question)
{
  struct draw *draw = &life->draw;
  int64_t previous_us = question->as.ask.previous_us, now_us = question->as.ask.now_us;
  int64_t from_us = previous_us > now_us ? previous_us : now_us;
  struct message *m = message_create(MESSAGE_ANSWER, question->to, ADDRESS_SCHEDULER);
  m->as.answer.generation = question->as.ask.generation;
  m->as.answer.job = question->as.ask.job;
  m->as.answer.previous_us = previous_us;
  m->as.answer.number = question->as.ask.number;
  m->as.answer.now_us = now_us;
  m->as.answer.next_us = (from_us / PERIOD + 1) * PERIOD;
  if (!life->is_calm && draw_chance(draw, 3))
    m->as.answer.error = memory_strdup("it fails");
  else
    note_answer(life, m->as.answer.next_us);
  if (life->is_calm || draw_chance(draw, 50)) {
    sim_tell(life->sim, m);
  } else {
    sometimes("a trigger in Lua takes long to answer");
    sim_tell_later(life->sim, draw_size(draw, 30000) * 1000, m);
  }
}

/* ---- what is decided ---- */

static bool is_decided(struct life *life, int64_t us)
{
  return book_query(life_db(life),
                    "SELECT 1 FROM (SELECT scheduled_us first_us, scheduled_us last_us FROM runs"
                    " WHERE job = ?1 AND cause = 0 UNION ALL SELECT first_us, last_us FROM skips"
                    " WHERE job = ?1) WHERE first_us <= ?2 AND last_us >= ?2",
                    life->tide->job.number, us, 0) != 0;
}

static int64_t last_decided(struct life *life)
{
  return book_query(life_db(life),
                    "SELECT max(us) FROM (SELECT scheduled_us us FROM runs WHERE job = ?1"
                    " AND cause = 0 UNION ALL SELECT last_us FROM skips WHERE job = ?1)"
                    " WHERE us IS NOT NULL HAVING max(us) IS NOT NULL",
                    life->tide->job.number, 0, INT64_MIN);
}

void tide_asked(struct life *life, const struct message *question)
{
  struct tide *tide = life->tide;
  int64_t previous_us = question->as.ask.previous_us;
  if (!life->is_unreadable) {
    if (previous_us > last_decided(life))
      blame("the tide: its last due time is told as %lld, and was not", (long long)previous_us);
    if (tide->stands_us <= question->as.ask.now_us && !is_decided(life, tide->stands_us))
      blame("the tide: was due at %lld, and its script is asked for another time",
            (long long)tide->stands_us);
  }
  if (tide->stands_us > question->as.ask.now_us && tide->stands_us != INT64_MAX)
    sometimes("a trigger in Lua is asked anew before its time has come");
  tide->is_asked = true;
  tide->asked_us = previous_us;
  tide->answer_us = tide->stands_us = INT64_MAX;
  answer(life, question);
}

void tide_put_off(struct life *life)
{
  life->tide->is_asked = false;
}

void tide_look(struct life *life)
{
  struct tide *tide = life->tide;
  /* What was asked before a turn was taken back may be told with what follows. */
  if (tide->is_asked && tide->asked_us != last_decided(life))
    blame("the tide: its last due time is told as %lld, and was %lld", (long long)tide->asked_us,
          (long long)last_decided(life));
  tide_put_off(life);
  if (tide->answer_us == INT64_MAX ||
      !book_query(life_db(life), "SELECT 1 FROM job_progress WHERE number = ? AND next_us = ?",
                  tide->job.number, tide->answer_us, 0))
    return;
  tide->stands_us = tide->answer_us;
  tide->answer_us = INT64_MAX;
}

static void check_told(const struct tide *tide, int64_t us)
{
  if (!was_answered(tide, us))
    blame("the tide: is decided for %lld, and no answer said so", (long long)us);
}

static void check_runs(struct life *life)
{
  sqlite3 *db = life_db(life);
  sqlite3_stmt *row = book_ask(db, "SELECT scheduled_us FROM runs WHERE job = ? AND cause = 0",
                               life->tide->job.number, 0);
  while (book_step(db, row))
    check_told(life->tide, sqlite3_column_int64(row, 0));
  sqlite3_finalize(row);
}

static void check_skips(struct life *life)
{
  sqlite3 *db = life_db(life);
  const struct tide *tide = life->tide;
  int64_t number = tide->job.number, before_us = INT64_MIN;
  sqlite3_stmt *row = book_ask(db,
                               "SELECT first_us, last_us, count, (SELECT count(*) FROM runs"
                               " WHERE job = ?1 AND cause = 0 AND scheduled_us >= first_us"
                               " AND scheduled_us <= last_us)"
                               " FROM skips WHERE job = ?1 ORDER BY first_us",
                               number, 0);
  while (book_step(db, row)) {
    int64_t first_us = sqlite3_column_int64(row, 0), last_us = sqlite3_column_int64(row, 1);
    int64_t told = (int64_t)(count_until(tide, last_us) - count_until(tide, first_us - 1));
    check_told(tide, first_us);
    check_told(tide, last_us);
    if (sqlite3_column_int64(row, 2) > told)
      blame("the tide: %lld due times of %lld are skipped", sqlite3_column_int64(row, 2),
            (long long)told);
    if (first_us <= before_us || sqlite3_column_int64(row, 3))
      blame("the tide: %lld is decided twice", (long long)first_us);
    before_us = last_us;
  }
  sqlite3_finalize(row);
}

void tide_check(struct life *life)
{
  tide_put_off(life);
  book_check_job(life_db(life), &life->tide->job);
  check_runs(life);
  check_skips(life);
}

void tide_check_all_done(struct life *life)
{
  int64_t cursor_us;
  tide_check(life);
  if (!client_cursor(life, &life->tide->job, &cursor_us) || cursor_us == INT64_MAX)
    blame("the tide: nobody knows when it is due");
  if (cursor_us < sim_now_us(life->sim) - 90 * SECOND)
    blame("the tide: waits for ever");
}
