/* `moonbeat list --timers`: when each job that a time sets off runs next and ran last, the next one
 * first, in the columns of `systemctl list-timers`. All jobs are gathered before the first line is
 * written, as the daemon lists them by id. Times are those of the working person's zone. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"
#include "time/instant.h"
#include "trigger/event.h"

struct timer {
  char *job, *state; /* heap */
  int64_t next_us;   /* INT64_MAX: none */
  int64_t last_us;   /* INT64_MIN: none */
};

struct timers {
  struct timer *all;
  size_t count, capacity;
  size_t waiting; /* jobs that no time sets off, which are no timers */
};

/* ---- gathering ---- */

/* Whether it is set off by what happens and by no time. One in Lua has a time once it was asked. */
static bool only_waits(const struct json *job)
{
  const struct json *form = json_get(job, "trigger");
  const char *script, *name;
  struct trigger *trigger = NULL;
  int64_t next_us;
  if (!form || trigger_from_json(form, NULL, &trigger, NULL))
    return false;
  bool waits = trigger_is_open(trigger) && !trigger_asks_lua(trigger, &script, &name) &&
               !trigger_next(trigger, INT64_MIN, &next_us);
  trigger_destroy(trigger);
  return waits;
}

static void add_timer(struct timers *timers, const struct json *job)
{
  if (json_text(json_get(job, "trigger_text"), NULL) == NULL)
    return;
  if (only_waits(job)) {
    timers->waiting++;
    return;
  }
  if (timers->count == timers->capacity) {
    timers->capacity = timers->capacity ? timers->capacity * 2 : 64;
    timers->all = memory_resize(timers->all, timers->capacity * sizeof *timers->all);
  }
  timers->all[timers->count++] =
      (struct timer){.job = memory_strdup(json_text(json_get(job, "id"), "?")),
                     .state = memory_strdup(json_text(json_get(job, "state"), "?")),
                     .next_us = cli_instant(json_get(job, "next_run_at"), INT64_MAX),
                     .last_us = cli_instant(json_get(job, "last_run_at"), INT64_MIN)};
}

static enum error_code gather(struct cli *cli, struct timers *timers)
{
  char *after = NULL;
  enum error_code code;
  do {
    struct json_document *answer;
    code = cli_ask_jobs(cli, after, CLI_JOBS_PAGE, &answer);
    free(after);
    if (code)
      return code;
    const struct json *page = control_result(answer);
    json_each(job, json_get(page, "jobs"))
      add_timer(timers, job);
    after = memory_strdup(json_text(json_get(page, "next"), NULL));
    json_free(answer);
  } while (after);
  return code;
}

static int compare(const void *a, const void *b)
{
  const struct timer *left = a, *right = b;
  if (left->next_us != right->next_us)
    return left->next_us < right->next_us ? -1 : 1;
  return strcmp(left->job, right->job);
}

/* ---- writing ---- */

/* "Mon 2026-11-23 09:00:00 CST" */
static void append_local(struct buffer *out, const struct zone *zone, int64_t us)
{
  static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  int64_t second = instant_seconds(us);
  struct zone_offset offset = zone_at(zone, second);
  int64_t local_s = second + offset.offset_s;
  struct civil_time time = civil_from_seconds(local_s);
  buffer_printf(out, "%s %04d-%02d-%02d %02d:%02d:%02d %s",
                weekdays[civil_weekday(civil_day_of(local_s))], time.date.year, time.date.month,
                time.date.day, time.hour, time.minute, time.second, offset.abbreviation);
}

static void add_moment(struct table *table, enum color color, const struct zone *zone, bool is_none,
                       int64_t us, int64_t now_us)
{
  struct buffer local = {0}, span = {0};
  if (!is_none) {
    append_local(&local, zone, us);
    append_when(&span, us, now_us);
  }
  /* "in 5m" is what LEFT says. */
  bool is_ahead = span.data && strncmp(span.data, "in ", 3) == 0;
  table_cell(table, COLOR_NONE, local.data);
  table_cell(table, color, is_ahead ? span.data + 3 : span.data);
  buffer_deinit(&local);
  buffer_deinit(&span);
}

static void put_table(struct cli *cli, const struct timers *timers, size_t shown,
                      const struct zone *zone)
{
  static const struct table_column columns[] = {
      {.title = "NEXT"},
      {.title = "LEFT"},
      {.title = "LAST"},
      {.title = "PASSED"},
      {.title = "JOB", .may_shrink = true},
  };
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  for (size_t i = 0; i < shown; i++) {
    const struct timer *timer = &timers->all[i];
    add_moment(table, COLOR_GREEN, zone, timer->next_us == INT64_MAX, timer->next_us,
               cli->screen.now_us);
    add_moment(table, COLOR_NONE, zone, timer->last_us == INT64_MIN, timer->last_us,
               cli->screen.now_us);
    bool is_active = strcmp(timer->state, "active") == 0;
    char *name = is_active ? NULL : memory_printf("%s (%s)", timer->job, timer->state);
    table_cell(table, is_active ? COLOR_BOLD : color_of(timer->state), name ? name : timer->job);
    free(name);
  }
  table_flush(table, &cli->out);
  table_destroy(table);
  buffer_append_byte(&cli->out, '\n');
  if (shown < timers->count)
    buffer_printf(&cli->out, "%zu of ", shown);
  buffer_printf(&cli->out, "%zu timer%s listed.\n", timers->count, timers->count == 1 ? "" : "s");
  if (timers->waiting > 0)
    buffer_printf(&cli->out, "%zu %s for events and not for a time: moonbeat list\n",
                  timers->waiting, timers->waiting == 1 ? "job waits" : "jobs wait");
}

static void put_moment(struct json_writer *writer, const char *name, const char *distance,
                       bool is_none, int64_t us, int64_t length_us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, us);
  json_put_text(writer, name, is_none ? NULL : text);
  json_key(writer, distance);
  if (is_none)
    json_write_null(writer);
  else
    json_write_number(writer, (double)length_us / 1e6);
}

static void put_json(struct cli *cli, const struct timer *timer)
{
  struct params line;
  struct json_document *document;
  int64_t now_us = cli->screen.now_us;
  params_begin(&line);
  json_put_text(&line.writer, "job", timer->job);
  json_put_text(&line.writer, "state", timer->state);
  put_moment(&line.writer, "next_run_at", "left", timer->next_us == INT64_MAX, timer->next_us,
             timer->next_us == INT64_MAX ? 0 : timer->next_us - now_us);
  put_moment(&line.writer, "last_run_at", "passed", timer->last_us == INT64_MIN, timer->last_us,
             timer->last_us == INT64_MIN ? 0 : now_us - timer->last_us);
  params_end(&line);
  if (!json_parse(line.text.data, line.text.size, &document, &cli->error)) {
    cli_put_json(cli, json_root(document));
    json_free(document);
  }
  params_deinit(&line);
}

enum error_code cli_list_timers(struct cli *cli, long most)
{
  struct timers timers = {0};
  const struct zone *zone;
  enum error_code code = zone_find("local", &zone, &cli->error);
  if (!code)
    code = gather(cli, &timers);
  if (!code) {
    size_t shown = timers.count < (size_t)most ? timers.count : (size_t)most;
    if (timers.count > 0)
      qsort(timers.all, timers.count, sizeof *timers.all, compare);
    if (!cli->wants_json)
      put_table(cli, &timers, shown, zone);
    else
      for (size_t i = 0; i < shown; i++)
        put_json(cli, &timers.all[i]);
  }
  for (size_t i = 0; i < timers.count; i++) {
    free(timers.all[i].job);
    free(timers.all[i].state);
  }
  free(timers.all);
  return code;
}
