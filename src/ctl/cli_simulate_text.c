/* The answer of `moonbeat simulate` for a person: due times, the timeline
 * (cli_simulate_timeline.c), what each job and each pool comes to, changes of the clock, warnings.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli_simulate.h"
#include "time/instant.h"

static const char *plural(int64_t count)
{
  return count == 1 ? "" : "s";
}

static const char *id_of(const struct simulate_answer *answer, int32_t job)
{
  return answer->simulation.jobs[job].job->id;
}

static void append_local(const struct simulate_answer *answer, struct buffer *out, int64_t us)
{
  cli_append_local(out, us, answer->zone);
  buffer_printf(out, " %s", zone_at(answer->zone, instant_seconds(us)).abbreviation);
}

static void put_title(struct cli *cli, const char *title)
{
  buffer_append_byte(&cli->out, '\n');
  screen_append(&cli->screen, &cli->out, COLOR_BOLD, title);
  buffer_append_byte(&cli->out, '\n');
}

/* ---- the span ---- */

static void put_span(struct cli *cli, const struct simulate_answer *answer)
{
  const struct simulation *s = &answer->simulation;
  const struct simulation_tally *total = &answer->digest.total;
  size_t shown = 0;
  for (size_t i = 0; i < s->job_count; i++)
    shown += answer->is_shown[i];
  append_local(answer, &cli->out, s->from_us);
  buffer_append_text(&cli->out, " to ");
  append_local(answer, &cli->out, s->reached_us);
  buffer_printf(&cli->out, ", %s: %zu job%s, %" PRId64 " run%s", zone_name(answer->zone), shown,
                plural((int64_t)shown), total->runs, plural(total->runs));
  if (total->skips > 0)
    buffer_printf(&cli->out, ", %" PRId64 " skip%s", total->skips, plural(total->skips));
  if (total->waits > 0)
    buffer_printf(&cli->out, ", %" PRId64 " wait still", total->waits);
  if (total->busiest > 1) {
    buffer_append_text(&cli->out, "\nbusiest minute ");
    append_local(answer, &cli->out, total->busiest_us);
    buffer_printf(&cli->out, " with %" PRId64 " runs; most at once %" PRId64 ", ", total->busiest,
                  total->load.peak);
    append_local(answer, &cli->out, total->load.peak_us);
  }
  buffer_append_byte(&cli->out, '\n');
  if (s->reached_us < s->until_us)
    screen_append(&cli->screen, &cli->out, COLOR_YELLOW,
                  "cut short: there are more runs and skips than --most lets through\n");
}

/* ---- due times ---- */

static void append_cause(const struct simulate_answer *answer, struct buffer *out,
                         const struct simulation_fire *fire)
{
  static const char *const causes[] = {
      [WAITED_NOT] = "",
      [WAITED_FOR_OVERLAP] = " for its run before",
      [WAITED_FOR_POOL] = " for pool ",
      [WAITED_FOR_KEY] = " for key ",
      [WAITED_FOR_THROTTLE] = " for its throttle",
      [WAITED_FOR_RATE] = " for its rate",
  };
  const char *target = simulation_wait_target(&answer->simulation, fire);
  buffer_append_text(out, causes[fire->wait]);
  if (target)
    buffer_append_text(out, target);
}

static void append_wait(const struct simulate_answer *answer, struct buffer *out,
                        const struct simulation_fire *fire)
{
  buffer_append_text(out, "waits ");
  append_span(out, fire->wait_us);
  append_cause(answer, out, fire);
  if (fire->behind >= 0 && fire->wait != WAITED_FOR_OVERLAP)
    buffer_printf(out, ", behind %s", id_of(answer, fire->behind));
}

static void append_part(struct buffer *out)
{
  if (out->size > 0)
    buffer_append_text(out, ", ");
}

static enum color append_run(const struct simulate_answer *answer, struct buffer *out,
                             const struct simulation_fire *fire)
{
  enum color color = COLOR_NONE;
  if (fire->wait != WAITED_NOT) {
    append_wait(answer, out, fire);
    color = COLOR_YELLOW;
  } else if (fire->begin_us > fire->scheduled_us) {
    buffer_append_text(out, "is late, runs ");
    append_local(answer, out, fire->begin_us);
  }
  if (fire->beside > 0) {
    append_part(out);
    buffer_printf(out, "beside %" PRId32 " of its own", fire->beside);
    color = COLOR_YELLOW;
  }
  if (fire->state == RUN_PENDING) {
    append_part(out);
    buffer_printf(out, "attempt %" PRId32 " is due at ", fire->attempts + 1);
    append_local(answer, out, fire->next_us);
    if (fire->next_us < answer->simulation.reached_us)
      buffer_append_text(out, " and waits still at the end");
    return COLOR_YELLOW;
  }
  if (fire->state != RUN_SUCCEEDED) {
    append_part(out);
    buffer_append_text(out,
                       fire->state == RUN_TIMED_OUT ? "timed out" : run_state_name(fire->state));
    color = COLOR_RED;
  }
  if (fire->attempts > 1) {
    append_part(out);
    buffer_printf(out, "%s %" PRId32 " attempts", fire->state == RUN_SUCCEEDED ? "needs" : "after",
                  fire->attempts);
    color = color == COLOR_RED ? color : COLOR_YELLOW;
  }
  if (fire->end_us > answer->simulation.reached_us) {
    append_part(out);
    buffer_append_text(out, "goes on at the end");
  }
  return color;
}

static enum color append_skips(const struct simulate_answer *answer, struct buffer *out,
                               const struct simulation_fire *fire)
{
  bool waits = fire->kind == FIRE_WAITS;
  if (fire->count > 1) {
    buffer_printf(out, "%" PRId64 " due times up to ", fire->count);
    cli_append_local(out, fire->last_us, answer->zone);
    buffer_append_byte(out, ' ');
  }
  buffer_append_text(out, !waits            ? "skipped: "
                          : fire->count > 1 ? "wait still at the end"
                                            : "waits still at the end");
  if (waits)
    append_cause(answer, out, fire);
  else
    buffer_append_text(out, skip_reason_name((enum skip_reason)fire->reason));
  return waits ? COLOR_RED : COLOR_YELLOW;
}

static void add_fire(struct table *table, const struct simulate_answer *answer,
                     const struct simulation_fire *fire)
{
  struct buffer due = {0}, lasts = {0}, what = {0};
  append_local(answer, &due, fire->scheduled_us);
  enum color color =
      fire->kind == FIRE_RUNS ? append_run(answer, &what, fire) : append_skips(answer, &what, fire);
  if (fire->kind == FIRE_RUNS)
    append_span(&lasts, fire->end_us - fire->begin_us);
  table_cell(table, COLOR_NONE, due.data);
  table_cell(table, COLOR_BOLD, id_of(answer, fire->job));
  table_cell(table, COLOR_NONE, lasts.size > 0 ? lasts.data : NULL);
  table_cell(table, color, what.size > 0 ? what.data : "runs");
  buffer_deinit(&due);
  buffer_deinit(&lasts);
  buffer_deinit(&what);
}

static void put_fires(struct cli *cli, const struct simulate_answer *answer)
{
  static const struct table_column columns[] = {{.title = "DUE"},
                                                {.title = "JOB", .may_shrink = true},
                                                {.title = "TAKES", .is_right = true},
                                                {.title = "WHAT", .may_shrink = true}};
  const struct simulation_digest *digest = &answer->digest;
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  size_t matching = 0;
  for (size_t i = 0; i < digest->fire_count; i++) {
    const struct simulation_fire *fire = &digest->fires[i];
    if (answer->only_notable && !simulate_is_notable(fire))
      continue;
    if (matching++ < (size_t)answer->count)
      add_fire(table, answer, fire);
    if (matching == 1 && answer->count > 0)
      buffer_append_byte(&cli->out, '\n');
  }
  table_flush(table, &cli->out);
  size_t shown = table_row_count(table);
  table_destroy(table);
  struct buffer note = {0};
  if (matching > shown && answer->count > 0)
    buffer_printf(&note, "and %zu more: -n says how many are shown%s\n", matching - shown,
                  answer->only_notable ? "" : ", --notable leaves out what goes smoothly");
  else if (matching == 0 && answer->count > 0)
    buffer_append_text(&note, answer->only_notable ? "nothing that is notable\n"
                                                   : "nothing is due in this span\n");
  if (note.size > 0)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, note.data);
  buffer_deinit(&note);
}

/* ---- sums ---- */

static void count_cell(struct table *table, enum color color, int64_t count)
{
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, count);
  table_cell(table, count > 0 ? color : COLOR_DIM, count > 0 ? text : "-");
}

static void span_cell(struct table *table, enum color color, int64_t us)
{
  struct buffer text = {0};
  if (us > 0)
    append_span(&text, us);
  table_cell(table, us > 0 ? color : COLOR_DIM, us > 0 ? text.data : "-");
  buffer_deinit(&text);
}

static void add_skips(struct table *table, const struct simulation_tally *tally)
{
  struct buffer text = {0};
  for (int reason = 0; reason < SKIP_REASONS; reason++)
    if (tally->skips_of[reason] > 0) {
      append_part(&text);
      buffer_printf(&text, "%" PRId64 " %s", tally->skips_of[reason],
                    skip_reason_name((enum skip_reason)reason));
    }
  table_cell(table, tally->skips > 0 ? COLOR_YELLOW : COLOR_DIM, text.size > 0 ? text.data : "-");
  buffer_deinit(&text);
}

/* Whether the days of the span are known without their year. */
static bool is_of_one_year(const struct simulate_answer *answer)
{
  char first[INSTANT_TEXT_SIZE], last[INSTANT_TEXT_SIZE];
  instant_format_in(first, answer->simulation.from_us, answer->zone);
  instant_format_in(last, answer->simulation.reached_us - 1, answer->zone);
  return strncmp(first, last, strcspn(first, "-")) == 0;
}

/* "03-28 02:30 (6)", "2027-03-28 02:30 (6)" */
static void add_busiest(struct table *table, const struct simulate_answer *answer,
                        const struct simulation_tally *tally)
{
  char text[INSTANT_TEXT_SIZE];
  struct buffer busiest = {0};
  if (tally->busiest > 0) {
    instant_format_in(text, tally->busiest_us, answer->zone);
    const char *time = strchr(text, 'T'), *day = is_of_one_year(answer) ? time - 5 : text;
    buffer_printf(&busiest, "%.*s %.5s (%" PRId64 ")", (int)(time - day), day, time + 1,
                  tally->busiest);
  }
  table_cell(table, COLOR_NONE, busiest.data);
  buffer_deinit(&busiest);
}

/* Columns that would be empty for all jobs are left out. */
static void add_job(struct table *table, const struct simulate_answer *answer, size_t place)
{
  const struct simulation_job *job = &answer->simulation.jobs[place];
  const struct simulation_tally *tally = &answer->digest.jobs[place],
                                *total = &answer->digest.total;
  struct buffer takes = {0};
  if (tally->runs > 0) {
    append_span(&takes, job->duration_us);
    buffer_printf(&takes, " %s", simulate_source_name(job->source));
  }
  table_cell(table, COLOR_BOLD, job->job->id);
  count_cell(table, COLOR_NONE, tally->fires);
  count_cell(table, COLOR_NONE, tally->runs);
  if (total->unsuccessful > 0)
    count_cell(table, COLOR_RED, tally->unsuccessful);
  if (total->skips > 0)
    add_skips(table, tally);
  if (total->waited + total->waits > 0) {
    count_cell(table, COLOR_YELLOW, tally->waited + tally->waits);
    span_cell(table, COLOR_YELLOW, tally->longest_wait_us);
  }
  count_cell(table, tally->load.peak > 1 ? COLOR_YELLOW : COLOR_NONE, tally->load.peak);
  add_busiest(table, answer, tally);
  table_cell(table, COLOR_NONE, takes.data);
  buffer_deinit(&takes);
}

static void put_jobs(struct cli *cli, const struct simulate_answer *answer)
{
  const struct simulation_tally *total = &answer->digest.total;
  struct table_column columns[10];
  size_t count = 0;
  columns[count++] = (struct table_column){.title = "JOB", .may_shrink = true};
  columns[count++] = (struct table_column){.title = "DUE", .is_right = true};
  columns[count++] = (struct table_column){.title = "RUNS", .is_right = true};
  if (total->unsuccessful > 0)
    columns[count++] = (struct table_column){.title = "FAIL", .is_right = true};
  if (total->skips > 0)
    columns[count++] = (struct table_column){.title = "SKIPPED", .may_shrink = true};
  if (total->waited + total->waits > 0) {
    columns[count++] = (struct table_column){.title = "WAIT", .is_right = true};
    columns[count++] = (struct table_column){.title = "LONGEST", .is_right = true};
  }
  columns[count++] = (struct table_column){.title = "AT ONCE", .is_right = true};
  columns[count++] = (struct table_column){.title = "BUSIEST", .may_shrink = true};
  columns[count++] = (struct table_column){.title = "TAKES", .may_shrink = true};
  struct table *table = table_create(columns, count, &cli->screen);
  put_title(cli, "Jobs");
  for (size_t i = 0; i < answer->simulation.job_count; i++)
    if (answer->is_shown[i])
      add_job(table, answer, i);
  table_flush(table, &cli->out);
  table_destroy(table);
}

static void put_pools(struct cli *cli, const struct simulate_answer *answer)
{
  static const struct table_column columns[] = {
      {.title = "POOL", .may_shrink = true}, {.title = "SLOTS", .is_right = true},
      {.title = "MOST", .is_right = true},   {.title = "FULL FOR", .is_right = true},
      {.title = "WAIT", .is_right = true},   {.title = "LONGEST", .is_right = true}};
  const struct simulation *s = &answer->simulation;
  if (s->pool_count == 0)
    return;
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  put_title(cli, "Pools");
  for (size_t i = 0; i < s->pool_count; i++) {
    const struct simulation_pool_tally *tally = &answer->digest.pools[i];
    table_cell(table, COLOR_BOLD, s->pools[i].name);
    count_cell(table, COLOR_NONE, s->pools[i].slots);
    count_cell(table, COLOR_NONE, tally->load.peak);
    span_cell(table, COLOR_NONE, tally->load.full_us);
    count_cell(table, COLOR_YELLOW, tally->waited + tally->waits);
    span_cell(table, COLOR_YELLOW, tally->longest_wait_us);
  }
  table_flush(table, &cli->out);
  table_destroy(table);
}

/* ---- what to know ---- */

static void put_note(struct cli *cli, const struct simulate_answer *answer)
{
  const struct simulation *s = &answer->simulation;
  size_t assumed = 0;
  for (size_t i = 0; i < s->job_count; i++)
    assumed += answer->is_shown[i] && answer->digest.jobs[i].runs > 0 &&
               s->jobs[i].source == DURATION_ASSUMED;
  if (assumed == 0)
    return;
  struct buffer note = {0};
  buffer_printf(&note, "how long %zu job%s take%s is not known, ", assumed,
                plural((int64_t)assumed), assumed == 1 ? "s" : "");
  append_span(&note, answer->assumed_us);
  buffer_append_text(&note, " is assumed: --duration JOB=5m says it\n");
  screen_append(&cli->screen, &cli->out, COLOR_DIM, note.data);
  buffer_deinit(&note);
}

static void put_line(struct cli *cli, enum color color, const char *label, const char *text)
{
  screen_append(&cli->screen, &cli->out, color, label);
  buffer_append_byte(&cli->out, ' ');
  cli_put_lines(&cli->out, text, 2);
  buffer_append_byte(&cli->out, '\n');
}

static void put_remarks(struct cli *cli, const struct simulate_answer *answer)
{
  bool has_remarks = answer->change_count > 0 || answer->warnings.count > 0;
  if (has_remarks)
    buffer_append_byte(&cli->out, '\n');
  for (size_t i = 0; i < answer->change_count; i++) {
    struct buffer text = {0};
    buffer_printf(&text, "%s: %s", id_of(answer, (int32_t)answer->changes[i].job),
                  answer->changes[i].message);
    put_line(cli, COLOR_CYAN, "clock:", text.data);
    buffer_deinit(&text);
  }
  for (size_t i = 0; i < answer->warnings.count; i++)
    put_line(cli, COLOR_YELLOW, "warning:", answer->warnings.items[i].message);
}

void simulate_put_text(struct cli *cli, const struct simulate_answer *answer)
{
  put_span(cli, answer);
  put_fires(cli, answer);
  if (answer->digest.fire_count > 0)
    simulate_put_timeline(cli, answer);
  if (answer->simulation.job_count > 0)
    put_jobs(cli, answer);
  put_pools(cli, answer);
  put_note(cli, answer);
  put_remarks(cli, answer);
}
