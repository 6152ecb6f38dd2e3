#include "sim/cause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"
#include "sim/names.h"

enum { TOLD_MOST = 20, OPEN_MAX = 256 };

/* Clients tell of "ping", to the first three; of the others the causes stand in the store. */
enum { GUEST = HEARERS, ALL = HEARERS + 1 };

static const struct hearer_kind {
  const char *trigger, *options;
  bool hears_ping, may_be_paused;
  int batch;         /* so many events in one run at most */
  const char *after; /* the job whose runs are the causes, */
  const char *sql;   /* in this: the run's time, and its attempt or 0 */
} kinds[ALL] = {
    {.trigger = "{\"kind\":\"on_event\",\"event\":\"ping\"}",
     .options = "\"overlap\":\"allow\",\"max_instances\":3,\"pool\":\"p\",\"timeout\":\"20s\","
                "\"max_interruptions\":2",
     .hears_ping = true,
     .batch = 1},
    {.trigger = "{\"kind\":\"on_event\",\"event\":\"ping\",\"debounce\":\"3s\",\"batch\":5}",
     .options = "\"retry\":{\"attempts\":3,\"delay\":\"2s\"},\"timeout\":\"30s\","
                "\"soft_timeout\":\"8s\"",
     .hears_ping = true,
     .may_be_paused = true,
     .batch = 5},
    {.trigger = "{\"kind\":\"on_event\",\"event\":\"ping\",\"throttle\":\"20s\"}",
     .options = "\"delivery\":\"at_most_once\",\"timeout\":\"40s\"",
     .hears_ping = true,
     .may_be_paused = true,
     .batch = 1000},
    {.trigger = "{\"kind\":\"after_job\",\"job\":\"d0\",\"outcome\":\"finished\"}",
     .options = "\"overlap\":\"buffer_one\",\"timeout\":\"20s\"",
     .batch = 1,
     .after = "d0",
     .sql = "SELECT scheduled_us, 0 FROM runs WHERE job = ? AND state >= 2"},
    {.trigger = "{\"kind\":\"after_job\",\"job\":\"e3\"}",
     .options = "\"overlap\":\"skip\",\"timeout\":\"5s\"",
     .batch = 1,
     .after = "e3",
     .sql = "SELECT scheduled_us, 0 FROM runs WHERE job = ? AND state = 2"},
    {.trigger = "{\"kind\":\"on_event\",\"event\":\"job_error\",\"filter\":{\"job\":\"e1\"}}",
     .options = "\"timeout\":\"5s\"",
     .batch = 1,
     .after = "e1",
     .sql = "SELECT scheduled_us, attempt FROM runs WHERE job = ?1 AND state IN (3, 4) UNION ALL"
            " SELECT scheduled_us, attempt FROM attempts WHERE job = ?1 AND state IN (3, 4)"},
    {.hears_ping = true, .batch = 1}, /* see guest.c */
};

struct hearer {
  struct booked *job;
  int64_t *wanted; /* numbers of events, ascending, that it must hear of */
  size_t count, capacity;
  int64_t skipped; /* that came while it was paused */
};

struct causes {
  struct hearer hearers[ALL];
  int64_t last_number;
  struct told_event {
    int64_t number, guest; /* the guest's job when it was told */
    uint64_t tag;
    int64_t begin, sent_us; /* for the witness */
  } open[OPEN_MAX];         /* without an answer yet, oldest first */
  int open_count;
};

struct causes *causes_create(void)
{
  return memory_alloc(sizeof(struct causes));
}

void causes_destroy(struct causes *causes)
{
  for (int i = 0; i < ALL; i++)
    free(causes->hearers[i].wanted);
  free(causes);
}

void causes_cast(struct life *life, struct booked *jobs)
{
  for (int i = 0; i < HEARERS; i++) {
    snprintf(jobs[i].id, sizeof jobs[i].id, "e%d", i);
    jobs[i].options = kinds[i].options;
    jobs[i].is_once = strstr(kinds[i].options, "at_most_once") != NULL;
    jobs[i].is_never_paused = !kinds[i].may_be_paused;
    jobs[i].rule = (struct rule){.kind = RULE_EVENT, .event = kinds[i].trigger};
    life->causes->hearers[i].job = &jobs[i];
  }
  life->causes->hearers[GUEST].job = &life->guests[GUESTS - 1];
}

/* ---- telling ---- */

static char *params_of(int64_t number)
{
  return memory_printf("{\"event\":\"ping\",\"data\":{\"n\":%lld}}", (long long)number);
}

/* `reply` NULL: there is none. */
static void witness_told(struct life *life, const struct told_event *told,
                         const struct message *reply)
{
  char *params = params_of(told->number);
  witness_operation(life->witness, told->begin, "emit", params, told->sent_us,
                    sim_now_us(life->sim), reply);
  free(params);
}

void causes_tell(struct life *life)
{
  struct causes *causes = life->causes;
  int64_t count = draw_size(&life->draw, TOLD_MOST);
  if (life->is_unreadable) /* who is there could not be seen */
    return;
  guest_look(life);
  for (int64_t i = 0; i < count && causes->open_count < OPEN_MAX; i++) {
    int64_t number = ++causes->last_number;
    char *params = params_of(number);
    int64_t begin = witness_begin(life->witness);
    life_say(life, "emit %s", params);
    life->report->operations++;
    causes->open[causes->open_count++] = (struct told_event){
        number, causes->hearers[GUEST].job->is_there ? causes->hearers[GUEST].job->number : 0,
        sim_request(life->sim, "emit", params), begin, sim_now_us(life->sim)};
    free(params);
  }
}

void causes_leave(struct life *life)
{
  const struct causes *causes = life->causes;
  for (int i = 0; i < causes->open_count; i++)
    witness_told(life, &causes->open[i], NULL);
}

static void want(struct hearer *hearer, int64_t number)
{
  if (hearer->count == hearer->capacity) {
    hearer->capacity = hearer->capacity ? hearer->capacity * 2 : 64;
    hearer->wanted = memory_resize(hearer->wanted, hearer->capacity * sizeof *hearer->wanted);
  }
  hearer->wanted[hearer->count++] = number;
}

static bool has_come(struct life *life, const struct booked *job, int64_t number)
{
  return book_query(life_db(life),
                    "SELECT 1 FROM pending_events WHERE job = ?1 AND event ->> '$.n' = ?2"
                    " UNION ALL SELECT 1 FROM runs r, json_each(r.events) e WHERE r.job = ?1"
                    " AND e.value ->> '$.n' = ?2 LIMIT 1",
                    job->number, number, 0) != 0;
}

/* When its job came or went meanwhile, which of the two was first is for the store to tell. */
static void note_told_guest(struct life *life, const struct told_event *told)
{
  struct hearer *hearer = &life->causes->hearers[GUEST];
  guest_look(life);
  if (!hearer->job->is_there)
    return;
  if (hearer->job->number == told->guest || has_come(life, hearer->job, told->number))
    want(hearer, told->number);
}

static void note_told(struct life *life, const struct told_event *told)
{
  struct causes *causes = life->causes;
  ears_note_told(life->ears, told->number);
  for (int i = 0; i < HEARERS; i++) {
    struct hearer *hearer = &causes->hearers[i];
    if (!kinds[i].hears_ping)
      continue;
    if (hearer->job->is_paused) {
      sometimes("an event comes for a paused job");
      hearer->skipped++;
    } else {
      want(hearer, told->number);
    }
  }
  note_told_guest(life, told);
}

void causes_begin_guest(struct life *life)
{
  life->causes->hearers[GUEST].count = 0;
}

bool causes_heard(struct life *life, const struct message *reply)
{
  struct causes *causes = life->causes;
  int at = 0;
  while (at < causes->open_count && causes->open[at].tag != reply->tag)
    at++;
  if (at == causes->open_count)
    return false;
  struct told_event told = causes->open[at];
  witness_told(life, &told, reply);
  memmove(&causes->open[at], &causes->open[at + 1],
          (size_t)(--causes->open_count - at) * sizeof causes->open[0]);
  if (reply->as.reply.code == ERROR_OK) {
    life->report->acknowledged++;
    note_told(life, &told);
  } else if (reply->as.reply.code == ERROR_FULL || reply->as.reply.code == ERROR_BUSY) {
    sometimes("an event is refused");
  } else {
    blame("emit: %s", reply->as.reply.text);
  }
  return true;
}

bool causes_are_open(const struct life *life)
{
  return life->causes->open_count > 0;
}

bool causes_is_open(const struct life *life, int64_t number)
{
  const struct causes *causes = life->causes;
  for (int i = 0; i < causes->open_count; i++)
    if (causes->open[i].number == number)
      return true;
  return false;
}

void causes_resolve(struct life *life)
{
  struct causes *causes = life->causes;
  for (int i = 0; i < causes->open_count; i++) {
    const struct told_event *told = &causes->open[i];
    witness_told(life, told, NULL);
    if (has_come(life, causes->hearers[0].job, told->number)) { /* which is never paused */
      sometimes("an event without an answer has come");
      note_told(life, told);
    } else {
      sometimes("an event without an answer has not come");
    }
  }
  causes->open_count = 0;
  if (book_query(life_db(life), "SELECT count(*) FROM pending_events", 0, 0, 0))
    sometimes("events wait for their runs when the daemon dies");
}

/* ---- what clients told ---- */

static size_t place_of(const struct hearer *hearer, int64_t number)
{
  size_t low = 0, high = hearer->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (hearer->wanted[middle] < number)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == hearer->count || hearer->wanted[low] != number)
    blame("%s: hears of event %lld, which was refused or came while it was paused", hearer->job->id,
          (long long)number);
  return low;
}

/* Rows of what it belongs to and the event's number: those of one run follow each other. */
static const char taken[] = "SELECT r.scheduled_us, e.value ->> '$.n' FROM runs r,"
                            " json_each(r.events) e WHERE r.job = ? ORDER BY 1, e.key";
static const char waiting[] =
    "SELECT 0, event ->> '$.n' FROM pending_events WHERE job = ? ORDER BY number";

struct hearing {
  const struct hearer *hearer;
  bool *is_heard; /* of those wanted */
  size_t count;
};

/* Where the last one stands that it found. */
static size_t hear(struct life *life, struct hearing *hearing, const char *sql, int batch)
{
  const struct hearer *hearer = hearing->hearer;
  int64_t whole_us = INT64_MIN;
  size_t place = 0;
  int size = 0;
  sqlite3_stmt *row = book_ask(life_db(life), sql, hearer->job->number, 0);
  while (book_step(life_db(life), row)) {
    size_t before = place;
    place = place_of(hearer, sqlite3_column_int64(row, 1));
    size = sqlite3_column_int64(row, 0) == whole_us ? size + 1 : 1;
    whole_us = sqlite3_column_int64(row, 0);
    if (size > 1 && place != before + 1)
      blame("%s: event %lld does not stand behind the one before it", hearer->job->id,
            (long long)hearer->wanted[place]);
    if (hearing->is_heard[place])
      blame("%s: event %lld has come twice", hearer->job->id, (long long)hearer->wanted[place]);
    if (size > batch)
      blame("%s: a run has %d events", hearer->job->id, size);
    if (size > 1 && sql == taken)
      sometimes("a run takes several events at once");
    hearing->is_heard[place] = true;
    hearing->count++;
  }
  sqlite3_finalize(row);
  return place;
}

static void check_ping(struct life *life, int kind)
{
  const struct hearer *hearer = &life->causes->hearers[kind];
  struct hearing hearing = {hearer, memory_alloc(hearer->count + 1), 0};
  hear(life, &hearing, taken, kinds[kind].batch);
  size_t count = hearing.count, last = hear(life, &hearing, waiting, INT32_MAX);
  for (size_t i = 0; i < hearer->count; i++)
    if (!hearing.is_heard[i])
      blame("%s: event %lld was acknowledged, and is neither in a run nor in the queue",
            hearer->job->id, (long long)hearer->wanted[i]);
  if (hearing.count > count && last != hearer->count - 1)
    blame("%s: event %lld has overtaken one that waits", hearer->job->id,
          (long long)hearer->wanted[hearer->count - 1]);
  free(hearing.is_heard);
  int64_t skipped =
      book_query(life_db(life), "SELECT sum(count) FROM skips WHERE job = ? AND reason = ?",
                 hearer->job->number, SKIP_PAUSED, 0);
  if (skipped != hearer->skipped)
    blame("%s: %lld events came while it was paused, and %lld are recorded as skipped",
          hearer->job->id, (long long)hearer->skipped, (long long)skipped);
}

/* ---- what runs caused ---- */

static void read_causes(struct life *life, const struct hearer_kind *kind, struct names *names)
{
  sqlite3_stmt *row = book_ask(life_db(life), kind->sql, life_find(life, kind->after)->number, 0);
  while (book_step(life_db(life), row))
    names_add_run(names, kind->after, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1));
  sqlite3_finalize(row);
}

/* What it has heard of and what waits for it, with the attempts if they are told. */
static void read_effects(struct life *life, const struct hearer *hearer, bool of_attempts,
                         struct names *names)
{
  static const char sql[] =
      "SELECT e ->> '$.run' || iif(?2, ', attempt ' || (e ->> '$.attempt'), '') FROM"
      " (SELECT e.value e FROM runs r, json_each(r.events) e WHERE r.job = ?1 UNION ALL"
      "  SELECT event FROM pending_events WHERE job = ?1)";
  sqlite3_stmt *row = book_ask(life_db(life), sql, hearer->job->number, of_attempts);
  while (book_step(life_db(life), row))
    names_add(names, (const char *)sqlite3_column_text(row, 0));
  sqlite3_finalize(row);
}

static void check_after(struct life *life, int kind)
{
  const struct hearer *hearer = &life->causes->hearers[kind];
  struct names causes = {0}, effects = {0};
  read_causes(life, &kinds[kind], &causes);
  read_effects(life, hearer, strstr(kinds[kind].sql, "attempts") != NULL, &effects);
  names_compare(hearer->job->id, &causes, &effects);
}

void causes_check(struct life *life)
{
  for (int i = 0; i < ALL; i++)
    if (kinds[i].hears_ping && life->causes->hearers[i].job->is_there)
      check_ping(life, i);
    else if (!kinds[i].hears_ping)
      check_after(life, i);
}

void causes_check_all_done(struct life *life)
{
  causes_check(life);
  for (int i = 0; i < ALL; i++) {
    const struct booked *job = life->causes->hearers[i].job;
    int64_t left = book_query(life_db(life), "SELECT count(*) FROM pending_events WHERE job = ?",
                              job->number, 0, 0);
    if (left)
      blame("%s: %lld events wait for ever", job->id, (long long)left);
  }
}
