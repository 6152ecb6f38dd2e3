/* The answer of `moonbeat next` for a person and for a program. */
#include <stdio.h>
#include <string.h>

#include "ctl/cli_next.h"
#include "time/instant.h"
#include "trigger/event.h"

/* ---- the table ---- */

static void add_row(struct table *table, const struct next_answer *answer, int64_t us,
                    int64_t now_us)
{
  struct buffer text = {0}, utc = {0}, left = {0};
  cli_append_local(&text, us, answer->zone);
  cli_append_instant(&utc, us);
  append_when(&left, us, now_us);
  table_cell(table, COLOR_BOLD, text.data);
  table_cell(table, COLOR_NONE, zone_at(answer->zone, instant_seconds(us)).abbreviation);
  table_cell(table, COLOR_NONE, utc.data);
  table_cell(table, COLOR_GREEN, left.data);
  buffer_deinit(&text);
  buffer_deinit(&utc);
  buffer_deinit(&left);
}

static void put_rows(struct cli *cli, const struct next_answer *answer)
{
  static const struct table_column columns[] = {
      {.title = "LOCAL"}, {.title = "ZONE"}, {.title = "UTC"}, {.title = "LEFT"}};
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  for (size_t i = 0; i < answer->count; i++)
    add_row(table, answer, answer->fires_us[i], cli->screen.now_us);
  if (answer->count > 0)
    table_flush(table, &cli->out);
  table_destroy(table);
}

/* Why what waits for something else than the time shows no more; NULL: it would say so if it did.
 */
static const char *explain_open(const struct next_answer *answer)
{
  const char *script, *name;
  bool is_active = !answer->state || strcmp(answer->state, "active") == 0;
  if (answer->end != NEXT_ENDS || !answer->trigger || !is_active ||
      !trigger_is_open(answer->trigger))
    return NULL;
  if (trigger_asks_lua(answer->trigger, &script, &name))
    return answer->count > 0 ? "and then when its function says\n"
                             : "has no time before its script is asked\n";
  return answer->count > 0 ? "and then only when something happens\n"
                           : "has no time: it waits for something to happen\n";
}

/* Why the list ends, where that is not plain; else NULL. */
static const char *explain_end(const struct next_answer *answer, bool is_range)
{
  const char *text = explain_open(answer);
  if (text)
    return text;
  switch (answer->end) {
  case NEXT_RANGE_ENDS:
    return answer->count == 0 ? "no fire in this range\n" : NULL;
  case NEXT_HAS_MORE:
    return is_range ? "and more: -n says how many are shown\n" : NULL;
  case NEXT_ENDS:
    if (answer->count > 0)
      return "and then never again\n";
    if (!answer->trigger)
      return "has no trigger: it runs by run-now only\n";
    if (answer->warning_count > 0)
      return NULL;
    return answer->job ? "does not fire at present: moonbeat why tells\n"
                       : "fires at no time that is known beforehand\n";
  case NEXT_GAVE_UP:
    return NULL;
  }
  return NULL;
}

void next_put_table(struct cli *cli, const struct next_answer *answer)
{
  if (answer->sentence) {
    screen_append(&cli->screen, &cli->out, COLOR_DIM, answer->kind);
    buffer_append_text(&cli->out, ": ");
    cli_put_visible(cli, COLOR_NONE, answer->sentence);
    buffer_append_byte(&cli->out, '\n');
  }
  put_rows(cli, answer);
  const char *end = explain_end(answer, arguments_has(cli->arguments, "until"));
  if (end)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, end);
  for (size_t i = 0; i < answer->warning_count; i++) {
    screen_append(&cli->screen, &cli->out, COLOR_YELLOW, "warning:");
    buffer_append_byte(&cli->out, ' ');
    cli_put_visible(cli, COLOR_NONE, answer->warnings[i].message);
    buffer_append_byte(&cli->out, '\n');
  }
}

/* ---- JSON ---- */

static void put_local(struct json_writer *writer, const char *key, int64_t local_s)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format_in(text, local_s * 1000000, NULL);
  text[strcspn(text, "Z+")] = '\0';
  json_put_text(writer, key, text);
}

static void put_fires(struct json_writer *writer, const struct next_answer *answer)
{
  char text[INSTANT_TEXT_SIZE];
  json_key(writer, "fires");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->count; i++) {
    int64_t us = answer->fires_us[i];
    json_begin_object(writer);
    instant_format(text, us);
    json_put_text(writer, "scheduled_at", text);
    instant_format_in(text, us, answer->zone);
    json_put_text(writer, "local", text);
    json_put_text(writer, "zone", zone_at(answer->zone, instant_seconds(us)).abbreviation);
    json_end_object(writer);
  }
  json_end_array(writer);
}

static void put_warnings(struct json_writer *writer, const struct next_answer *answer)
{
  char text[INSTANT_TEXT_SIZE];
  json_key(writer, "warnings");
  json_begin_array(writer);
  for (size_t i = 0; i < answer->warning_count; i++) {
    const struct next_warning *warning = &answer->warnings[i];
    json_begin_object(writer);
    json_put_text(writer, "kind", warning->kind);
    if (strcmp(warning->kind, "never") != 0) {
      instant_format(text, warning->transition_s * 1000000);
      json_put_text(writer, "transition_at", text);
      put_local(writer, "first_local", warning->first_s);
      put_local(writer, "last_local", warning->last_s);
    }
    json_put_text(writer, "message", warning->message);
    json_end_object(writer);
  }
  json_end_array(writer);
}

void next_put_json(struct cli *cli, const struct next_answer *answer)
{
  struct params line;
  struct json_writer *writer = &line.writer;
  params_begin(&line);
  if (answer->job)
    json_put_text(writer, "job", answer->job);
  json_put_text(writer, "kind", answer->kind);
  json_put_text(writer, "trigger", answer->text);
  json_put_text(writer, "explanation", answer->sentence);
  json_put_text(writer, "timezone", zone_name(answer->zone));
  put_fires(writer, answer);
  json_put_boolean(writer, "has_more",
                   answer->end == NEXT_HAS_MORE || answer->end == NEXT_RANGE_ENDS);
  json_put_boolean(writer, "waits", answer->trigger && trigger_is_open(answer->trigger));
  put_warnings(writer, answer);
  params_end(&line);
  struct json_document *document;
  if (!json_parse(line.text.data, line.text.size, &document, &cli->error)) {
    cli_put_json(cli, json_root(document));
    json_free(document);
  }
  params_deinit(&line);
}
