/* Commands about listeners: listeners, show listener, retry listener, discard letters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/cli_common.h"

static const struct table_column columns[] = {
    {.title = "LISTENER", .may_shrink = true}, {.title = "EVENTS", .may_shrink = true},
    {.title = "FILTER", .may_shrink = true},   {.title = "DURABLE"},
    {.title = "DELIVERED", .is_right = true},  {.title = "WAITING", .is_right = true},
    {.title = "FAILED", .is_right = true},     {.title = "DROPPED", .is_right = true},
    {.title = "DEAD", .is_right = true},
};

static void add_count(struct table *table, enum color color, const struct json *count)
{
  char text[24];
  int64_t value = json_integer(count, 0);
  snprintf(text, sizeof text, "%" PRId64, value);
  table_cell(table, value ? color : COLOR_NONE, text);
}

static void append_names(struct buffer *out, const struct json *names)
{
  const char *separator = "";
  json_each(name, names) {
    buffer_printf(out, "%s%s", separator, json_text(name, "?"));
    separator = ", ";
  }
}

static void add_row(struct table *table, const struct json *listener)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  const struct json *filter = json_get(listener, "filter");
  table_cell(table, COLOR_BOLD, json_text(json_get(listener, "listener"), "?"));
  append_names(&text, json_get(listener, "events"));
  table_cell(table, COLOR_NONE, text.data);
  buffer_clear(&text);
  if (filter && filter->type == JSON_OBJECT)
    json_write_tree(&writer, filter);
  table_cell(table, COLOR_NONE, text.size ? text.data : NULL);
  table_cell(table, COLOR_NONE, json_boolean(json_get(listener, "durable"), false) ? "yes" : "no");
  add_count(table, COLOR_NONE, json_get(listener, "delivered"));
  add_count(table, COLOR_NONE, json_get(listener, "waiting"));
  add_count(table, COLOR_RED, json_get(listener, "failed"));
  add_count(table, COLOR_RED, json_get(listener, "dropped"));
  add_count(table, COLOR_RED, json_get(listener, "dead"));
  buffer_deinit(&text);
}

/* Below the table: what went wrong last, and what may be done about it. */
static void put_trouble(struct cli *cli, const struct json *listener)
{
  const char *name = json_text(json_get(listener, "listener"), "?");
  char *error = cli_first_line(json_text(json_get(listener, "error"), NULL));
  if (error) {
    cli_put_visible(cli, COLOR_BOLD, name);
    buffer_append_text(&cli->out, ": ");
    cli_put_visible(cli, COLOR_NONE, error);
    buffer_append_byte(&cli->out, '\n');
  }
  if (json_integer(json_get(listener, "dead"), 0) > 0) {
    buffer_append_text(&cli->out, "  moonbeat retry listener \"");
    cli_put_visible(cli, COLOR_NONE, name);
    buffer_append_text(&cli->out, "\" delivers its dead letters again\n");
  }
  free(error);
}

int cli_do_listeners(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "listeners", NULL, &answer))
    return cli_fail(cli);
  const struct json *listeners = json_get(control_result(answer), "listeners");
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  json_each(listener, listeners) {
    if (cli->wants_json)
      cli_put_json(cli, listener);
    else
      add_row(table, listener);
  }
  table_flush(table, &cli->out);
  if (!cli->wants_json)
    json_each(listener, listeners)
      put_trouble(cli, listener);
  if (!cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no listeners\n");
  table_destroy(table);
  json_free(answer);
  return 0;
}

/* Asks about the listener that the first word names. */
static enum error_code ask_about(struct cli *cli, const char *op, struct json_document **answer)
{
  struct params params;
  params_begin(&params);
  json_put_text(&params.writer, "listener", cli->arguments->words[0]);
  enum error_code code = cli_ask(cli, op, params_end(&params), answer);
  params_deinit(&params);
  return code;
}

static void put_letter(struct cli *cli, const struct json *letter)
{
  struct buffer content = {0};
  struct json_writer writer = {.out = &content};
  json_write_tree(&writer, json_get(letter, "content"));
  buffer_append_text(&cli->out, json_text(json_get(letter, "died_at"), "?"));
  buffer_append_byte(&cli->out, ' ');
  cli_put_lines(&cli->out, content.data, 2);
  char *error = cli_text_of(json_get(letter, "error"));
  buffer_append_text(&cli->out, "\n  ");
  cli_put_lines(&cli->out, error ? error : "", 2);
  buffer_append_byte(&cli->out, '\n');
  free(error);
  buffer_deinit(&content);
}

int cli_do_show_listener(struct cli *cli)
{
  struct json_document *answer;
  if (ask_about(cli, "listener", &answer))
    return cli_fail(cli);
  const struct json *listener = control_result(answer);
  if (cli->wants_json) {
    cli_put_json(cli, listener);
  } else {
    struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
    add_row(table, listener);
    table_flush(table, &cli->out);
    table_destroy(table);
    put_trouble(cli, listener);
    json_each(letter, json_get(listener, "dead_letters"))
      put_letter(cli, letter);
  }
  json_free(answer);
  return 0;
}

static int change(struct cli *cli, const char *op, const char *what)
{
  struct json_document *answer;
  if (ask_about(cli, op, &answer))
    return cli_fail(cli);
  if (cli->wants_json)
    cli_put_json(cli, control_result(answer));
  else
    buffer_printf(&cli->out, "%s: %" PRId64 "\n", what,
                  json_integer(json_get(control_result(answer), "count"), 0));
  json_free(answer);
  return 0;
}

int cli_do_retry_listener(struct cli *cli)
{
  return change(cli, "retry_listener", "dead letters that are delivered again");
}

int cli_do_discard_letters(struct cli *cli)
{
  return change(cli, "discard_dead_letters", "dead letters that were discarded");
}
