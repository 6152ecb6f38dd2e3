/* Who waits for a load: those who have sent a source, until it is loaded, and those who have had
 * the folder read again, until all of it is. What a turn has taken goes when that is taken back,
 * and the script is as it was before. */
#include "sched/script.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "sched/view.h"

static struct script_wait *add_wait(struct sched *s, struct script_entry *script,
                                    struct message *request)
{
  struct script_wait *wait = memory_alloc(sizeof *wait);
  wait->script = script;
  wait->request = request;
  wait->fresh = true;
  DL_APPEND(s->script_waits, wait);
  return wait;
}

static void drop_wait(struct sched *s, struct script_wait *wait)
{
  DL_DELETE(s->script_waits, wait);
  message_destroy(wait->request);
  free(wait->before.source);
  free(wait);
}

void script_waits_forget(struct sched *s, const struct script_entry *script)
{
  for (struct script_wait *wait = s->script_waits, *after; wait; wait = after) {
    after = wait->next;
    if (wait->script == script)
      drop_wait(s, wait);
  }
}

void script_waits_forget_all(struct sched *s)
{
  while (s->script_waits)
    drop_wait(s, s->script_waits);
}

void script_waits_commit(struct sched *s)
{
  for (struct script_wait *wait = s->script_waits; wait; wait = wait->next)
    wait->fresh = false;
}

/* ---- a source ---- */

void script_load_for(struct sched *s, struct script_entry *script, const char *source, size_t size,
                     struct message *request)
{
  struct script_wait *wait = add_wait(s, script, request);
  wait->before = (struct script_before){.loading = script->loading,
                                        .fallback = script->fallback,
                                        .moving = script->moving,
                                        .is_same_source = script->is_same_source,
                                        .awaits = script->awaits,
                                        .tried = script->tried,
                                        .source = script->source,
                                        .source_size = script->source_size};
  memcpy(wait->before.version, script->version, sizeof script->version);
  script->source = NULL;
  script_load(s, script, source, size);
}

void script_answer_waiting(struct sched *s, struct script_entry *script, const char *failure)
{
  for (struct script_wait *wait = s->script_waits, *after; wait; wait = after) {
    after = wait->next;
    if (wait->script != script)
      continue;
    struct error error;
    struct buffer out = {0};
    struct json_writer writer = {.out = &out};
    if (failure) {
      error_set(&error, ERROR_SCRIPT, "%s", failure);
      message_list_append(s->out, message_reply_error(wait->request, &error));
    } else {
      view_script(&writer, script);
      message_list_append(s->out, message_reply(wait->request, buffer_take(&out)));
    }
    drop_wait(s, wait);
  }
}

/* What was to be loaded was not sent. */
static void put_back(struct script_entry *script, struct script_before *before)
{
  free(script->source);
  script->loading = before->loading;
  script->fallback = before->fallback;
  script->moving = before->moving;
  script->is_same_source = before->is_same_source;
  script->awaits = before->awaits;
  script->tried = before->tried;
  script->source = before->source;
  script->source_size = before->source_size;
  memcpy(script->version, before->version, sizeof script->version);
  before->source = NULL;
}

/* Those that were taken in this turn are the last. */
void script_waits_undo(struct sched *s)
{
  struct script_wait *wait;
  while (s->script_waits && (wait = s->script_waits->prev)->fresh) {
    if (wait->script)
      put_back(wait->script, &wait->before);
    drop_wait(s, wait);
  }
}

/* ---- the folder ---- */

void script_reload(struct sched *s, struct message *request)
{
  struct script_wait *wait = add_wait(s, NULL, request);
  struct message *rescan = message_create(MESSAGE_RESCAN, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  rescan->tag = wait->tag = ++s->next_reload;
  message_list_append(s->out, rescan);
}

bool script_waits_scanned(struct sched *s, uint64_t tag)
{
  bool is_asked = false;
  for (struct script_wait *wait = s->script_waits; wait; wait = wait->next)
    if (!wait->script && wait->tag == tag)
      is_asked = wait->scanned = true;
  return is_asked;
}

static bool any_loading(const struct sched *s)
{
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    if (script->loading)
      return true;
  return false;
}

static void answer_reload(struct sched *s, const struct message *request)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  json_key(&writer, "scripts");
  json_begin_array(&writer);
  for (const struct script_entry *script = s->scripts; script; script = script->hh.next)
    view_script(&writer, script);
  json_end_array(&writer);
  json_end_object(&writer);
  message_list_append(s->out, message_reply(request, buffer_take(&out)));
}

void script_answer_reloads(struct sched *s)
{
  if (!s->script_waits || any_loading(s))
    return;
  for (struct script_wait *wait = s->script_waits, *after; wait; wait = after) {
    after = wait->next;
    if (!wait->scanned)
      continue;
    answer_reload(s, wait->request);
    drop_wait(s, wait);
  }
}
