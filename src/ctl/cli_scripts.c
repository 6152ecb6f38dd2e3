/* Commands about scripts: scripts, add script, show script, rollback script, remove script. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "ctl/cli_common.h"
#include "ctl/server.h"
#include "model/script.h"

/* ---- scripts ---- */

static const struct table_column columns[] = {
    {.title = "SCRIPT", .may_shrink = true},
    {.title = "STATE"},
    {.title = "JOBS", .is_right = true},
    {.title = "ORIGIN"},
    {.title = "LOADED"},
    {.title = "VERSION"},
    {.title = "PATH", .may_shrink = true},
};

/* "ok", and of a parallel script on how many workers. */
static void describe_state(const struct json *script, char *text, size_t size)
{
  const struct json *states = json_get(script, "states");
  unsigned loaded = 0;
  json_each(state, states)
    loaded += strcmp(json_text(json_get(state, "state"), ""), "loaded") == 0;
  if (json_text(json_get(script, "error"), NULL))
    snprintf(text, size, "error");
  else if (!states)
    snprintf(text, size, "ok");
  else if (loaded == states->count)
    snprintf(text, size, "ok, %u %s", loaded, loaded == 1 ? "state" : "states");
  else
    snprintf(text, size, "ok, %u of %u states", loaded, (unsigned)states->count);
}

static void add_script_row(struct cli *cli, struct table *table, const struct json *script)
{
  bool has_error = json_text(json_get(script, "error"), NULL) != NULL;
  const struct json *jobs = json_get(script, "jobs");
  char count[24] = "";
  snprintf(count, sizeof count, "%" PRId64,
           jobs && jobs->type == JSON_ARRAY ? (int64_t)jobs->count : json_integer(jobs, 0));
  char state[48], version[9];
  describe_state(script, state, sizeof state);
  snprintf(version, sizeof version, "%s", json_text(json_get(script, "version"), ""));
  table_cell(table, COLOR_BOLD, json_text(json_get(script, "name"), "?"));
  table_cell(table, has_error ? COLOR_RED : COLOR_GREEN, state);
  table_cell(table, COLOR_NONE, count);
  table_cell(table, COLOR_NONE, json_text(json_get(script, "origin"), NULL));
  table_cell(table, COLOR_NONE, cli_when(cli, json_get(script, "loaded_at")));
  table_cell(table, COLOR_NONE, *version ? version : NULL);
  table_cell(table, COLOR_NONE, json_text(json_get(script, "path"), NULL));
}

static void put_problem(struct cli *cli, const struct json *script, const struct json *of,
                        bool *is_first)
{
  const char *problem = json_text(json_get(of, "error"), NULL);
  if (!problem)
    return;
  buffer_append_text(&cli->out, *is_first ? "\n" : "");
  *is_first = false;
  cli_put_visible(cli, COLOR_RED, json_text(json_get(script, "name"), "?"));
  if (of != script)
    buffer_printf(&cli->out, " on worker %" PRId64, json_integer(json_get(of, "worker"), 0));
  buffer_append_text(&cli->out, ": ");
  cli_put_lines(&cli->out, problem, 2);
  buffer_append_byte(&cli->out, '\n');
}

static void put_problems(struct cli *cli, const struct json *scripts)
{
  bool is_first = true;
  json_each(script, scripts) {
    put_problem(cli, script, script, &is_first);
    json_each(state, json_get(script, "states"))
      put_problem(cli, script, state, &is_first);
  }
}

int cli_do_scripts(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "scripts", NULL, &answer))
    return cli_fail(cli);
  const struct json *scripts = json_get(control_result(answer), "scripts");
  struct table *table = table_create(columns, sizeof columns / sizeof columns[0], &cli->screen);
  json_each(script, scripts) {
    if (cli->wants_json)
      cli_put_json(cli, script);
    else
      add_script_row(cli, table, script);
  }
  table_flush(table, &cli->out);
  if (!cli->wants_json)
    put_problems(cli, scripts);
  if (!cli->wants_json && table_row_count(table) == 0 && cli->screen.is_terminal)
    screen_append(&cli->screen, &cli->out, COLOR_DIM, "no scripts\n");
  table_destroy(table);
  json_free(answer);
  return 0;
}

/* ---- add script ---- */

/* A frame of the control protocol is bounded, and escapes make a source longer. */
enum { SOURCE_MAX = SERVER_FRAME_MAX - 4096 };

static enum error_code read_source(struct cli *cli, const char *path, struct buffer *source)
{
  bool is_stdin = strcmp(path, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return error_set_errno(&cli->error, error_from_errno(errno), errno, "cannot open %s", path);
  enum error_code code = ERROR_OK;
  char bytes[65536];
  ssize_t size;
  while (!code && (size = read(fd, bytes, sizeof bytes)) != 0) {
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      code = error_set_errno(&cli->error, ERROR_IO, errno, "cannot read %s", path);
    else
      buffer_append(source, bytes, (size_t)size);
    if (!code && source->size > SCRIPT_SIZE_MAX)
      code =
          error_set(&cli->error, ERROR_LIMIT, "%s is larger than %d bytes", path, SCRIPT_SIZE_MAX);
  }
  if (!is_stdin)
    close(fd);
  size_t bad;
  if (!code && !text_is_utf8(source->data ? source->data : "", source->size, &bad))
    code = error_set(&cli->error, ERROR_INVALID, "%s: invalid UTF-8 at byte %zu", path, bad + 1);
  return code;
}

static enum error_code ask_add_script(struct cli *cli, const struct buffer *source,
                                      struct json_document **answer)
{
  struct params params;
  params_begin(&params);
  json_put_text(&params.writer, "name", cli->arguments->words[0]);
  json_key(&params.writer, "source");
  json_write_string(&params.writer, source->data ? source->data : "", source->size);
  const char *text = params_end(&params);
  enum error_code code =
      params.text.size > SOURCE_MAX
          ? error_set(&cli->error, ERROR_LIMIT,
                      "%s is too large to be sent (%zu bytes, and %d are the limit): put it into "
                      "the jobs folder",
                      cli->arguments->words[1], params.text.size, SOURCE_MAX)
          : cli_ask(cli, "add_script", text, answer);
  params_deinit(&params);
  return code;
}

static void put_revision(struct cli *cli, const char *verb, const struct json *script)
{
  if (cli->wants_json) {
    cli_put_json(cli, script);
    return;
  }
  const struct json *jobs = json_get(script, "jobs");
  buffer_printf(&cli->out, "%s ", verb);
  cli_put_visible(cli, COLOR_BOLD, json_text(json_get(script, "name"), cli->arguments->words[0]));
  int64_t revision = json_integer(json_get(script, "revision"), 0);
  if (revision > 0)
    buffer_printf(&cli->out, ", revision %" PRId64, revision);
  if (jobs && jobs->type == JSON_ARRAY)
    buffer_printf(&cli->out, ", %u job%s", jobs->count, jobs->count == 1 ? "" : "s");
  buffer_append_byte(&cli->out, '\n');
}

int cli_do_add_script(struct cli *cli)
{
  struct buffer source = {0};
  struct json_document *answer = NULL;
  enum error_code code = script_check_name(cli->arguments->words[0], &cli->error);
  if (code == ERROR_OK)
    code = read_source(cli, cli->arguments->words[1], &source);
  if (code == ERROR_OK)
    code = ask_add_script(cli, &source, &answer);
  if (code == ERROR_OK)
    put_revision(cli, "added", control_result(answer));
  buffer_deinit(&source);
  json_free(answer);
  return code ? cli_fail(cli) : 0;
}

/* ---- show script ---- */

static void put_script_head(struct cli *cli, const struct json *script)
{
  const char *problem = json_text(json_get(script, "error"), NULL);
  cli_put_visible(cli, COLOR_BOLD, json_text(json_get(script, "name"), "?"));
  buffer_append_text(&cli->out, "  ");
  cli_put_visible(cli, COLOR_DIM, json_text(json_get(script, "path"), ""));
  buffer_append_byte(&cli->out, '\n');
  json_each(revision, json_get(script, "revisions")) {
    buffer_printf(&cli->out, "  revision %" PRId64 "  ",
                  json_integer(json_get(revision, "revision"), 0));
    const char *when = cli_when(cli, json_get(revision, "created_at"));
    cli_put_visible(cli, COLOR_NONE, when ? when : "");
    buffer_append_text(&cli->out, "  ");
    cli_put_visible(cli, COLOR_DIM, json_text(json_get(revision, "version"), ""));
    buffer_append_byte(&cli->out, '\n');
  }
  if (problem) {
    cli_put_visible(cli, COLOR_RED, "error: ");
    cli_put_lines(&cli->out, problem, 2);
    buffer_append_byte(&cli->out, '\n');
  }
  buffer_append_byte(&cli->out, '\n');
}

/* For a person with a head and nothing that acts on the terminal; into a file or a pipe the source
 * as it is. */
static void put_script(struct cli *cli, const struct json *script)
{
  const struct json *source = json_get(script, "source");
  if (cli->screen.is_terminal) {
    put_script_head(cli, script);
    cli_put_lines(&cli->out, json_text(source, ""), 0);
    buffer_append_byte(&cli->out, '\n');
  } else if (source && source->type == JSON_STRING) {
    buffer_append(&cli->out, source->as.string.data, source->as.string.size);
  }
}

/* Revisions are numbers on the wire. */
static enum error_code ask_revision(struct cli *cli, const char *op, const char *revision,
                                    struct json_document **answer)
{
  struct params params;
  char *end;
  *answer = NULL;
  long number = revision ? strtol(revision, &end, 10) : 0;
  if (revision && (*end || end == revision || number < 1))
    return error_set(&cli->error, ERROR_USAGE, "\"%s\" is no revision: they count from 1",
                     revision);
  params_begin(&params);
  json_put_text(&params.writer, "name", cli->arguments->words[0]);
  if (revision)
    json_put_integer(&params.writer, "revision", number);
  enum error_code code = cli_ask(cli, op, params_end(&params), answer);
  params_deinit(&params);
  return code;
}

int cli_do_show_script(struct cli *cli)
{
  struct json_document *answer;
  if (ask_revision(cli, "show_script", arguments_value(cli->arguments, "revision", NULL), &answer))
    return cli_fail(cli);
  if (cli->wants_json)
    cli_put_json(cli, control_result(answer));
  else
    put_script(cli, control_result(answer));
  json_free(answer);
  return 0;
}

/* ---- rollback script, remove script ---- */

int cli_do_rollback_script(struct cli *cli)
{
  struct json_document *answer;
  const char *revision = cli->arguments->word_count > 1 ? cli->arguments->words[1] : NULL;
  if (ask_revision(cli, "rollback_script", revision, &answer))
    return cli_fail(cli);
  put_revision(cli, "rolled back", control_result(answer));
  json_free(answer);
  return 0;
}

int cli_do_remove_script(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask_about(cli, "remove_script", "name", cli->arguments->words[0], &answer))
    return cli_fail(cli);
  put_revision(cli, "removed", control_result(answer));
  json_free(answer);
  return 0;
}
