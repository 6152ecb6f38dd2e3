#include "sim/ear.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/ear_internal.h"
#include "sim/life_internal.h"

enum { WINDOW = 64 };

const struct ear_kind ear_kinds[EARS] = {
    {.script = "a",
     .name = "keeps",
     .events = "\"ping\",\"job_executed\",\"job_error\",\"job_cancelled\",\"job_interrupted\"",
     .is_durable = true,
     .hears_ends = true,
     .attempts = 8,
     .fails = 2},
    {.script = "a",
     .name = "breaks",
     .events = "\"ping\"",
     .is_durable = true,
     .attempts = 2,
     .fails = 40},
    {.script = "a", .name = "flits", .events = "\"ping\""},
    {.script = "b",
     .name = "visits",
     .events = "\"ping\",\"job_executed\"",
     .is_durable = true,
     .is_guest = true,
     .attempts = 8,
     .fails = 5},
};

struct ears *ears_create(struct life *life)
{
  struct ears *ears = memory_alloc(sizeof *ears);
  ears->life = life;
  return ears;
}

void ears_destroy(struct ears *ears)
{
  struct heard_event *event, *next;
  HASH_ITER(hh, ears->events, event, next) {
    HASH_DEL(ears->events, event);
    free(event->end);
    free(event);
  }
  for (int i = 0; i < EARS; i++)
    free(ears->ears[i].ids);
  free(ears->told);
  free(ears);
}

void ears_put(const char *script, struct buffer *out)
{
  const char *separator = "[";
  for (int i = 0; i < EARS; i++) {
    if (strcmp(ear_kinds[i].script, script) != 0)
      continue;
    buffer_printf(out, "%s{\"id\":%d,\"name\":\"%s\",\"events\":[%s]", separator, i + 1,
                  ear_kinds[i].name, ear_kinds[i].events);
    if (ear_kinds[i].is_durable)
      buffer_printf(out, ",\"durable\":true,\"attempts\":%d", ear_kinds[i].attempts);
    buffer_append_text(out, "}");
    separator = ",";
  }
  buffer_append_text(out, "]");
}

/* ---- what it is sent ---- */

sqlite3 *ears_db(const struct ears *ears)
{
  return life_db(ears->life);
}

int64_t ear_row(const struct ears *ears, int ear)
{
  sqlite3_stmt *row =
      book_ask(ears_db(ears), "SELECT number FROM listeners WHERE script = ?1 AND name = ?2", 0, 0);
  sqlite3_bind_text(row, 1, ear_kinds[ear].script, -1, SQLITE_STATIC);
  sqlite3_bind_text(row, 2, ear_kinds[ear].name, -1, SQLITE_STATIC);
  int64_t number = book_step(ears_db(ears), row) ? sqlite3_column_int64(row, 0) : 0;
  sqlite3_finalize(row);
  return number;
}

struct heard_event *ear_find_event(struct ears *ears, int ear, int64_t id)
{
  struct heard_event *event, key = {.key = {ear, id}};
  HASH_FIND(hh, ears->events, &key.key, sizeof key.key, event);
  return event;
}

/* Of a client's event: there is one letter of it, and this is it. */
static void note_id(struct ears *ears, int at, int64_t number, int64_t id)
{
  struct ear *ear = &ears->ears[at];
  if ((size_t)number >= ear->id_count) {
    size_t count = (size_t)number * 2;
    ear->ids = memory_resize(ear->ids, count * sizeof *ear->ids);
    memset(ear->ids + ear->id_count, 0, (count - ear->id_count) * sizeof *ear->ids);
    ear->id_count = count;
  }
  if (ear->ids[number] && ear->ids[number] != id)
    blame("listener %s: event %lld has become two letters", ear_kinds[at].name, (long long)number);
  ear->ids[number] = id;
}

void ear_note_content(struct ears *ears, int ear, int64_t id, const char *json)
{
  struct json_document *document;
  if (ear_find_event(ears, ear, id))
    return;
  if (json_parse(json, strlen(json), &document, NULL))
    blame("an event that cannot be read: %s", json);
  const struct json *root = json_root(document);
  int64_t number = json_integer(json_get(root, "n"), 0);
  struct heard_event *event = memory_alloc(sizeof *event);
  event->key.ear = ear;
  event->key.id = id;
  if (number)
    note_id(ears, ear, number, id);
  else if (!json_boolean(json_get(root, "will_retry"), true))
    event->end = memory_strdup(json_text(json_get(root, "run"), ""));
  HASH_ADD(hh, ears->events, key, sizeof event->key, event);
  json_free(document);
}

/* It stands in the store, and what stands before it was sent in this round. */
static void check_sent(const struct ears *ears, int at, const struct message *event)
{
  const struct ear *ear = &ears->ears[at];
  const char *name = ear_kinds[at].name;
  int64_t row = ear_row(ears, at), number = event->as.event.number;
  int64_t deliveries =
      book_query(ears_db(ears), "SELECT deliveries FROM letters WHERE listener = ? AND number = ?",
                 row, number, 0);
  if (!sqlite3_get_autocommit(ears_db(ears)))
    blame("listener %s: is sent an event before the commit", name);
  if (!row && ear_kinds[at].is_guest)
    return; /* it has gone in the same turn */
  if (!deliveries)
    blame("listener %s: is sent letter %lld, which is not in the store or not marked as sent", name,
          (long long)number);
  if (deliveries < event->as.event.delivery) /* more: a new version was sent it in the same turn */
    blame("listener %s: letter %lld is sent for the %dth time, and stored is %lld", name,
          (long long)number, event->as.event.delivery, (long long)deliveries);
  if (number <= ear->last_sent)
    blame("listener %s: is sent letter %lld behind %lld", name, (long long)number,
          (long long)ear->last_sent);
  sqlite3_stmt *between =
      book_ask(ears_db(ears),
               "SELECT number FROM letters WHERE listener = ?1 AND number > ?2 AND number < ?3",
               row, ear->last_sent);
  sqlite3_bind_int64(between, 3, number);
  if (book_step(ears_db(ears), between))
    blame("listener %s: letter %lld is passed over by %lld", name,
          (long long)sqlite3_column_int64(between, 0), (long long)number);
  sqlite3_finalize(between);
  if (ear->under_way > WINDOW)
    blame("listener %s: has %d events under way", name, ear->under_way);
}

static void begin_call(struct ears *ears, int ear);

void ears_take(struct ears *ears, const struct message *event)
{
  int at = (int)event->as.event.listener - 1;
  if (at < 0 || at >= EARS)
    blame("an event for listener %d, which there is not", at + 1);
  struct ear *ear = &ears->ears[at];
  if (event->as.event.generation < ear->generation)
    blame("listener %s: is sent an event in a state that another has replaced", ear_kinds[at].name);
  if (event->as.event.generation == ear->retired)
    blame("listener %s: is sent an event in a state that is closed", ear_kinds[at].name);
  if (event->as.event.generation > ear->generation || event->as.event.round > ear->round) {
    ear->is_busy &= event->as.event.generation == ear->generation;
    ear->generation = event->as.event.generation;
    ear->round = event->as.event.round;
    ear->last_sent = INT64_MIN;
    ear->under_way = ear->waiting_count = 0;
    ear->is_blocked = false;
  }
  ear->under_way++;
  if (ear_kinds[at].is_durable && !ears->life->is_unreadable)
    check_sent(ears, at, event);
  else if (event->as.event.number <= ear->last_sent)
    blame("listener %s: is sent event %lld behind %lld", ear_kinds[at].name,
          (long long)event->as.event.number, (long long)ear->last_sent);
  ear->last_sent = event->as.event.number;
  if (ear_kinds[at].is_durable) {
    ear_note_content(ears, at, (int64_t)event->as.event.id, event->as.event.json);
    if (ear_find_event(ears, at, (int64_t)event->as.event.id)->was_heard)
      sometimes("a listener is called again for what it has heard");
  }
  if (ear->is_blocked)
    return;
  if (ear->waiting_count == WAITING_MAX)
    blame("listener %s: is sent more than it can take", ear_kinds[at].name);
  ear->waiting[ear->waiting_count++] =
      (struct letter){event->as.event.number, (int64_t)event->as.event.id};
  begin_call(ears, at);
}

void ears_retire(struct ears *ears, uint64_t generation)
{
  for (int i = 0; i < EARS; i++) {
    struct ear *ear = &ears->ears[i];
    if (ear->generation != generation)
      continue;
    ear->retired = generation;
    if (ear_kinds[i].is_durable)
      ear->waiting_count = 0; /* the version that comes hears of them */
  }
}

void ears_forget(struct ears *ears)
{
  ears->era++;
  for (int i = 0; i < EARS; i++) {
    struct ear *ear = &ears->ears[i];
    if (ear->is_busy)
      sometimes("a listener is at work when the daemon dies");
    ear->generation = ear->round = ear->retired = 0;
    ear->waiting_count = 0;
    ear->is_busy = false;
  }
}

/* ---- what it makes of it ---- */

static void end_call(void *context, struct sim *sim);

static struct letter pop_letter(struct ear *ear)
{
  struct letter letter = ear->waiting[0];
  memmove(ear->waiting, ear->waiting + 1, (size_t)--ear->waiting_count * sizeof ear->waiting[0]);
  return letter;
}

static void begin_call(struct ears *ears, int at)
{
  struct ear *ear = &ears->ears[at];
  struct ear_call *call = ears->calls;
  struct draw *draw = &ears->life->draw;
  if (ear->is_busy || ear->waiting_count == 0)
    return;
  while (call->is_used)
    if (++call == ears->calls + CALLS_MAX)
      blame("listeners begin more calls than this book has room for");
  ear->is_busy = true;
  *call = (struct ear_call){.ears = ears,
                            .is_used = true,
                            .ear = at,
                            .era = ears->era,
                            .generation = ear->generation,
                            .round = ear->round,
                            .letter = pop_letter(ear)};
  bool is_slow = !ears->life->is_calm && draw_chance(draw, 5);
  sim_call_later(ears->life->sim, draw_below(draw, is_slow ? 30 * SECOND : SECOND / 20), end_call,
                 call);
}

static bool fails(struct ears *ears, int at)
{
  return !ears->life->is_calm && draw_chance(&ears->life->draw, ear_kinds[at].fails);
}

/* Adds to what is reported; false when it has failed. */
static bool hear(struct ears *ears, int at, const struct letter *letter, struct message *report)
{
  struct heard_event *event = ear_find_event(ears, at, letter->id);
  bool is_good = !fails(ears, at);
  if (is_good) {
    report->as.heard.heard++;
    report->as.heard.heard_number = letter->number;
    if (event && event->was_dead)
      sometimes("a listener hears of an event that was given up");
    if (event)
      event->was_heard = true;
    return true;
  }
  sometimes("a listener fails");
  report->as.heard.failed++;
  report->as.heard.error = memory_strdup("it fails");
  if (!event)
    return true;
  event->failures++;
  report->as.heard.failed_number = letter->number;
  return false;
}

static void end_call(void *context, struct sim *sim)
{
  struct ear_call *call = context;
  struct ears *ears = call->ears;
  struct ear *ear = &ears->ears[call->ear];
  call->is_used = false;
  if (call->era != ears->era)
    return;
  struct message *m = message_create(MESSAGE_HEARD, ADDRESS_WORKER, ADDRESS_SCHEDULER);
  m->as.heard.generation = call->generation;
  m->as.heard.listener = call->ear + 1;
  m->as.heard.round = call->round;
  bool is_good = hear(ears, call->ear, &call->letter, m);
  if (call->generation == ear->generation) {
    while (is_good && call->round == ear->round && !m->as.heard.error && ear->waiting_count > 0 &&
           draw_chance(&ears->life->draw, 50)) {
      struct letter letter = pop_letter(ear);
      is_good = hear(ears, call->ear, &letter, m);
    }
    ear->is_busy = false;
    if (call->round == ear->round) {
      ear->under_way -= (int)(m->as.heard.heard + m->as.heard.failed);
      ear->is_blocked = !is_good;
    }
    if (ear->is_blocked)
      ear->waiting_count = 0;
    begin_call(ears, call->ear);
  }
  sim_tell(sim, m);
}
