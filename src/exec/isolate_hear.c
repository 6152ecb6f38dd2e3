/* What isolated processes say, each word of which is a stranger's: a script may have got at the
 * pipe by way of /proc, or memory may be broken. So what names a run, a script or a time is
 * replaced by what is known here, and what is left is checked before it is passed on.
 *
 * Questions to the scheduler get a number of this worker's on their way, by which the answers find
 * back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/isolate_internal.h"
#include "time/duration.h"

enum { RUNS_MAX = 1000 }; /* of one process: what a library leaks does not add up */

static void take_loaded(struct process *process, const struct message *loaded)
{
  if (process->phase != LOADING)
    return;
  if (loaded->as.loaded.code == ERROR_OK) {
    isolate_begin_run(process);
    isolate_prepare(process->isolate);
    return;
  }
  char *why = memory_printf("in the isolated process the script does not load: %s",
                            loaded->as.loaded.text ? loaded->as.loaded.text : "?");
  isolate_end_run(process, RUN_FAILED, text_abridge(why, CALL_ERROR_MAX));
  isolate_dismiss(process);
}

static bool is_json(const char *text)
{
  struct json_document *document;
  if (json_parse(text, strlen(text), &document, NULL) != ERROR_OK)
    return false;
  json_free(document);
  return true;
}

static bool is_sound(const struct message *finished)
{
  const struct run_answer *answer = &finished->as.finished.answer;
  const struct run_usage *usage = &finished->as.finished.usage;
  enum run_state state = finished->as.finished.state;
  if (answer->verdict > VERDICT_GIVE_UP || answer->delay_us < -1 ||
      answer->delay_us > DURATION_MAX_US || usage->slices < 0 || usage->cpu_us < 0 ||
      usage->memory_bytes < 0 || usage->commands_cpu_us < 0 || usage->commands_memory_bytes < 0)
    return false;
  if (state == RUN_PENDING)
    return answer->verdict == VERDICT_SNOOZE && answer->delay_us >= 0;
  return state >= RUN_SUCCEEDED && state <= RUN_INTERRUPTED;
}

/* A finish as the scheduler may believe it. */
static void correct(struct message *finished)
{
  int64_t now_us = clock_wall_us();
  int64_t *ended_us = &finished->as.finished.finished_us;
  if (*ended_us <= 0 || *ended_us > now_us)
    *ended_us = now_us;
  if (finished->as.finished.started_us <= 0 || finished->as.finished.started_us > *ended_us)
    finished->as.finished.started_us = *ended_us;
  finished->as.finished.error = text_abridge(finished->as.finished.error, CALL_ERROR_MAX);
  if (is_sound(finished) &&
      (!finished->as.finished.result || is_json(finished->as.finished.result)))
    return;
  free(finished->as.finished.result);
  free(finished->as.finished.error);
  finished->as.finished.result = NULL;
  finished->as.finished.state = RUN_FAILED;
  finished->as.finished.answer = (struct run_answer){0};
  finished->as.finished.usage = (struct run_usage){0};
  finished->as.finished.error =
      memory_strdup("the isolated process ended the run with what cannot be understood");
}

/* Takes the message. */
static void take_finished(struct process *process, struct message *finished)
{
  correct(finished);
  bool is_good = finished->as.finished.state == RUN_SUCCEEDED && !process->is_stale &&
                 !process->is_cancelled && !process->late && ++process->runs < RUNS_MAX;
  finished->as.finished.attempt = process->run->as.run.attempt;
  worker_post(process->isolate->worker, finished);
  message_destroy(process->run);
  process->run = NULL;
  if (is_good)
    isolate_rest(process);
  else
    isolate_dismiss(process);
  isolate_start_waiting(process->isolate);
}

/* The run, or nobody but the process while it loads. What a load has locked it gives back when it
 * is over, of which one may hear when the run has begun. */
static struct attempt asker_of(struct process *process, const char *op)
{
  bool is_load = process->phase == LOADING || strcmp(op, "unlock_all") == 0;
  if (is_load && strcmp(op, "lock") == 0)
    process->has_locked = true;
  if (is_load)
    return (struct attempt){0};
  return process->run->as.run.attempt;
}

/* Takes the request. */
static void relay_request(struct process *process, struct message *request)
{
  struct isolate *isolate = process->isolate;
  if (!request->as.request.op || strcmp(request->as.request.op, "listen") == 0) {
    struct error error;
    error_set(&error, ERROR_USAGE,
              "an isolated run cannot add listeners: they would end with its process");
    struct message *reply = message_reply_error(request, &error);
    cell_send(process->cell, reply);
    message_destroy(reply);
    message_destroy(request);
    return;
  }
  struct question *question = memory_alloc(sizeof *question);
  question->process = process;
  question->its_tag = request->tag;
  question->tag = request->tag = ++isolate->worker->host->last_number;
  HASH_ADD(hh, isolate->questions, tag, sizeof question->tag, question);
  free(request->as.request.script);
  request->as.request.script = memory_strdup(process->source->load->as.load.script);
  request->as.request.generation = process->source->load->as.load.generation;
  request->as.request.attempt = asker_of(process, request->as.request.op);
  request->as.request.call = process->call;
  worker_post(isolate->worker, request);
}

void isolate_hear(void *context, struct message *message)
{
  struct process *process = context;
  struct worker *worker = process->isolate->worker;
  bool is_running = process->phase == RUNNING;
  if (is_running)
    isolate_note_life(process);
  if (!message)
    return;
  message->from = worker->options.address;
  message->to = ADDRESS_SCHEDULER;
  switch (message->kind) {
  case MESSAGE_LOADED:
    take_loaded(process, message);
    break;
  case MESSAGE_REQUEST:
    if (!is_running && process->phase != LOADING)
      break;
    relay_request(process, message);
    return;
  case MESSAGE_STARTED:
    if (!is_running)
      break;
    process->is_announced = true;
    message->as.started.attempt = process->run->as.run.attempt;
    message->as.started.at_us = clock_wall_us();
    worker_post(worker, message);
    return;
  case MESSAGE_LOG:
    if (!is_running || !message->as.log.text || message->as.log.level < LOG_DEBUG ||
        message->as.log.level >= LOG_OFF)
      break;
    message->as.log.attempt = process->run->as.run.attempt;
    message->as.log.at_us = clock_wall_us();
    worker_post(worker, message);
    return;
  case MESSAGE_PROGRESS:
    if (!is_running || !(message->as.progress.done >= 0 && message->as.progress.total >= 0) ||
        isinf(message->as.progress.done) || isinf(message->as.progress.total))
      break;
    message->as.progress.attempt = process->run->as.run.attempt;
    worker_post(worker, message);
    return;
  case MESSAGE_TOLD:
    if (!is_running || process->run->as.run.soft_timeout_us <= 0 ||
        message->as.told.reason != TOLD_SOFT_TIMEOUT)
      break;
    message->as.told.attempt = process->run->as.run.attempt;
    worker_post(worker, message);
    return;
  case MESSAGE_FINISHED:
    if (!is_running)
      break;
    take_finished(process, message);
    return;
  default: /* not for a process to say */
    break;
  }
  message_destroy(message);
}

void isolate_forget_questions(struct process *process)
{
  struct question *question, *next;
  HASH_ITER(hh, process->isolate->questions, question, next)
    if (question->process == process) {
      HASH_DEL(process->isolate->questions, question);
      free(question);
    }
}

bool isolate_take_reply(struct isolate *isolate, struct message *reply)
{
  struct question *question;
  HASH_FIND(hh, isolate->questions, &reply->tag, sizeof reply->tag, question);
  if (!question)
    return false;
  HASH_DEL(isolate->questions, question);
  reply->tag = question->its_tag;
  cell_send(question->process->cell, reply);
  free(question);
  message_destroy(reply);
  return true;
}
