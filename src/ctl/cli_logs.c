/* `moonbeat logs RUN [-f]`, and the following that `run-now --wait` does. While a run goes on, its
 * events say when there is more to fetch; what is fetched are the stored lines, so nothing is lost
 * and nothing comes twice. Who follows is told on standard error of attempts that have ended, also
 * from what is stored. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "ctl/cli_common.h"
#include "time/instant.h"

enum { PAGE = 1000, POLL_MS = 1000 };

static void append_clock(struct cli *cli, const struct json *line)
{
  char text[INSTANT_TEXT_SIZE];
  const struct zone *zone = NULL;
  int64_t us = cli_instant(json_get(line, "at"), 0);
  if (!cli->screen.is_terminal) {
    instant_format(text, us);
    buffer_printf(&cli->out, "%s %s ", text, json_text(json_get(line, "level"), "info"));
    return;
  }
  zone_find("local", &zone, NULL);
  instant_format_in(text, us, zone);
  screen_begin_color(&cli->screen, &cli->out, COLOR_DIM);
  buffer_printf(&cli->out, "%.8s", text + strlen("2026-11-21T"));
  screen_end_color(&cli->screen, &cli->out, COLOR_DIM);
  buffer_append_byte(&cli->out, ' ');
}

static void put_line(struct cli *cli, const struct json *line)
{
  const char *level = json_text(json_get(line, "level"), "info");
  if (cli->wants_json) {
    cli_put_json(cli, line);
    return;
  }
  enum color color = color_of(level);
  append_clock(cli, line);
  screen_begin_color(&cli->screen, &cli->out, color);
  cli_put_lines(&cli->out, json_text(json_get(line, "text"), ""), 9);
  screen_end_color(&cli->screen, &cli->out, color);
  buffer_append_byte(&cli->out, '\n');
}

struct follow {
  struct cli *cli;
  char *run;
  int64_t after, attempts_told;
  bool has_ended, has_more, is_silent, tells_attempts;
};

static void tell_removed(const struct json *result)
{
  char limit[SIZE_TEXT_SIZE];
  size_format(limit, json_integer(json_get(result, "keep_logs"), 0));
  fprintf(stderr,
          "moonbeat: the log of this run is removed: the logs of a job take %s at most, which "
          "keep_logs in moonbeat.lua says\n",
          limit);
}

/* ---- attempts: who waits shall know for what ---- */

/* "attempt 1 failed: no answer, next in 10s": the last part when that is still to come. */
static void tell_attempt(const struct json *attempt, int64_t due_us)
{
  struct buffer line = {0};
  const char *state = json_text(json_get(attempt, "state"), "?"),
             *error = json_text(json_get(attempt, "error"), "");
  int64_t ended_us = cli_instant(json_get(attempt, "finished_at"), 0);
  buffer_printf(&line, "attempt %" PRId64 " %s", json_integer(json_get(attempt, "attempt"), 0),
                strcmp(state, "timed_out") == 0 ? "timed out" : state);
  buffer_append_text(&line, *error ? ": " : "");
  text_append_visible(&line, error, strcspn(error, "\n"));
  if (due_us > clock_wall_us() && due_us > ended_us) {
    buffer_append_text(&line, ", next in ");
    append_span(&line, due_us - ended_us);
  }
  fprintf(stderr, "%s\n", line.data);
  buffer_deinit(&line);
}

/* Those before `attempt` that have not been told of. */
static enum error_code tell_attempts(struct follow *follow, int64_t attempt)
{
  struct json_document *answer;
  if (!follow->tells_attempts || attempt - 1 <= follow->attempts_told)
    return ERROR_OK;
  enum error_code code = cli_ask_about(follow->cli, "run", "run", follow->run, &answer);
  if (code)
    return code;
  const struct json *run = control_result(answer);
  int64_t current = json_integer(json_get(run, "attempt"), 0),
          due_us = cli_instant(json_get(run, "due_at"), 0);
  json_each(ended, json_get(run, "attempts")) {
    int64_t number = json_integer(json_get(ended, "attempt"), 0);
    if (number > follow->attempts_told && number < attempt)
      tell_attempt(ended, number + 1 == current ? due_us : 0);
  }
  follow->attempts_told = attempt - 1;
  json_free(answer);
  return ERROR_OK;
}

/* ---- pages ---- */

static enum error_code put_lines(struct follow *follow, const struct json *lines)
{
  enum error_code code = ERROR_OK;
  json_each(line, lines) {
    int64_t attempt = json_integer(json_get(line, "attempt"), 0);
    if (attempt - 1 > follow->attempts_told && follow->tells_attempts) {
      cli_flush(follow->cli);
      code = tell_attempts(follow, attempt);
    }
    if (code)
      return code;
    if (!follow->is_silent)
      put_line(follow->cli, line);
    follow->after = json_integer(json_get(line, "sequence"), follow->after);
  }
  cli_flush(follow->cli);
  return code;
}

/* Prints the next page. */
static enum error_code fetch(struct follow *follow)
{
  struct params params;
  struct json_document *answer;
  params_begin(&params);
  json_put_text(&params.writer, "run", follow->run);
  json_put_integer(&params.writer, "after", follow->after);
  json_put_integer(&params.writer, "limit", PAGE);
  enum error_code code = cli_ask(follow->cli, "logs", params_end(&params), &answer);
  params_deinit(&params);
  if (code)
    return code;
  const struct json *result = control_result(answer), *lines = json_get(result, "lines");
  code = put_lines(follow, lines);
  follow->after = json_integer(json_get(result, "next"), follow->after);
  follow->has_ended = json_boolean(json_get(result, "ended"), false);
  follow->has_more = lines && lines->count >= PAGE;
  if (!follow->is_silent && json_boolean(json_get(result, "removed"), false))
    tell_removed(result);
  /* A job's id means its latest run; from now on it is this one. */
  const char *run = json_text(json_get(result, "run"), NULL);
  if (run) {
    free(follow->run);
    follow->run = memory_strdup(run);
  }
  if (!code && !follow->has_more)
    code = tell_attempts(follow, json_integer(json_get(result, "attempt"), 0));
  json_free(answer);
  return code;
}

static enum error_code subscribe(struct follow *follow)
{
  struct json_document *answer;
  enum error_code code = cli_ask_about(follow->cli, "subscribe", "run", follow->run, &answer);
  json_free(answer);
  return code;
}

/* Until something happens to the run, or for a while. */
static enum error_code wait_for_event(struct follow *follow)
{
  struct control *control = follow->cli->control;
  struct json_document *frame;
  enum error_code code = control_receive(control, POLL_MS, &frame, &follow->cli->error);
  while (code == ERROR_OK && frame) {
    json_free(frame);
    code = control_receive(control, 0, &frame, &follow->cli->error);
  }
  return code;
}

enum error_code cli_print_log(struct cli *cli, const char *run, bool follows, bool is_silent)
{
  struct follow follow = {.cli = cli,
                          .run = memory_strdup(run),
                          .is_silent = is_silent,
                          .tells_attempts = follows && !cli->wants_json};
  enum error_code code;
  do
    code = fetch(&follow);
  while (!code && follow.has_more);
  if (!code && follows && !follow.has_ended)
    code = subscribe(&follow);
  while (!code && follows && !(follow.has_ended && !follow.has_more)) {
    code = fetch(&follow);
    if (!code && !follow.has_ended && !follow.has_more)
      code = wait_for_event(&follow);
  }
  free(follow.run);
  return code;
}

int cli_do_logs(struct cli *cli)
{
  bool follows = arguments_has(cli->arguments, "follow");
  return cli_print_log(cli, cli->arguments->words[0], follows, false) ? cli_fail(cli) : 0;
}
