/* The log of a run: the lines that its function and its command write, kept with the run as far as
 * there is room for them. What is no run's only goes to the daemon's own log. */
#include "sched/run.h"

#include <string.h>

#include "base/log.h"
#include "sched/turn.h"
#include "sched/view.h"

static void tell_log(struct sched *s, const struct open_run *run, const struct message *message)
{
  if (!event_wanted(s, "job_log", EVENT_HOT))
    return;
  struct buffer out = {0};
  struct json_writer writer;
  event_begin(s, &out, &writer, "job_log");
  json_put_text(&writer, "job", run->entry->job->id);
  view_put_run_id(&writer, "run", run->entry->job->id, run->key.scheduled_us);
  json_put_integer(&writer, "sequence", run->log_lines);
  json_put_integer(&writer, "attempt", run->attempt);
  json_put_text(&writer, "level", log_level_name((enum log_level)message->as.log.level));
  json_put_text(&writer, "text", message->as.log.text);
  event_end(s, &out, &writer, "job_log", EVENT_HOT);
}

/* At once, also while nothing can be stored; a turn that takes it again does not repeat it. */
static void write_line(struct message *message, const char *whose, const char *text)
{
  if (!message->as.log.is_written)
    log_write((enum log_level)message->as.log.level, "%s: %s", whose, text);
  message->as.log.is_written = true;
}

void run_log(struct sched *s, struct message *message)
{
  static const char too_much[] = "(more lines than are kept: the rest is dropped)";
  struct error error;
  if (message->as.log.attempt.key.job == 0) {
    write_line(message, message->as.log.script ? message->as.log.script : "?",
               message->as.log.text);
    return;
  }
  struct open_run *run = run_find_attempt(s, &message->as.log.attempt);
  if (!run || run->log_lines > LOG_LINES_PER_RUN || run->log_bytes > LOG_BYTES_PER_RUN)
    return;
  run_touch(s, run);
  run->log_lines++;
  run->log_bytes += (int64_t)strlen(message->as.log.text);
  bool last = run->log_lines > LOG_LINES_PER_RUN || run->log_bytes > LOG_BYTES_PER_RUN;
  struct log_line line = {.sequence = run->log_lines,
                          .attempt = run->attempt,
                          .level = message->as.log.level,
                          .at_us = message->as.log.at_us,
                          .text = last ? too_much : message->as.log.text};
  write_line(message, run->entry->job->id, line.text);
  if (!sched_failed(s, store_add_log(s->store, run->key, &line, &error), &error))
    tell_log(s, run, message);
}
