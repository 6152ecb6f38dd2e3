/* Commands about runs: runs, run-now, cancel. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"
#include "model/run.h"

enum { PAGE = 500 };

/* ---- runs ---- */

static const struct table_column columns[] = {
    {.title = "RUN", .may_shrink = true},
    {.title = "STATE"},
    {.title = "STARTED"},
    {.title = "TOOK", .is_right = true},
    {.title = "ATTEMPT", .is_right = true},
    {.title = "RESULT", .may_shrink = true},
};

/* "/srv/jobs/a.lua:7: no" without the folder: a row has no room for it, and `why` shows all. */
static char *problem_of(const struct json *run)
{
  const char *text = json_text(json_get(run, "error"), NULL);
  const char *place = text && *text == '/' ? strstr(text, ".lua:") : NULL;
  if (place && memchr(text, ' ', (size_t)(place - text)) == NULL)
    while (place > text && place[-1] != '/')
      place--;
  else
    place = text;
  return cli_first_line(place);
}

static void add_run_row(struct cli *cli, struct table *table, const struct json *run)
{
  const char *state = json_text(json_get(run, "state"), "?");
  const char *error = json_text(json_get(run, "error"), NULL);
  int64_t started_us = cli_instant(json_get(run, "started_at"), -1);
  int64_t finished_us = cli_instant(json_get(run, "finished_at"), -1);
  struct buffer took = {0};
  if (started_us >= 0 && finished_us >= started_us &&
      run_end_is_known((enum run_state)run_state_from_name(state), error))
    append_span(&took, finished_us - started_us);
  char *attempt = cli_text_of(json_get(run, "attempt"));
  char *problem = problem_of(run);
  char *result = cli_progress(json_get(run, "progress"));
  if (!result)
    result = cli_text_of(json_get(run, "result"));
  if (json_boolean(json_get(run, "cancelling"), false))
    state = "cancelling";
  table_cell(table, COLOR_NONE, json_text(json_get(run, "id"), "?"));
  table_cell(table, color_of(state), state);
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(run, "started_at")));
  table_cell(table, COLOR_NONE, took.data);
  table_cell(table, COLOR_NONE, attempt);
  table_cell(table, problem ? COLOR_RED : COLOR_NONE, problem ? problem : result);
  buffer_deinit(&took);
  free(attempt);
  free(problem);
  free(result);
}

static enum error_code ask_page(struct cli *cli, const char *before, long limit,
                                struct json_document **answer)
{
  const struct arguments *arguments = cli->arguments;
  const char *state = arguments_value(arguments, "state", NULL);
  struct params params;
  params_begin(&params);
  json_put_integer(&params.writer, "limit", limit);
  if (arguments->word_count > 0)
    json_put_text(&params.writer, "job", arguments->words[0]);
  if (state)
    json_put_text(&params.writer, "state", state);
  if (before)
    json_put_text(&params.writer, "before", before);
  enum error_code code = cli_ask(cli, "runs", params_end(&params), answer);
  params_deinit(&params);
  return code;
}

static void put_page(struct cli *cli, struct table *table, const struct json *runs)
{
  json_each(run, runs) {
    if (cli->wants_json)
      cli_put_json(cli, run);
    else
      add_run_row(cli, table, run);
  }
  table_flush(table, &cli->out);
  cli_flush(cli);
}

int cli_do_runs(struct cli *cli)
{
  long left;
  if (arguments_number(cli->arguments, "count", 1, INT32_MAX, 20, &left, &cli->error))
    return cli_fail(cli);
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  char *before = NULL;
  size_t shown = 0;
  enum error_code code;
  do {
    struct json_document *answer;
    code = ask_page(cli, before, left < PAGE ? left : PAGE, &answer);
    free(before);
    before = NULL;
    if (code)
      break;
    const struct json *page = control_result(answer), *runs = json_get(page, "runs");
    put_page(cli, table, runs);
    shown += runs ? runs->count : 0;
    left -= runs ? (long)runs->count : 0;
    before = cli_text_of(json_get(page, "next"));
    json_free(answer);
  } while (before && left > 0 && !ferror(stdout));
  free(before);
  table_destroy(table);
  if (!code && shown == 0 && !cli->wants_json && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no runs\n");
  return code ? cli_fail(cli) : 0;
}

/* ---- run-now ---- */

static enum error_code put_run_params(struct cli *cli, struct json_writer *writer)
{
  const struct arguments *arguments = cli->arguments;
  enum error_code code = ERROR_OK;
  json_put_text(writer, "job", arguments->words[0]);
  if (arguments->word_count == 1)
    return code;
  json_key(writer, "args");
  json_begin_array(writer);
  for (size_t i = 1; i < arguments->word_count && !code; i++)
    code = cli_put_loose(writer, arguments->words[i], &cli->error);
  json_end_array(writer);
  return code;
}

static int status_of(const char *state)
{
  return strcmp(state, "succeeded") == 0   ? 0
         : strcmp(state, "failed") == 0    ? 1
         : strcmp(state, "timed_out") == 0 ? 124
                                           : error_exit_status(ERROR_CANCELLED);
}

/* The outcome as a line and as an exit status. */
static int put_outcome(struct cli *cli, const struct json *answer)
{
  const struct json *inner = json_get(answer, "run");
  const struct json *run = inner && inner->type == JSON_OBJECT ? inner : answer;
  const char *state = json_text(json_get(run, "state"), "?");
  const char *problem = json_text(json_get(run, "error"), NULL);
  char *result = cli_text_of(json_get(run, "result"));
  if (cli->wants_json) {
    cli_put_json(cli, run);
  } else {
    cli_put_visible(cli, color_of(state), state);
    if (problem || result)
      buffer_append_text(&cli->out, ": ");
    if (problem || result)
      cli_put_lines(&cli->out, problem ? problem : result, 2);
    buffer_append_byte(&cli->out, '\n');
  }
  free(result);
  return status_of(state);
}

static int wait_for_run(struct cli *cli, const char *run)
{
  struct json_document *answer;
  if (cli_print_log(cli, run, true, cli->wants_json) ||
      cli_ask_about(cli, "run", "run", run, &answer))
    return cli_fail(cli);
  int status = put_outcome(cli, control_result(answer));
  json_free(answer);
  return status;
}

int cli_do_run_now(struct cli *cli)
{
  struct params params;
  struct json_document *answer = NULL;
  params_begin(&params);
  enum error_code code = put_run_params(cli, &params.writer);
  const char *text = params_end(&params);
  if (code == ERROR_OK)
    code = cli_ask(cli, "run_now", text, &answer);
  params_deinit(&params);
  if (code)
    return cli_fail(cli);
  const struct json *result = control_result(answer);
  int status = 0;
  if (arguments_has(cli->arguments, "wait")) {
    status = wait_for_run(cli, json_text(json_get(result, "run"), ""));
  } else if (cli->wants_json) {
    cli_put_json(cli, result);
  } else {
    cli_put_visible(cli, COLOR_NONE, json_text(json_get(result, "run"), ""));
    buffer_append_byte(&cli->out, '\n');
  }
  json_free(answer);
  return status;
}

/* ---- cancel ---- */

int cli_do_cancel(struct cli *cli)
{
  struct json_document *answer;
  struct params params;
  params_begin(&params);
  json_put_text(&params.writer, "run", cli->arguments->words[0]);
  if (arguments_has(cli->arguments, "now"))
    json_put_boolean(&params.writer, "now", true);
  enum error_code code = cli_ask(cli, "cancel_run", params_end(&params), &answer);
  params_deinit(&params);
  if (code)
    return cli_fail(cli);
  const struct json *result = control_result(answer);
  if (cli->wants_json) {
    cli_put_json(cli, result);
  } else {
    const char *state = json_text(json_get(result, "state"), "?");
    cli_put_visible(cli, COLOR_NONE, json_text(json_get(result, "run"), cli->arguments->words[0]));
    buffer_append_byte(&cli->out, ' ');
    cli_put_visible(cli, color_of(state), state);
    buffer_append_byte(&cli->out, '\n');
  }
  json_free(answer);
  return 0;
}
