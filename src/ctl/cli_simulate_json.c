/* The answer of `moonbeat simulate --json`: one object, whose shape the manual page states. A
 * million fires are more than a tree of values should hold, so it is written as it goes. */
#include <stdio.h>
#include <string.h>

#include "ctl/cli_simulate.h"
#include "time/instant.h"

enum { FLUSH_AT = 1 << 20 };

static const char *id_of(const struct simulate_answer *answer, size_t job)
{
  return answer->simulation.jobs[job].job->id;
}

static void put_instant(struct json_writer *writer, const char *key, int64_t us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, us);
  json_put_text(writer, key, text);
}

static void put_local(struct json_writer *writer, const struct simulate_answer *answer,
                      const char *key, int64_t us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format_in(text, us, answer->zone);
  json_put_text(writer, key, text);
}

static void put_seconds(struct json_writer *writer, const char *key, int64_t us)
{
  json_put_number(writer, key, (double)us / 1e6);
}

/* What all tallies have. */
static void put_tally(struct json_writer *writer, const struct simulation_tally *tally)
{
  json_put_integer(writer, "due", tally->fires);
  json_put_integer(writer, "runs", tally->runs);
  json_put_integer(writer, "unsuccessful", tally->unsuccessful);
  json_put_integer(writer, "retries", tally->retries);
  json_put_integer(writer, "waited", tally->waited);
  json_put_integer(writer, "still_waiting", tally->waits);
  put_seconds(writer, "longest_wait", tally->longest_wait_us);
  json_key(writer, "skips");
  json_begin_object(writer);
  for (int reason = 0; reason < SKIP_REASONS; reason++)
    if (tally->skips_of[reason] > 0)
      json_put_integer(writer, skip_reason_name((enum skip_reason)reason), tally->skips_of[reason]);
  json_end_object(writer);
  json_put_integer(writer, "peak", tally->load.peak);
  if (tally->busiest > 0) {
    put_instant(writer, "peak_at", tally->load.peak_us);
    put_instant(writer, "busiest_minute", tally->busiest_us);
    json_put_integer(writer, "busiest_minute_runs", tally->busiest);
  }
}

static void put_jobs(struct json_writer *writer, const struct simulate_answer *answer)
{
  json_key(writer, "jobs");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->simulation.job_count; i++) {
    const struct simulation_job *job = &answer->simulation.jobs[i];
    if (!answer->is_shown[i])
      continue;
    struct buffer trigger = {0};
    if (job->job->trigger)
      trigger_to_text(job->job->trigger, &trigger);
    json_begin_object(writer);
    json_put_text(writer, "id", job->job->id);
    json_put_text(writer, "script", job->job->script);
    json_put_text(writer, "state", job_state_name(job->state));
    json_put_text(writer, "trigger", trigger.data);
    put_seconds(writer, "duration", job->duration_us);
    json_put_text(writer, "duration_from", simulate_source_name(job->source));
    put_tally(writer, &answer->digest.jobs[i]);
    json_end_object(writer);
    buffer_deinit(&trigger);
  }
  json_end_array(writer);
}

static void put_pools(struct json_writer *writer, const struct simulate_answer *answer)
{
  json_key(writer, "pools");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->simulation.pool_count; i++) {
    const struct simulation_pool_tally *tally = &answer->digest.pools[i];
    json_begin_object(writer);
    json_put_text(writer, "name", answer->simulation.pools[i].name);
    json_put_integer(writer, "slots", answer->simulation.pools[i].slots);
    json_put_integer(writer, "peak", tally->load.peak);
    put_seconds(writer, "full", tally->load.full_us);
    json_put_integer(writer, "waited", tally->waited);
    json_put_integer(writer, "still_waiting", tally->waits);
    put_seconds(writer, "longest_wait", tally->longest_wait_us);
    json_end_object(writer);
  }
  json_end_array(writer);
}

static void put_changes(struct json_writer *writer, const struct simulate_answer *answer)
{
  json_key(writer, "clock_changes");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->change_count; i++) {
    const struct simulate_change *change = &answer->changes[i];
    json_begin_object(writer);
    json_put_text(writer, "job", id_of(answer, change->job));
    json_put_text(writer, "kind", change->kind);
    put_instant(writer, "at", change->transition_s * 1000000);
    json_put_text(writer, "message", change->message);
    json_end_object(writer);
  }
  json_end_array(writer);
}

static void put_warnings(struct json_writer *writer, const struct simulate_answer *answer)
{
  json_key(writer, "warnings");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->warnings.count; i++) {
    const struct simulation_warning *warning = &answer->warnings.items[i];
    json_begin_object(writer);
    json_put_text(writer, "kind", warning->kind);
    json_key(writer, "jobs");
    json_begin_array(writer);
    for (size_t j = 0; j < warning->job_count; j++)
      json_write_text(writer, id_of(answer, warning->jobs[j]));
    json_end_array(writer);
    json_put_text(writer, "message", warning->message);
    json_end_object(writer);
  }
  json_end_array(writer);
}

/* "waits_for":"pool","pool":"db" */
static void put_cause(struct json_writer *writer, const struct simulate_answer *answer,
                      const struct simulation_fire *fire)
{
  const char *kind = simulation_wait_name(fire->wait),
             *target = simulation_wait_target(&answer->simulation, fire);
  json_put_text(writer, "waits_for", kind);
  if (target)
    json_put_text(writer, kind, target);
}

static void put_run(struct json_writer *writer, const struct simulate_answer *answer,
                    const struct simulation_fire *fire)
{
  put_instant(writer, "begins_at", fire->begin_us);
  put_instant(writer, "ends_at", fire->end_us);
  json_put_text(writer, "state", run_state_name(fire->state));
  json_put_integer(writer, "attempts", fire->attempts);
  if (fire->next_us)
    put_instant(writer, "next_attempt_at", fire->next_us);
  json_put_integer(writer, "at_once", fire->together);
  if (fire->wait == WAITED_NOT)
    return;
  put_seconds(writer, "waits", fire->wait_us);
  put_cause(writer, answer, fire);
  json_put_text(writer, "behind", fire->behind >= 0 ? id_of(answer, (size_t)fire->behind) : NULL);
}

static void put_fire(struct json_writer *writer, const struct simulate_answer *answer,
                     const struct simulation_fire *fire)
{
  json_begin_object(writer);
  json_put_text(writer, "job", id_of(answer, (size_t)fire->job));
  put_instant(writer, "scheduled_at", fire->scheduled_us);
  put_local(writer, answer, "local", fire->scheduled_us);
  if (fire->kind == FIRE_RUNS) {
    put_run(writer, answer, fire);
  } else {
    json_put_text(writer, "state", fire->kind == FIRE_SKIPPED ? "skipped" : "waiting");
    if (fire->kind == FIRE_SKIPPED)
      json_put_text(writer, "reason", skip_reason_name((enum skip_reason)fire->reason));
    else
      put_cause(writer, answer, fire);
    json_put_integer(writer, "count", fire->count);
    put_instant(writer, "last_scheduled_at", fire->last_us);
  }
  json_end_object(writer);
}

/* What stands in `line` is written as cli_put_json would. */
static void flush(struct cli *cli, struct buffer *line)
{
  cli_append_safe_json(&cli->out, line->data, line->size);
  buffer_clear(line);
  if (cli->out.size > FLUSH_AT)
    cli_flush(cli);
}

static void put_fires(struct cli *cli, struct buffer *line, struct json_writer *writer,
                      const struct simulate_answer *answer)
{
  const struct simulation_digest *digest = &answer->digest;
  long left = answer->count;
  json_key(writer, "fires");
  json_begin_array(writer);
  for (size_t i = 0; left != 0 && i < digest->fire_count; i++) {
    if (answer->only_notable && !simulate_is_notable(&digest->fires[i]))
      continue;
    put_fire(writer, answer, &digest->fires[i]);
    flush(cli, line);
    left -= left > 0;
  }
  json_end_array(writer);
}

void simulate_put_json(struct cli *cli, const struct simulate_answer *answer)
{
  const struct simulation *s = &answer->simulation;
  struct buffer line = {0};
  struct json_writer writer = {.out = &line};
  json_begin_object(&writer);
  put_instant(&writer, "from", s->from_us);
  put_instant(&writer, "until", s->until_us);
  put_instant(&writer, "reached", s->reached_us);
  json_put_text(&writer, "timezone", zone_name(answer->zone));
  json_key(&writer, "total");
  json_begin_object(&writer);
  put_tally(&writer, &answer->digest.total);
  json_end_object(&writer);
  put_jobs(&writer, answer);
  put_pools(&writer, answer);
  put_changes(&writer, answer);
  put_warnings(&writer, answer);
  put_fires(cli, &line, &writer, answer);
  json_end_object(&writer);
  buffer_append_byte(&line, '\n');
  flush(cli, &line);
  buffer_deinit(&line);
}
