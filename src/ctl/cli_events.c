/* `moonbeat events [-f]`: the events that the daemon remembers, and those to come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/cli_common.h"
#include "ctl/table.h"
#include "model/event_name.h"
#include "time/instant.h"

static void append_time(const struct screen *screen, struct buffer *out, const struct json *event)
{
  char text[INSTANT_TEXT_SIZE];
  const struct zone *zone = NULL;
  int64_t us = cli_instant(json_get(event, "at"), screen->now_us);
  if (!screen->is_terminal) {
    instant_format(text, us);
    buffer_printf(out, "%s ", text);
    return;
  }
  zone_find("local", &zone, NULL);
  instant_format_in(text, us, zone);
  screen_begin_color(screen, out, COLOR_DIM);
  buffer_printf(out, "%.8s", text + strlen("2026-11-21T"));
  screen_end_color(screen, out, COLOR_DIM);
  buffer_append_byte(out, ' ');
}

/* What is about no run, job or script is shown with all that it says. */
static bool shows_members(const char *name)
{
  return !event_name_is_own(name) || text_begins_with(name, "scheduler_");
}

static void append_json(struct buffer *out, const struct json *value)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_write_tree(&writer, value);
  cli_append_safe_json(out, text.data, text.size);
  buffer_deinit(&text);
}

/* What was emitted, as `emit` takes it: " shop=berlin id=42"; JSON where that is plainer. */
static void append_members(struct buffer *out, const struct json *event)
{
  json_each(member, event) {
    if (strcmp(member->key, "event") == 0 || strcmp(member->key, "at") == 0)
      continue;
    const char *text = json_text(member, NULL);
    buffer_append_byte(out, ' ');
    text_append_visible(out, member->key, strlen(member->key));
    buffer_append_byte(out, '=');
    if (text && !strpbrk(text, " \"=\n"))
      text_append_visible(out, text, strlen(text));
    else
      append_json(out, member);
  }
}

void cli_append_event(const struct screen *screen, struct buffer *out, const struct json *event)
{
  static const char *const subjects[] = {"run", "job", "script"};
  static const char *const details[] = {"text", "error", "result", "reason"};
  const char *name = json_text(json_get(event, "event"), "?");
  append_time(screen, out, event);
  screen_begin_color(screen, out, color_of(name));
  cli_put_lines(out, name, 0);
  screen_end_color(screen, out, color_of(name));
  if (shows_members(name)) {
    append_members(out, event);
    buffer_append_byte(out, '\n');
    return;
  }
  for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
    const char *subject = json_text(json_get(event, subjects[i]), NULL);
    if (!subject)
      continue;
    buffer_append_byte(out, ' ');
    cli_put_lines(out, subject, 0);
    break;
  }
  for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
    char *detail = cli_text_of(json_get(event, details[i]));
    if (!detail)
      continue;
    buffer_append_text(out, ": ");
    cli_put_lines(out, detail, 9);
    free(detail);
    break;
  }
  buffer_append_byte(out, '\n');
}

static void put_event(struct cli *cli, const struct json *event)
{
  if (cli->wants_json)
    cli_put_json(cli, event);
  else
    cli_append_event(&cli->screen, &cli->out, event);
}

static void put_filters(struct cli *cli, struct json_writer *writer)
{
  const struct arguments *arguments = cli->arguments;
  const char *job = arguments_value(arguments, "job", NULL);
  if (job)
    json_put_text(writer, "job", job);
  if (!arguments_has(arguments, "event"))
    return;
  json_key(writer, "events");
  json_begin_array(writer);
  for (size_t i = 0; i < arguments->given_count; i++)
    if (strcmp(arguments->given[i].option->name, "event") == 0)
      json_write_text(writer, arguments->given[i].value);
  json_end_array(writer);
}

static bool is_wanted(struct cli *cli, const struct json *event, int64_t since_us)
{
  const struct arguments *arguments = cli->arguments;
  const char *job = arguments_value(arguments, "job", NULL);
  const char *name = json_text(json_get(event, "event"), "");
  if (job && strcmp(json_text(json_get(event, "job"), ""), job) != 0)
    return false;
  if (cli_instant(json_get(event, "at"), INT64_MAX) < since_us)
    return false;
  if (!arguments_has(arguments, "event"))
    return true;
  for (size_t i = 0; i < arguments->given_count; i++)
    if (strcmp(arguments->given[i].option->name, "event") == 0 &&
        text_matches(arguments->given[i].value, name))
      return true;
  return false;
}

/* The daemon remembers a bounded number; the filter is applied here, and the last so many of what
 * passes are shown. */
static enum error_code put_recent(struct cli *cli, long count, int64_t since_us)
{
  struct json_document *answer;
  if (count == 0)
    return ERROR_OK;
  enum error_code code = cli_ask(cli, "events", "{\"limit\":1000}", &answer);
  if (code)
    return code;
  const struct json *events = json_get(control_result(answer), "events");
  long wanted = 0;
  json_each(event, events)
    wanted += is_wanted(cli, event, since_us);
  json_each(event, events)
    if (is_wanted(cli, event, since_us) && wanted-- <= count)
      put_event(cli, event);
  cli_flush(cli);
  json_free(answer);
  return ERROR_OK;
}

static enum error_code subscribe(struct cli *cli)
{
  struct params params;
  struct json_document *answer;
  params_begin(&params);
  put_filters(cli, &params.writer);
  enum error_code code = cli_ask(cli, "subscribe", params_end(&params), &answer);
  params_deinit(&params);
  json_free(answer);
  return code;
}

static enum error_code follow(struct cli *cli)
{
  enum error_code code = ERROR_OK;
  while (code == ERROR_OK && !ferror(stdout)) {
    struct json_document *frame;
    code = control_receive(cli->control, -1, &frame, &cli->error);
    const struct json *event = frame ? json_get(json_root(frame), "event") : NULL;
    if (code == ERROR_OK && event)
      put_event(cli, event);
    json_free(frame);
    if (!control_has_frame(cli->control))
      cli_flush(cli);
  }
  return code;
}

static void list(struct cli *cli)
{
  static const struct table_column columns[] = {
      {.title = "EVENT"}, {.title = "WHEN"}, {.title = "MEMBERS"}};
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  for (const struct event_name *event = event_table; event->name; event++) {
    if (!cli->wants_json) {
      table_cell(table, COLOR_NONE, event->name);
      table_cell(table, COLOR_NONE, event->summary);
      table_cell(table, COLOR_DIM, *event->members ? event->members : NULL);
      continue;
    }
    struct json_writer writer = {.out = &cli->out};
    json_begin_object(&writer);
    json_put_text(&writer, "event", event->name);
    json_put_text(&writer, "when", event->summary);
    json_put_text(&writer, "members", event->members);
    json_put_boolean(&writer, "is_routine", event->use == EVENT_HOT);
    json_end_object(&writer);
    buffer_append_byte(&cli->out, '\n');
  }
  table_flush(table, &cli->out);
  table_destroy(table);
}

int cli_do_events(struct cli *cli)
{
  if (arguments_has(cli->arguments, "list")) {
    list(cli);
    return 0;
  }
  bool follows = arguments_has(cli->arguments, "follow");
  const char *since = arguments_value(cli->arguments, "since", NULL);
  const struct zone *zone = NULL;
  int64_t since_us = INT64_MIN;
  long count, count_else = since ? 100000 : follows ? 0 : 100;
  enum error_code code =
      arguments_number(cli->arguments, "count", 0, 100000, count_else, &count, &cli->error);
  if (!code && since && !(code = zone_find("local", &zone, &cli->error)))
    code = cli_read_moment(cli, "since", since, zone, &since_us);
  /* First the subscription: between the two an event may come twice, which is better than never. */
  if (!code && (follows || arguments_has(cli->arguments, "event")))
    code = subscribe(cli);
  if (!code)
    code = put_recent(cli, count, since_us);
  if (!code && follows)
    code = follow(cli);
  return code ? cli_fail(cli) : 0;
}
