/* Commands about what scripts keep and hold: kv get, kv set, kv list, kv delete, locks. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"

/* ---- kv ---- */

static void put_scope(struct cli *cli, struct json_writer *writer)
{
  const char *script = arguments_value(cli->arguments, "script", NULL);
  if (script)
    json_put_text(writer, "script", script);
}

/* The answer to `op` on the key that the first word is, with a value or none. */
static enum error_code ask_about_key(struct cli *cli, const char *op, const char *value,
                                     struct json_document **answer)
{
  const char *ttl = arguments_value(cli->arguments, "ttl", NULL);
  struct params params;
  enum error_code code = ERROR_OK;
  params_begin(&params);
  json_put_text(&params.writer, "key", cli->arguments->words[0]);
  put_scope(cli, &params.writer);
  if (value) {
    json_key(&params.writer, "value");
    code = cli_put_loose(&params.writer, value, &cli->error);
  }
  if (value && ttl)
    json_put_text(&params.writer, "ttl", ttl);
  const char *text = params_end(&params);
  if (!code)
    code = cli_ask(cli, op, text, answer);
  params_deinit(&params);
  return code;
}

static enum error_code read_value(struct cli *cli, struct json_document **answer,
                                  const struct json **value)
{
  const char *key = cli->arguments->words[0];
  enum error_code code = ask_about_key(cli, "kv_get", NULL, answer);
  if (code)
    return code;
  *value = json_get(control_result(*answer), "value");
  if (*value && (*value)->type != JSON_NULL)
    return ERROR_OK;
  const char *script = arguments_value(cli->arguments, "script", NULL);
  return script ? error_set(&cli->error, ERROR_NOT_FOUND, "script %s keeps no \"%s\"", script, key)
                : error_set(&cli->error, ERROR_NOT_FOUND, "there is no shared value \"%s\"", key);
}

int cli_do_kv_get(struct cli *cli)
{
  struct json_document *answer = NULL;
  const struct json *value = NULL;
  int status = 0;
  if (read_value(cli, &answer, &value)) {
    status = cli_fail(cli);
  } else if (cli->wants_json) {
    cli_put_json(cli, value);
  } else {
    char *text = cli_text_of(value);
    cli_put_lines(&cli->out, text, 0);
    buffer_append_byte(&cli->out, '\n');
    free(text);
  }
  json_free(answer);
  return status;
}

static int change(struct cli *cli, const char *value)
{
  struct json_document *answer = NULL;
  int status = ask_about_key(cli, "kv_set", value, &answer) ? cli_fail(cli) : 0;
  json_free(answer);
  return status;
}

int cli_do_kv_set(struct cli *cli)
{
  return change(cli, cli->arguments->words[1]);
}

/* What is not there cannot be meant. */
int cli_do_kv_delete(struct cli *cli)
{
  struct json_document *answer = NULL;
  const struct json *value = NULL;
  int status = read_value(cli, &answer, &value) ? cli_fail(cli) : change(cli, NULL);
  json_free(answer);
  return status;
}

static const struct table_column kv_columns[] = {
    {.title = "SCRIPT"},
    {.title = "KEY", .may_shrink = true},
    {.title = "UNTIL"},
    {.title = "VALUE", .may_shrink = true},
};

static void add_entry(struct cli *cli, struct table *table, const struct json *entry)
{
  const struct json *value = json_get(entry, "value");
  char *text = cli_text_of(value);
  char *line = cli_first_line(text);
  if (!value) {
    struct buffer size = {0};
    buffer_printf(&size, "(%" PRId64 " bytes)", json_integer(json_get(entry, "size"), 0));
    line = buffer_take(&size);
  }
  table_cell(table, COLOR_NONE, json_text(json_get(entry, "script"), "(shared)"));
  table_cell(table, COLOR_BOLD, json_text(json_get(entry, "key"), "?"));
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(entry, "expires_at")));
  table_cell(table, COLOR_NONE, line);
  free(text);
  free(line);
}

static enum error_code ask_page(struct cli *cli, const char *after_script, const char *after,
                                struct json_document **answer)
{
  struct params params;
  params_begin(&params);
  put_scope(cli, &params.writer);
  if (arguments_has(cli->arguments, "shared"))
    json_put_boolean(&params.writer, "shared", true);
  if (cli->arguments->word_count > 0)
    json_put_text(&params.writer, "prefix", cli->arguments->words[0]);
  if (after) {
    json_put_text(&params.writer, "after_script", after_script);
    json_put_text(&params.writer, "after", after);
  }
  enum error_code code = cli_ask(cli, "kv_list", params_end(&params), answer);
  params_deinit(&params);
  return code;
}

int cli_do_kv_list(struct cli *cli)
{
  struct table *table =
      table_create(kv_columns, sizeof kv_columns / sizeof kv_columns[0], &cli->screen);
  char *after_script = NULL, *after = NULL;
  enum error_code code;
  do {
    struct json_document *answer;
    code = ask_page(cli, after_script, after, &answer);
    free(after_script);
    free(after);
    after_script = after = NULL;
    if (code)
      break;
    const struct json *page = control_result(answer);
    json_each(entry, json_get(page, "entries")) {
      if (cli->wants_json)
        cli_put_json(cli, entry);
      else
        add_entry(cli, table, entry);
    }
    table_flush(table, &cli->out);
    cli_flush(cli);
    after = memory_strdup(json_text(json_get(page, "next"), NULL));
    after_script = memory_strdup(json_text(json_get(page, "next_script"), NULL));
    json_free(answer);
  } while (after);
  if (!code && !cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "nothing is kept\n");
  table_destroy(table);
  return code ? cli_fail(cli) : 0;
}

/* ---- locks ---- */

static const struct table_column lock_columns[] = {
    {.title = "LOCK", .may_shrink = true},
    {.title = "HELD BY", .may_shrink = true},
    {.title = "SINCE"},
    {.title = "UNTIL"},
    {.title = "WAITING", .may_shrink = true},
};

static void add_lock(struct cli *cli, struct table *table, const struct json *lock)
{
  struct buffer waiting = {0};
  json_each(party, json_get(lock, "waiting"))
    buffer_printf(&waiting, "%s%s", waiting.size ? ", " : "",
                  json_text(json_get(party, "who"), "?"));
  table_cell(table, COLOR_BOLD, json_text(json_get(lock, "name"), "?"));
  table_cell(table, COLOR_NONE, json_text(json_get(lock, "holder"), "?"));
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(lock, "since")));
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(lock, "expires_at")));
  table_cell(table, COLOR_NONE, waiting.data);
  buffer_deinit(&waiting);
}

int cli_do_locks(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "locks", NULL, &answer))
    return cli_fail(cli);
  const struct json *result = control_result(answer), *locks = json_get(result, "locks");
  struct table *table =
      table_create(lock_columns, sizeof lock_columns / sizeof lock_columns[0], &cli->screen);
  json_each(lock, locks) {
    if (cli->wants_json)
      cli_put_json(cli, lock);
    else
      add_lock(cli, table, lock);
  }
  table_flush(table, &cli->out);
  int64_t hidden = json_integer(json_get(result, "count"), 0) - (locks ? locks->count : 0);
  if (!cli->wants_json && hidden > 0)
    buffer_printf(&cli->out, "and %" PRId64 " more\n", hidden);
  if (!cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no locks\n");
  table_destroy(table);
  json_free(answer);
  return 0;
}
