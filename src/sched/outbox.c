/* The events of durable listeners. They are rows from the transaction of their cause until the
 * listener's state has acknowledged them. At most LISTENER_WINDOW of them are under way at a time;
 * in the usual case a row is sent when it is written, and read again only after a failure, a reload
 * or a start.
 *
 * A listener hears of its events in their order: one that fails is tried again, later and later,
 * before the next, and set aside after so many times. */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/event.h"
#include "sched/turn.h"

#define RETRY_FIRST_US INT64_C(1000000)
#define RETRY_MOST_US  (60 * INT64_C(1000000))

static bool may_send(const struct sched *s, const struct listener *l)
{
  /* Farther off than it was ever put: the clock was set back. */
  bool is_due = l->state.retry_us <= s->now_us || l->state.retry_us > s->now_us + RETRY_MOST_US;
  return l->generation && !s->stopping && is_due && l->state.in_flight < LISTENER_WINDOW;
}

/* About a listener's trouble: never told because of an event that is itself about such. */
static void tell_trouble(struct sched *s, const char *name, const struct listener *l,
                         const char *cause, const char *error)
{
  static const char about[] = "scheduler_listener_";
  if (strncmp(cause, about, sizeof about - 1) == 0 || !event_wanted(s, name, EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, name);
  json_put_text(&writer, "script", l->script);
  json_put_text(&writer, "listener", l->spec->name);
  json_put_text(&writer, "about", cause);
  json_put_integer(&writer, "waiting", l->state.waiting);
  json_put_integer(&writer, "dead", l->state.dead);
  json_put_text(&writer, "error", error);
  event_end(s, &out, &writer, name, EVENT_RARE);
}

/* ---- in ---- */

void outbox_add(struct sched *s, struct listener *l, uint64_t id, const char *name,
                const char *json)
{
  struct error error;
  if (l->state.waiting >= LISTENER_WAITING_MAX) {
    bool is_new = !l->state.was_full;
    l->state.dropped++;
    l->state.was_full = true;
    if (is_new) {
      log_error("listener %s/%s: %d events wait for it, more are dropped", l->script, l->spec->name,
                LISTENER_WAITING_MAX);
      tell_trouble(s, "scheduler_listener_full", l, name, "more events wait than are kept");
    }
    return;
  }
  bool at_once = may_send(s, l) && l->state.sent_number == l->state.last_number;
  struct stored_letter letter = {.listener = l->number,
                                 .number = (int64_t)id,
                                 .id = (int64_t)id,
                                 .deliveries = at_once,
                                 .name = name,
                                 .event = json};
  if (sched_failed(s, store_add_letter(s->store, &letter, &error), &error))
    return;
  l->state.waiting++;
  l->state.last_number = (int64_t)id;
  if (at_once) {
    l->state.sent_number = (int64_t)id;
    listener_send(s, l, (int64_t)id, id, 1, name, json);
  }
}

/* ---- out ---- */

struct sending {
  struct sched *s;
  struct listener *listener;
};

static bool send_letter(void *context, const struct stored_letter *letter)
{
  struct sending *sending = context;
  struct listener *l = sending->listener;
  listener_send(sending->s, l, letter->number, (uint64_t)letter->id, letter->deliveries + 1,
                letter->name, letter->event);
  l->state.sent_number = letter->number;
  return l->state.in_flight < LISTENER_WINDOW;
}

void outbox_pump(struct sched *s, struct listener *l)
{
  struct error error;
  if (l->state.sent_number >= l->state.last_number || !may_send(s, l) ||
      l->state.in_flight > LISTENER_WINDOW / 2)
    return;
  listener_touch(s, l);
  struct sending sending = {s, l};
  int64_t from = l->state.sent_number;
  l->state.retry_us = 0;
  if (sched_failed(s, store_each_letter(s->store, l->number, from, send_letter, &sending, &error),
                   &error))
    return;
  if (l->state.sent_number == from)
    l->state.sent_number = l->state.last_number; /* all are gone */
  else
    sched_failed(s, store_sent_letters(s->store, l->number, from, l->state.sent_number, &error),
                 &error);
}

/* ---- heard ---- */

static void set_aside(struct sched *s, struct listener *l, int64_t number, const char *text)
{
  struct error error;
  int64_t removed = 0;
  char *name = NULL;
  if (sched_failed(s,
                   store_bury_letter(s->store, l->number, number, s->now_us, text, &name, &error),
                   &error))
    return;
  l->state.waiting--;
  l->state.dead++;
  l->state.sent_number = number;
  tell_trouble(s, "scheduler_listener_failed", l, name ? name : "", text);
  bool is_full = l->state.dead > LISTENER_DEAD_MAX;
  if (is_full &&
      !sched_failed(s, store_trim_dead(s->store, l->number, LISTENER_DEAD_MAX, &removed, &error),
                    &error)) {
    l->state.dead -= removed;
    l->state.dropped += removed;
    if (!l->state.was_full)
      tell_trouble(s, "scheduler_listener_full", l, name ? name : "",
                   "more events were given up than are kept");
    l->state.was_full = true;
  }
  free(name);
}

static int64_t retry_delay(int64_t failures)
{
  int64_t delay_us = RETRY_FIRST_US;
  while (--failures > 0 && delay_us < RETRY_MOST_US)
    delay_us *= 2;
  return delay_us < RETRY_MOST_US ? delay_us : RETRY_MOST_US;
}

/* What was sent behind it is dropped by the worker, and sent anew. */
static void try_again(struct sched *s, struct listener *l, const struct message *message)
{
  int64_t number = message->as.heard.failed_number, failures = 0;
  struct error error;
  l->state.in_flight = 0;
  l->state.round++;
  if (sched_failed(s, store_fail_letter(s->store, l->number, number, &failures, &error), &error))
    return;
  l->state.sent_number = number - 1;
  if (failures >= l->spec->attempts)
    set_aside(s, l, number, message->as.heard.error);
  else
    l->state.retry_us = s->now_us + retry_delay(failures);
}

void outbox_heard(struct sched *s, struct listener *l, const struct message *message)
{
  struct error error;
  int64_t heard = message->as.heard.heard;
  if (heard &&
      sched_failed(
          s, store_remove_letters(s->store, l->number, message->as.heard.heard_number, &error),
          &error))
    return;
  l->state.waiting -= heard;
  if (message->as.heard.failed_number)
    try_again(s, l, message);
  if (l->state.waiting < LISTENER_WAITING_MAX / 2 && l->state.dead < LISTENER_DEAD_MAX)
    l->state.was_full = false;
}

enum error_code outbox_revive(struct sched *s, struct listener *l, int64_t *count,
                              struct error *error)
{
  int64_t first = (int64_t)s->listeners.next_id;
  enum error_code code = store_revive_letters(s->store, l->number, first, count, error);
  if (code)
    return code;
  listener_touch(s, l);
  s->listeners.next_id += (uint64_t)*count;
  l->state.dead -= *count;
  l->state.waiting += *count;
  if (*count)
    l->state.last_number = first + *count - 1;
  l->state.retry_us = 0;
  return ERROR_OK;
}
