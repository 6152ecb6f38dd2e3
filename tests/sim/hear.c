/* What the scheduler says: each word is noted by the books that it concerns, and answered where
 * nobody else does. All of it is in the hash of the life. */
#include "sim/life_internal.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "time/instant.h"
#include "time/zone.h"

static void mix(struct life *life, const void *bytes, size_t size)
{
  for (size_t i = 0; i < size; i++)
    life->report->hash = (life->report->hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
}

void life_mix(struct life *life, int64_t number)
{
  mix(life, &number, sizeof number);
}

static bool take_run(struct life *life, const struct message *run)
{
  const struct booked *job = life_find(life, run->as.run.job_id);
  if (!job || guest_find(life, job->id)) { /* one that is new may be due at once */
    guest_look(life);
    job = life_find(life, run->as.run.job_id);
  }
  life->report->runs++;
  worker_remember(life, &run->as.run.attempt);
  life_mix(life, run->as.run.attempt.key.scheduled_us);
  life_mix(life, run->as.run.attempt.key.job);
  life_mix(life, run->as.run.attempt.fence);
  struct buffer id = {0};
  run_format_id(&id, run->as.run.job_id, run->as.run.attempt.key.scheduled_us);
  /* Which of several jobs with one id a run was of is not for the checker to know. */
  if (!guest_find(life, run->as.run.job_id))
    witness_ran(life->witness, id.data, run->as.run.attempt.number, sim_now_us(life->sim));
  buffer_deinit(&id);
  bool is_being_added =
      life->doubt.kind == DOUBT_ADD && strcmp(life->doubt.added.id, run->as.run.job_id) == 0;
  if (!job && !is_being_added)
    blame("%s: a run is sent, and the job was removed", run->as.run.job_id);
  if (job && job->is_declared && job->number != run->as.run.attempt.key.job)
    blame("%s: a run is sent of the job that was there before", job->id);
  if (job && job->number == run->as.run.attempt.key.job)
    book_sent(life->book, life_db(life), job, run, sim_now_us(life->sim));
  course_sent(life, run, job ? job->options : life->doubt.added.options);
  return false;
}

static void answer_load(struct life *life, const struct message *load)
{
  struct message *m = message_create(MESSAGE_LOADED, load->to, ADDRESS_SCHEDULER);
  m->as.loaded.generation = load->as.load.generation;
  m->as.loaded.text = memory_copy(load->as.load.text, load->as.load.size);
  if (load->as.load.text[0] != '{')
    m->as.loaded.code = ERROR_SCRIPT;
  if (life->is_calm || draw_chance(&life->draw, 60)) {
    sim_tell(life->sim, m);
  } else {
    sometimes("a script takes long to load");
    int64_t lasts_us = draw_below(&life->draw, 5 * SECOND);
    reason_load(life, load->as.load.script, lasts_us);
    sim_tell_later(life->sim, lasts_us, m);
  }
}

/* What came back with its file has the id of one whose runs may still end; after the clock was set
 * back, also one of the same time. */
static bool is_its_run(struct life *life, const struct booked *job, int64_t scheduled_us)
{
  static const char sql[] = "SELECT 1 FROM runs WHERE scheduled_us = ?1 AND job = ?2 AND NOT EXISTS"
                            " (SELECT 1 FROM runs WHERE scheduled_us = ?1"
                            "  AND job NOT IN (SELECT number FROM jobs))";
  return book_query(life_db(life), sql, scheduled_us, job->number, 0) != 0;
}

/* A daemon is ready when it has read all files as they were when it began. */
static void note_read(struct life *life, const struct message *event)
{
  if (!life->unread)
    return;
  life->unread &= strstr(event->as.event.json, "\"script\":\"a\"") ? ~UNREAD_OWN : ~UNREAD_GUEST;
  if (!life->unread)
    witness_daemon(life->witness, "ready", sim_now_us(life->sim));
}

static void take_event(struct life *life, const struct message *event)
{
  struct json_document *document;
  const struct zone *utc;
  const char *name = event->as.event.name;
  bool is_end = strcmp(name, "job_executed") == 0 || strcmp(name, "job_error") == 0 ||
                strcmp(name, "job_cancelled") == 0;
  bool is_notice = strcmp(name, "job_cancelling") == 0;
  if (strcmp(name, "script_loaded") == 0 || strcmp(name, "script_failed") == 0)
    note_read(life, event);
  if (!is_end && !is_notice)
    return;
  const char *json = event->as.event.json;
  if (json_parse(json, strlen(json), &document, NULL) || zone_find("UTC", &utc, NULL))
    blame("an event that cannot be read: %s", json);
  const struct json *root = json_root(document);
  if (is_notice) {
    notice_heard(life, root);
    json_free(document);
    return;
  }
  const struct booked *job = life_find(life, json_text(json_get(root, "job"), ""));
  int state = run_state_from_name(json_text(json_get(root, "state"), ""));
  int64_t scheduled_us;
  if (job && !json_boolean(json_get(root, "will_retry"), false) &&
      !instant_parse(json_text(json_get(root, "scheduled_at"), ""), utc, &scheduled_us, NULL) &&
      (!guest_find(life, job->id) || is_its_run(life, job, scheduled_us)))
    book_ended(life->book, job, scheduled_us, state);
  json_free(document);
}

/* For --tell: what a person wants to see of a message. */
static void show(struct life *life, const struct message *message)
{
  char due[INSTANT_TEXT_SIZE];
  const struct attempt *attempt = &message->as.run.attempt;
  switch (message->kind) {
  case MESSAGE_RUN:
  case MESSAGE_CANCEL:
    instant_format(due, attempt->key.scheduled_us);
    life_say(life, "  %s %lld@%s, attempt %d, fence %lld",
             message->kind == MESSAGE_RUN ? "run" : "cancel", (long long)attempt->key.job, due,
             attempt->number, (long long)attempt->fence);
    break;
  case MESSAGE_EVENT:
    life_say(life, "  event %s", message->as.event.json);
    break;
  default:
    break;
  }
}

bool life_hear(void *context, struct sim *sim, struct message *message)
{
  struct life *life = context;
  show(life, message);
  if (life->lose_after == 0) {
    message_destroy(message);
    return true;
  }
  if (life->lose_after > 0)
    life->lose_after--;
  life_mix(life, sim_now_us(sim));
  life_mix(life, message->kind);
  life_mix(life, message->to);
  switch (message->kind) {
  case MESSAGE_RUN:
    return take_run(life, message);
  case MESSAGE_CANCEL:
    course_told(life, message);
    notice_sent(life, message);
    return false;
  case MESSAGE_REPLY:
    life_mix(life, message->as.reply.code);
    mix(life, message->as.reply.text, strlen(message->as.reply.text));
    if (causes_heard(life, message) || hold_heard(life, message))
      break;
    message_list_append(&life->replies, message);
    return true;
  case MESSAGE_LOAD:
    answer_load(life, message);
    break;
  case MESSAGE_ASK:
    tide_asked(life, message);
    break;
  case MESSAGE_EVENT:
    life_mix(life, message->as.event.number);
    if (message->to == ADDRESS_FRONT)
      take_event(life, message);
    else
      ears_take(life->ears, message);
    break;
  case MESSAGE_RETIRE:
    ears_retire(life->ears, message->as.retire.generation);
    break;
  default:
    return false;
  }
  message_destroy(message);
  return true;
}
