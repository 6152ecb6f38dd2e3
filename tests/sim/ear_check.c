/* Whether durable listeners have heard of everything: each event that was acknowledged, and the end
 * of each run. What they have not heard of yet is among their letters in the store. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/ear_internal.h"
#include "sim/life_internal.h"
#include "sim/names.h"

void ears_note_told(struct ears *ears, int64_t number)
{
  if (ears->told_count == ears->told_capacity) {
    ears->told_capacity = ears->told_capacity ? ears->told_capacity * 2 : 64;
    ears->told = memory_resize(ears->told, ears->told_capacity * sizeof *ears->told);
  }
  ears->told[ears->told_count++] = number;
}

/* Letters and dead letters are known by their content, whether or not they were sent. */
static void read_letters(struct ears *ears, int at, int64_t row)
{
  struct heard_event *event;
  for (event = ears->events; event; event = event->hh.next)
    if (event->key.ear == at)
      event->is_stored = false;
  sqlite3_stmt *letter = book_ask(ears_db(ears),
                                  "SELECT id, event, 0 FROM letters WHERE listener = ?1 UNION ALL"
                                  " SELECT id, event, 1 FROM dead_letters WHERE listener = ?1",
                                  row, 0);
  while (book_step(ears_db(ears), letter)) {
    int64_t id = sqlite3_column_int64(letter, 0);
    ear_note_content(ears, at, id, (const char *)sqlite3_column_text(letter, 1));
    event = ear_find_event(ears, at, id);
    event->is_stored = true;
    if (!sqlite3_column_int(letter, 2))
      continue;
    sometimes("a listener's event is given up");
    event->was_dead = true;
    if (event->failures < ear_kinds[at].attempts)
      blame("listener %s: letter %lld is given up after %d failures", ear_kinds[at].name,
            (long long)id, event->failures);
  }
  sqlite3_finalize(letter);
}

static void check_told(struct ears *ears, int at)
{
  const struct ear *ear = &ears->ears[at];
  size_t next = 0;
  for (size_t i = 0; i < ears->told_count; i++) {
    int64_t number = ears->told[i];
    int64_t id = (size_t)number < ear->id_count ? ear->ids[number] : 0;
    if (!id)
      blame("listener %s: event %lld was acknowledged, and there is no letter of it",
            ear_kinds[at].name, (long long)number);
  }
  for (size_t number = 1; number < ear->id_count; number++) {
    while (next < ears->told_count && ears->told[next] < (int64_t)number)
      next++;
    bool was_told = next < ears->told_count && ears->told[next] == (int64_t)number;
    if (ear->ids[number] && !was_told && !causes_is_open(ears->life, (int64_t)number))
      blame("listener %s: there is a letter of event %zu, which was refused", ear_kinds[at].name,
            number);
  }
}

static void check_not_lost(const struct ears *ears, int at)
{
  for (const struct heard_event *event = ears->events; event; event = event->hh.next)
    if (event->key.ear == at && !event->is_stored && !event->was_heard)
      blame("listener %s: letter %lld is gone, and it has not heard of it", ear_kinds[at].name,
            (long long)event->key.id);
}

static void add_ends(const struct ears *ears, const struct booked *job, struct names *ends)
{
  if (!job->is_there)
    return;
  sqlite3_stmt *run = book_ask(
      ears_db(ears), "SELECT scheduled_us FROM runs WHERE job = ? AND state >= 2", job->number, 0);
  while (book_step(ears_db(ears), run))
    names_add_run(ends, job->id, sqlite3_column_int64(run, 0), 0);
  sqlite3_finalize(run);
}

/* Of the jobs that are there: each end is told once. */
static void check_ends(struct ears *ears, int at)
{
  struct names ends = {0}, told = {0};
  for (int i = 0; i < JOBS; i++)
    add_ends(ears, &ears->life->jobs[i], &ends);
  add_ends(ears, tide_job(ears->life), &ends);
  for (const struct heard_event *event = ears->events; event; event = event->hh.next) {
    const char *mark = event->end ? strchr(event->end, '@') : NULL;
    char id[sizeof ears->life->jobs[0].id];
    if (event->key.ear != at || !mark)
      continue;
    snprintf(id, sizeof id, "%.*s", (int)(mark - event->end), event->end);
    /* What comes back with its file has its id from another. */
    if (life_find(ears->life, id) && !guest_find(ears->life, id))
      names_add(&told, event->end);
  }
  char who[64];
  snprintf(who, sizeof who, "listener %s", ear_kinds[at].name);
  names_compare(who, &ends, &told);
}

void ears_check(struct ears *ears)
{
  if (book_query(ears_db(ears),
                 "SELECT count(*) FROM (SELECT listener FROM letters UNION ALL"
                 " SELECT listener FROM dead_letters) WHERE listener NOT IN"
                 " (SELECT number FROM listeners)",
                 0, 0, 0))
    blame("there are letters to a listener that is gone");
  for (int i = 0; i < EARS; i++) {
    int64_t row = ear_kinds[i].is_durable ? ear_row(ears, i) : 0;
    if (!row)
      continue;
    read_letters(ears, i, row);
    if (ear_kinds[i].is_guest)
      continue;
    check_not_lost(ears, i);
    check_told(ears, i);
    if (ear_kinds[i].hears_ends)
      check_ends(ears, i);
  }
}

static int64_t count_letters(const struct ears *ears)
{
  return book_query(ears_db(ears), "SELECT count(*) FROM letters", 0, 0, 0);
}

void ears_check_all_done(struct ears *ears)
{
  /* Runs go on ending: a moment in which all is heard. */
  for (int i = 0; i < 100 && count_letters(ears); i++)
    life_go_on(ears->life, SECOND / 10);
  ears_check(ears);
  if (count_letters(ears))
    blame("%lld events wait for their listeners for ever", (long long)count_letters(ears));
}
