/* `moonbeat next JOB|TRIGGER`. What reads as a trigger is one and is answered here, without a
 * daemon; anything else is a job's id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/cli_common.h"
#include "time/instant.h"
#include "trigger/trigger.h"

static const struct table_column columns[] = {
    {.title = "LOCAL"}, {.title = "ZONE"}, {.title = "UTC"}, {.title = "LEFT"}};

struct fires {
  struct cli *cli;
  const struct zone *zone;
  const char *job; /* NULL: of a trigger */
  struct table *table;
};

static void put_json_fire(struct fires *fires, int64_t us)
{
  char utc[INSTANT_TEXT_SIZE], local[INSTANT_TEXT_SIZE];
  struct params line;
  instant_format(utc, us);
  instant_format_in(local, us, fires->zone);
  params_begin(&line);
  if (fires->job)
    json_put_text(&line.writer, "job", fires->job);
  json_put_text(&line.writer, "scheduled_at", utc);
  json_put_text(&line.writer, "local", local);
  json_put_text(&line.writer, "timezone", zone_name(fires->zone));
  buffer_printf(&fires->cli->out, "%s\n", params_end(&line));
  params_deinit(&line);
}

static void put_fire(struct fires *fires, int64_t us)
{
  static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  if (fires->cli->wants_json) {
    put_json_fire(fires, us);
    return;
  }
  int64_t second = instant_seconds(us);
  struct zone_offset offset = zone_at(fires->zone, second);
  struct civil_time local = civil_from_seconds(second + offset.offset_s);
  char text[96], zone[96];
  int64_t fraction = us - second * 1000000;
  int size = snprintf(
      text, sizeof text, "%s %04d-%02d-%02d %02d:%02d:%02d",
      weekdays[civil_weekday(civil_to_days(local.date.year, local.date.month, local.date.day))],
      local.date.year, local.date.month, local.date.day, local.hour, local.minute, local.second);
  if (fraction != 0)
    snprintf(text + size, sizeof text - (size_t)size, ".%06d", (int)fraction);
  snprintf(zone, sizeof zone, "%s", offset.abbreviation);
  struct buffer utc = {0}, left = {0};
  cli_append_instant(&utc, us);
  append_when(&left, us, fires->cli->screen.now_us);
  table_cell(fires->table, COLOR_BOLD, text);
  table_cell(fires->table, COLOR_NONE, zone);
  table_cell(fires->table, COLOR_NONE, utc.data);
  table_cell(fires->table, COLOR_GREEN, left.data);
  buffer_deinit(&utc);
  buffer_deinit(&left);
}

static void put_end(struct fires *fires, size_t count, bool has_more)
{
  struct cli *cli = fires->cli;
  if (cli->wants_json)
    return;
  table_flush(fires->table, &cli->out);
  if (!has_more)
    screen_append(&cli->screen, &cli->out, COLOR_DIM,
                  count == 0 ? "never fires any more\n" : "and then never again\n");
}

static enum error_code find_zone(struct cli *cli, const char *otherwise, const struct zone **zone)
{
  const char *name = arguments_value(cli->arguments, "timezone", otherwise);
  enum error_code code = zone_find(name ? name : "local", zone, &cli->error);
  return code ? error_prefix(&cli->error, "--timezone") : ERROR_OK;
}

static enum error_code put_trigger_fires(struct cli *cli, struct trigger *trigger, const char *zone,
                                         long count)
{
  struct fires fires = {.cli = cli};
  enum error_code code = find_zone(cli, zone, &fires.zone);
  if (code)
    return code;
  int64_t at_us = cli->screen.now_us;
  size_t shown = 0;
  trigger_anchor(trigger, at_us, "");
  fires.table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  while (shown < (size_t)count && trigger_next(trigger, at_us, &at_us)) {
    put_fire(&fires, at_us);
    shown++;
  }
  put_end(&fires, shown, shown == (size_t)count);
  table_destroy(fires.table);
  return ERROR_OK;
}

static enum error_code put_job_fires(struct cli *cli, const char *job, long count)
{
  struct params params;
  struct json_document *answer;
  params_begin(&params);
  json_put_text(&params.writer, "job", job);
  json_put_integer(&params.writer, "count", count);
  enum error_code code = cli_ask(cli, "next", params_end(&params), &answer);
  params_deinit(&params);
  if (code)
    return code;
  const struct json *result = control_result(answer), *times = json_get(result, "fires");
  struct fires fires = {.cli = cli, .job = json_text(json_get(result, "job"), job)};
  code = find_zone(cli, json_text(json_get(result, "timezone"), NULL), &fires.zone);
  if (code == ERROR_OK) {
    fires.table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
    json_each(time, times)
      put_fire(&fires, cli_instant(time, 0));
    size_t shown = times ? times->count : 0;
    put_end(&fires, shown, shown >= (size_t)count);
    table_destroy(fires.table);
  }
  json_free(answer);
  return code;
}

/* `moonbeat next in 15m` needs no quotes. */
static char *join_words(const struct arguments *arguments)
{
  struct buffer text = {0};
  for (size_t i = 0; i < arguments->word_count; i++)
    buffer_printf(&text, "%s%s", i ? " " : "", arguments->words[i]);
  return buffer_take(&text);
}

static enum error_code answer(struct cli *cli, const char *text, const char *default_zone,
                              long count)
{
  struct trigger *trigger;
  struct error not_a_trigger;
  const char *zone = arguments_value(cli->arguments, "timezone", default_zone);
  enum error_code code = trigger_from_text(text, zone, &trigger, &not_a_trigger);
  if (code == ERROR_OK) {
    code = put_trigger_fires(cli, trigger, zone, count);
    trigger_destroy(trigger);
    return code;
  }
  if (strpbrk(text, " @*/")) {
    cli->error = not_a_trigger;
    return code;
  }
  code = put_job_fires(cli, text, count);
  return code == ERROR_UNAVAILABLE
             ? error_prefix(&cli->error, "%s is no trigger, so it must be a job, but", text)
             : code;
}

int cli_do_next(struct cli *cli)
{
  long count;
  struct daemon_options options = DAEMON_OPTIONS_EMPTY;
  char *text = join_words(cli->arguments);
  enum error_code code =
      arguments_number(cli->arguments, "count", 1, 10000, 5, &count, &cli->error);
  if (code == ERROR_OK)
    code = cli_read_config(cli, &options);
  if (code == ERROR_OK)
    code = answer(cli, text, options.timezone ? options.timezone : "local", count);
  daemon_options_deinit(&options);
  free(text);
  return code ? cli_fail(cli) : 0;
}
