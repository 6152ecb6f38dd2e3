/* Commands that show jobs: list, show, skips. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "ctl/cli_common.h"

/* ---- list ---- */

static const struct table_column list_columns[] = {
    {.title = "JOB", .may_shrink = true},
    {.title = "STATE"},
    {.title = "NEXT"},
    {.title = "LAST"},
    {.title = "TRIGGER", .may_shrink = true},
};

/* The size of a `name=` that begins at `at`, with the sign; 0 when none does. */
static size_t option_size(const char *at)
{
  size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
  return size && at[size] == '=' ? size + 1 : 0;
}

/* Where a value of the text form ends: behind its quotes, or before the next option, or before the
 * parenthesis that closes its group. */
static const char *end_of_value(const char *at)
{
  int open = 0;
  if (*at == '"') {
    for (at++; *at && *at != '"'; at++)
      at += *at == '\\' && at[1];
    return at + (*at == '"');
  }
  for (; *at && !(*at == ' ' && option_size(at + 1)); at++) {
    if (*at == ')' && open-- == 0)
      break;
    open += *at == '(';
  }
  return at;
}

/* What is written into a trigger when it is anchored, and no person wrote. */
static bool is_bookkeeping(const char *option)
{
  static const char *const names[] = {"anchor=", "limit_from=", "seed="};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (text_begins_with(option, names[i]))
      return true;
  return false;
}

/* The trigger as a person wrote it; `show` tells the rest. */
static void add_trigger_cell(struct table *table, const char *text)
{
  struct buffer shown = {0};
  for (const char *at = text ? text : ""; *at;) {
    const char *begin = at;
    if (*at == ' ' && is_bookkeeping(at + 1)) {
      at = end_of_value(at + 1 + option_size(at + 1));
      continue;
    }
    bool is_quoted = *at == '"' && at > text && (at[-1] == '=' || at[-1] == ' ');
    at = is_quoted ? end_of_value(at) : at + 1;
    buffer_append(&shown, begin, (size_t)(at - begin));
  }
  table_cell(table, COLOR_NONE, shown.data);
  buffer_deinit(&shown);
}

/* "active, late, failed 3 times", "active, 37 % (370/1000)" */
static void add_state_cell(struct table *table, const struct json *job)
{
  const char *state = json_text(json_get(job, "state"), "?");
  const struct json *late = json_get(job, "late");
  bool is_late = late && late->type == JSON_BOOL && late->as.boolean;
  int64_t failures = json_integer(json_get(job, "failures"), 0);
  struct buffer text = {0};
  buffer_printf(&text, "%s%s", state, is_late ? ", late" : "");
  if (failures > 0)
    buffer_printf(&text, failures == 1 ? ", failed" : ", failed %" PRId64 " times", failures);
  char *progress = cli_progress(json_get(job, "progress"));
  if (progress)
    buffer_printf(&text, ", %s", progress);
  free(progress);
  table_cell(table, is_late || failures ? COLOR_RED : color_of(state), text.data);
  buffer_deinit(&text);
}

static void add_job_row(struct cli *cli, struct table *table, const struct json *job)
{
  table_cell(table, COLOR_BOLD, json_text(json_get(job, "id"), "?"));
  add_state_cell(table, job);
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(job, "next_run_at")));
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(job, "last_run_at")));
  add_trigger_cell(table, json_text(json_get(job, "trigger_text"), NULL));
}

/* What needs a person stands last, where it is seen. */
static void put_problem(struct buffer *problems, const struct screen *screen, const char *what,
                        const char *name, const char *problem)
{
  screen_begin_color(screen, problems, COLOR_RED);
  buffer_printf(problems, "%s ", what);
  cli_put_lines(problems, name, 0);
  screen_end_color(screen, problems, COLOR_RED);
  buffer_append_text(problems, ": ");
  cli_put_lines(problems, problem, 2);
  buffer_append_byte(problems, '\n');
}

static void gather_script_problems(struct cli *cli, struct buffer *problems,
                                   const struct json *scripts)
{
  const char *wanted = arguments_value(cli->arguments, "script", NULL);
  json_each(script, scripts) {
    const char *name = json_text(json_get(script, "name"), "?");
    const char *problem = json_text(json_get(script, "error"), NULL);
    if (problem && (!wanted || strcmp(wanted, name) == 0))
      put_problem(problems, &cli->screen, "script", name, problem);
  }
}

enum error_code cli_ask_jobs(struct cli *cli, const char *after, long limit,
                             struct json_document **answer)
{
  static const char *const filters[] = {"state", "script", "tag"};
  static const char *const switches[] = {"late", "failing"};
  struct params params;
  params_begin(&params);
  json_put_integer(&params.writer, "limit", limit);
  if (after)
    json_put_text(&params.writer, "after", after);
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
    const char *value = arguments_value(cli->arguments, filters[i], NULL);
    if (value)
      json_put_text(&params.writer, filters[i], value);
  }
  for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
    if (arguments_has(cli->arguments, switches[i]))
      json_put_boolean(&params.writer, switches[i], true);
  enum error_code code = cli_ask(cli, "list", params_end(&params), answer);
  params_deinit(&params);
  return code;
}

static void put_list_page(struct cli *cli, struct table *table, struct buffer *problems,
                          const struct json *page)
{
  json_each(job, json_get(page, "jobs")) {
    if (cli->wants_json) {
      cli_put_json(cli, job);
      continue;
    }
    add_job_row(cli, table, job);
    const char *problem = json_text(json_get(job, "error"), NULL);
    if (problem)
      put_problem(problems, &cli->screen, "job", json_text(json_get(job, "id"), "?"), problem);
  }
  if (!cli->wants_json) {
    table_flush(table, &cli->out);
    gather_script_problems(cli, problems, json_get(page, "scripts"));
  }
  cli_flush(cli);
}

int cli_do_list(struct cli *cli)
{
  long left;
  if (arguments_number(cli->arguments, "count", 1, INT32_MAX, INT32_MAX, &left, &cli->error))
    return cli_fail(cli);
  if (arguments_has(cli->arguments, "timers"))
    return cli_list_timers(cli, left) ? cli_fail(cli) : 0;
  struct table *table =
      table_create(list_columns, sizeof list_columns / sizeof list_columns[0], &cli->screen);
  struct buffer problems = {0};
  char *after = NULL;
  enum error_code code;
  do {
    struct json_document *answer;
    code = cli_ask_jobs(cli, after, left < CLI_JOBS_PAGE ? left : CLI_JOBS_PAGE, &answer);
    free(after);
    after = NULL;
    if (code)
      break;
    const struct json *page = control_result(answer), *jobs = json_get(page, "jobs");
    put_list_page(cli, table, &problems, page);
    left -= jobs ? (long)jobs->count : 0;
    after = memory_strdup(json_text(json_get(page, "next"), NULL));
    json_free(answer);
  } while (after && left > 0 && !ferror(stdout));
  free(after);
  if (!code && !cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no jobs\n");
  if (problems.size > 0)
    buffer_printf(&cli->out, "%s%s", table_row_count(table) > 0 ? "\n" : "", problems.data);
  buffer_deinit(&problems);
  table_destroy(table);
  return code ? cli_fail(cli) : 0;
}

/* ---- show ---- */

static bool is_empty(const struct json *value)
{
  return value->type == JSON_NULL ||
         ((value->type == JSON_ARRAY || value->type == JSON_OBJECT) && value->count == 0);
}

static void put_member(struct cli *cli, const struct json *member, const char *label)
{
  char *text = cli_text_of(member);
  int64_t at_us = cli_instant(member, INT64_MIN);
  screen_begin_color(&cli->screen, &cli->out, COLOR_DIM);
  buffer_printf(&cli->out, "%-19s", label);
  screen_end_color(&cli->screen, &cli->out, COLOR_DIM);
  enum color color = strcmp(label, "state") == 0   ? color_of(text)
                     : strcmp(label, "error") == 0 ? COLOR_RED
                     : strcmp(label, "id") == 0    ? COLOR_BOLD
                                                   : COLOR_NONE;
  screen_begin_color(&cli->screen, &cli->out, color);
  cli_put_lines(&cli->out, text, 19);
  screen_end_color(&cli->screen, &cli->out, color);
  if (at_us != INT64_MIN) {
    buffer_append_text(&cli->out, "  (");
    append_when(&cli->out, at_us, cli->screen.now_us);
    buffer_append_byte(&cli->out, ')');
  }
  buffer_append_byte(&cli->out, '\n');
  free(text);
}

static void put_job(struct cli *cli, const struct json *job)
{
  const char *id = json_text(json_get(job, "id"), "");
  json_each(member, job) {
    bool is_name_again = strcmp(member->key, "name") == 0 && strcmp(json_text(member, ""), id) == 0;
    if (is_empty(member) || is_name_again || strcmp(member->key, "trigger") == 0)
      continue;
    put_member(cli, member, strcmp(member->key, "trigger_text") == 0 ? "trigger" : member->key);
  }
}

int cli_do_show(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask_about(cli, "show", "job", cli->arguments->words[0], &answer))
    return cli_fail(cli);
  if (cli->wants_json)
    cli_put_json(cli, control_result(answer));
  else
    put_job(cli, control_result(answer));
  json_free(answer);
  return 0;
}

/* ---- skips ---- */

static void put_skips(struct cli *cli, const struct json *answer)
{
  static const struct table_column columns[] = {
      {.title = "REASON"},    {.title = "COUNT", .is_right = true},
      {.title = "FIRST DUE"}, {.title = "LAST DUE"},
      {.title = "RECORDED"},
  };
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  json_each(skip, json_get(answer, "skips")) {
    char *count = cli_text_of(json_get(skip, "count"));
    table_cell(table, COLOR_YELLOW, json_text(json_get(skip, "reason"), "?"));
    table_cell(table, COLOR_NONE, count);
    table_cell(table, COLOR_NONE, cli_when(cli, json_get(skip, "first_at")));
    table_cell(table, COLOR_NONE, cli_when(cli, json_get(skip, "last_at")));
    table_cell(table, COLOR_NONE, cli_when(cli, json_get(skip, "recorded_at")));
    free(count);
  }
  table_flush(table, &cli->out);
  if (table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "nothing was skipped\n");
  if (json_boolean(json_get(answer, "more"), false))
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "and more: -n says how many are shown\n");
  table_destroy(table);
}

int cli_do_skips(struct cli *cli)
{
  long limit;
  if (arguments_number(cli->arguments, "count", 1, 1000, 20, &limit, &cli->error))
    return cli_fail(cli);
  struct params params;
  struct json_document *answer;
  params_begin(&params);
  json_put_text(&params.writer, "job", cli->arguments->words[0]);
  json_put_integer(&params.writer, "limit", limit);
  enum error_code code = cli_ask(cli, "skips", params_end(&params), &answer);
  params_deinit(&params);
  if (code)
    return cli_fail(cli);
  if (cli->wants_json)
    json_each(skip, json_get(control_result(answer), "skips"))
      cli_put_json(cli, skip);
  else
    put_skips(cli, control_result(answer));
  json_free(answer);
  return 0;
}
