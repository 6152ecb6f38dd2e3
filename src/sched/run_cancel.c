/* What an open run is told by those who do not want it to go on: who cancels it, its job's next
 * run, a stop, its soft time-out. It is told, and is killed when that does not help, or killed at
 * once; its end comes as any other, by its worker. One whose worker cannot hear ends here. */
#include "sched/run.h"

#include "base/log.h"
#include "sched/finish.h"
#include "sched/stuck.h"
#include "sched/turn.h"

bool run_is_cancelled(const struct open_run *run)
{
  return run->told == TOLD_CANCELLED || run->told == TOLD_OVERLAP;
}

enum run_state run_becomes(const struct open_run *run)
{
  return run_is_cancelled(run) ? RUN_CANCELLED : RUN_INTERRUPTED;
}

const char *run_cancel_cause(const struct open_run *run)
{
  if (run->told == TOLD_OVERLAP)
    return run->killed ? "killed, as another run of the job was due"
                       : "cancelled, as another run of the job was due";
  return run->killed ? "killed by request" : "cancelled by request";
}

/* Who is answered that a run is cancelled may rely on it, even if the daemon is killed then. */
static void note_told(struct sched *s, struct open_run *run, enum run_told reason, bool killed)
{
  struct error error;
  bool is_stop = reason == TOLD_STOPPING;
  run_touch(s, run);
  run->killed = killed;
  if (!is_stop || !run->told)
    run->told = reason;
  if (!is_stop)
    sched_failed(s, store_cancel(s->store, run->key, run->fence, run_cancel_cause(run), &error),
                 &error);
}

static void send_cancel(struct sched *s, const struct open_run *run, enum run_told reason,
                        int64_t grace_us)
{
  struct message *m = message_create(MESSAGE_CANCEL, ADDRESS_SCHEDULER, run->worker);
  m->as.cancel.attempt = (struct attempt){run->key, run->fence, run->attempt};
  m->as.cancel.state = run_becomes(run);
  m->as.cancel.reason = reason;
  m->as.cancel.grace_us = grace_us;
  message_list_append(s->out, m);
}

/* At a stop, which tells runs after its commit, they are left to the next start. */
static void end_unheard(struct sched *s, struct open_run *run)
{
  if (!s->stopping && stuck_is_deaf(s, run->worker))
    finish_here(s, run, run_becomes(run), "it was not told: its worker is stuck in a C function");
}

static void tell_cancelling(struct sched *s, const struct open_run *run, enum run_told reason)
{
  log_info("%s was told to end: %s", run->entry->job->id, run_told_name(reason));
  if (!event_wanted(s, "job_cancelling", EVENT_RARE))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_cancelling");
  run_put_attempt(&writer, run);
  json_put_text(&writer, "reason", run_told_name(reason));
  event_end(s, &out, &writer, "job_cancelling", EVENT_RARE);
}

/* Once, whatever an isolated process says. */
void run_was_told(struct sched *s, const struct message *message)
{
  struct open_run *run = run_find_attempt(s, &message->as.told.attempt);
  if (!run || run->overtime)
    return;
  run_touch(s, run);
  run->overtime = true;
  tell_cancelling(s, run, message->as.told.reason);
}

void run_cancel(struct sched *s, struct open_run *run, enum run_told reason)
{
  note_told(s, run, reason, true);
  send_cancel(s, run, TOLD_NOTHING, 0);
  end_unheard(s, run);
}

void run_cancel_softly(struct sched *s, struct open_run *run, enum run_told reason)
{
  int64_t grace_us = run->entry->job->cancel_grace_us;
  note_told(s, run, reason, grace_us <= 0);
  send_cancel(s, run, reason, grace_us);
  /* A stop has events of its own, and tells runs outside a transaction. */
  if (reason != TOLD_STOPPING && !run->killed && !stuck_is_deaf(s, run->worker))
    tell_cancelling(s, run, reason);
  end_unheard(s, run);
}
