/* Commands about pools: pools, set pool, remove pool. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/cli_common.h"

static const struct table_column columns[] = {
    {.title = "POOL", .may_shrink = true},
    {.title = "SLOTS", .is_right = true},
    {.title = "USED", .is_right = true},
    {.title = "WAITING", .is_right = true},
    {.title = "SCRIPT"},
    {.title = "RUNS", .may_shrink = true},
};

static void add_count(struct table *table, enum color color, const struct json *count)
{
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, json_integer(count, 0));
  table_cell(table, color, text);
}

static void add_pool(struct table *table, const struct json *pool)
{
  struct buffer runs = {0};
  bool is_full =
      json_integer(json_get(pool, "used"), 0) >= json_integer(json_get(pool, "slots"), 0);
  json_each(run, json_get(pool, "runs"))
    buffer_printf(&runs, "%s%s", runs.size ? ", " : "", json_text(run, "?"));
  table_cell(table, COLOR_BOLD, json_text(json_get(pool, "name"), "?"));
  add_count(table, COLOR_NONE, json_get(pool, "slots"));
  add_count(table, is_full ? COLOR_YELLOW : COLOR_NONE, json_get(pool, "used"));
  add_count(table, COLOR_NONE, json_get(pool, "waiting"));
  table_cell(table, COLOR_NONE, json_text(json_get(pool, "script"), NULL));
  table_cell(table, COLOR_NONE, runs.data);
  buffer_deinit(&runs);
}

/* {"name": the first word, ...} */
static void begin_params(struct cli *cli, struct params *params)
{
  params_begin(params);
  if (cli->arguments->word_count > 0)
    json_put_text(&params->writer, "name", cli->arguments->words[0]);
}

int cli_do_pools(struct cli *cli)
{
  struct json_document *answer;
  struct params params;
  begin_params(cli, &params);
  params_end(&params);
  enum error_code code = cli_ask(cli, "pools", params.text.data, &answer);
  params_deinit(&params);
  if (code)
    return cli_fail(cli);
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  json_each(pool, json_get(control_result(answer), "pools")) {
    if (cli->wants_json)
      cli_put_json(cli, pool);
    else
      add_pool(table, pool);
  }
  table_flush(table, &cli->out);
  if (!cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no pools\n");
  table_destroy(table);
  json_free(answer);
  return 0;
}

/* Sends the operation and says what was done. */
static int change(struct cli *cli, const char *op, struct params *params, const char *what)
{
  struct json_document *answer;
  params_end(params);
  enum error_code code = cli_ask(cli, op, params->text.data, &answer);
  params_deinit(params);
  if (code)
    return cli_fail(cli);
  if (cli->wants_json) {
    cli_put_json(cli, control_result(answer));
  } else {
    buffer_append_text(&cli->out, what);
    cli_put_visible(cli, COLOR_BOLD, cli->arguments->words[0]);
    buffer_append_byte(&cli->out, '\n');
  }
  json_free(answer);
  return 0;
}

int cli_do_set_pool(struct cli *cli)
{
  struct params params;
  const char *text = cli->arguments->words[1];
  char *end;
  errno = 0;
  long long slots = strtoll(text, &end, 10);
  if (end == text || *end || errno) {
    error_set(&cli->error, ERROR_USAGE, "SLOTS must be a whole number, not \"%s\"", text);
    return cli_fail(cli);
  }
  begin_params(cli, &params);
  json_put_integer(&params.writer, "slots", slots);
  return change(cli, "set_pool", &params, "set ");
}

int cli_do_remove_pool(struct cli *cli)
{
  struct params params;
  begin_params(cli, &params);
  return change(cli, "remove_pool", &params, "removed ");
}
