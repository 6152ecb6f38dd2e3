/* Triggers in Lua: after each fire the script's worker is asked for the next one. The question goes
 * out with the commit that has moved the job on, and the answer is a progress like any other, in
 * the store before it counts. Until then the job is active with no due time; a start and each new
 * version of the script ask again, so no question is lost with who was to answer it. What a turn
 * that is taken back had asked is asked again, too: of two answers the one to the later question
 * counts.
 *
 * A due time that has come and waits for its turn stands: the question follows when it is
 * decided. */
#include "sched/ask.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "sched/decided.h"
#include "sched/event.h"
#include "sched/near.h"
#include "sched/script.h"
#include "sched/topic.h"
#include "time/instant.h"

static void send_question(struct sched *s, const struct entry *entry)
{
  const char *script_name, *name;
  trigger_asks_lua(entry->job->trigger, &script_name, &name);
  const struct script_entry *script = script_find(s, script_name);
  if (!script || !script->generation || script->loading)
    return; /* ask_again() follows */
  struct message *m = message_create(MESSAGE_ASK, ADDRESS_SCHEDULER, script->worker);
  m->as.ask.generation = script->generation;
  m->as.ask.number = ++s->last_question;
  m->as.ask.name = memory_strdup(name);
  m->as.ask.job = entry->job->number;
  m->as.ask.previous_us = decided_last(s, entry);
  m->as.ask.now_us = s->now_us;
  message_list_append(s->out, m);
}

void ask_next(struct sched *s, const struct entry *entry)
{
  const char *script, *name;
  if (entry->progress.state == JOB_ACTIVE && entry->progress.next_us == JOB_NEVER &&
      trigger_asks_lua(entry->job->trigger, &script, &name))
    send_question(s, entry);
}

void ask_again(struct sched *s, const struct script_entry *script, bool all)
{
  struct buffer key = {0};
  struct json_writer writer = {.out = &key};
  json_begin_object(&writer);
  json_put_text(&writer, "kind", "lua");
  json_put_text(&writer, "script", script->script.name);
  json_end_object(&writer);
  const struct topic *topic = topic_find(s, key.data);
  topic_each(job, topic) {
    const struct entry *entry = near_get(s, job, NULL);
    if (entry && !entry->removed && entry->progress.state == JOB_ACTIVE &&
        (all ? entry->progress.next_us > s->now_us : entry->progress.next_us == JOB_NEVER))
      send_question(s, entry);
  }
  buffer_deinit(&key);
}

static bool is_in_force(struct sched *s, const struct job *job, uint64_t generation)
{
  const char *script_name, *name;
  if (!trigger_asks_lua(job->trigger, &script_name, &name))
    return false; /* it has another trigger now */
  const struct script_entry *script = script_find(s, script_name);
  return script && script->generation == generation;
}

/* What is wrong with the answer; NULL: nothing. */
static char *find_fault(const struct entry *entry, const struct message *message)
{
  const char *script, *name;
  char text[INSTANT_TEXT_SIZE];
  int64_t next_us = message->as.answer.next_us;
  trigger_asks_lua(entry->job->trigger, &script, &name);
  if (message->as.answer.error)
    return memory_printf("its trigger \"%s\": %s", name, message->as.answer.error);
  if (next_us >= message->as.answer.now_us && next_us > message->as.answer.previous_us)
    return NULL;
  instant_format(text, next_us);
  return memory_printf("its trigger \"%s\" answered with %s, which is past", name, text);
}

void ask_answered(struct sched *s, const struct message *message)
{
  struct entry *entry = near_get(s, message->as.answer.job, NULL);
  if (!entry || entry->removed || entry->progress.state != JOB_ACTIVE ||
      !is_in_force(s, entry->job, message->as.answer.generation))
    return;
  struct job_progress *progress = &entry->progress;
  if (progress->next_us <= s->now_us || message->as.answer.number < entry->answered)
    return;
  if (message->as.answer.previous_us != decided_last(s, entry)) {
    ask_next(s, entry); /* it was due meanwhile */
    return;
  }
  entry->answered = message->as.answer.number;
  char *fault = find_fault(entry, message);
  if (fault) {
    log_error("%s: %s", entry->job->id, fault);
    free(progress->error);
    progress->error = fault;
    progress->state = JOB_ERROR;
    event_job(s, "job_modified", entry);
  } else {
    progress->next_us = message->as.answer.next_us;
    if (progress->next_us == JOB_NEVER)
      progress->state = JOB_FINISHED;
  }
  near_changed(s, entry);
}
