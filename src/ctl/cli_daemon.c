/* Commands about the daemon as a whole: run, status, stop, check, reload. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ctl/cli_common.h"

enum { EXIT_WAIT_US = 5 * 1000 * 1000 };

int cli_do_run(struct cli *cli)
{
  struct daemon_options options;
  enum error_code code = cli_read_daemon_options(cli, &options);
  int status = code ? cli_fail(cli) : cli->host->run(&options);
  daemon_options_deinit(&options);
  return status;
}

/* ---- status ---- */

static void put_label(struct cli *cli, const char *label)
{
  screen_begin_color(&cli->screen, &cli->out, COLOR_DIM);
  buffer_printf(&cli->out, "%-10s", label);
  screen_end_color(&cli->screen, &cli->out, COLOR_DIM);
}

static void put_text_line(struct cli *cli, const char *label, const char *text)
{
  if (!text)
    return;
  put_label(cli, label);
  cli_put_visible(cli, COLOR_NONE, text);
  buffer_append_byte(&cli->out, '\n');
}

/* "3 active, 1 paused" of {"active":3,"paused":1,"error":0}. */
static void put_counts(struct cli *cli, const char *label, const struct json *counts)
{
  bool is_first = true;
  put_label(cli, label);
  json_each(count, counts) {
    if (json_integer(count, 0) == 0)
      continue;
    char text[96];
    snprintf(text, sizeof text, "%" PRId64 " %s", json_integer(count, 0), count->key);
    buffer_append_text(&cli->out, is_first ? "" : ", ");
    cli_put_visible(cli, color_of(count->key), text);
    is_first = false;
  }
  buffer_append_text(&cli->out, is_first ? "none\n" : "\n");
}

static void put_progress(struct cli *cli, const struct json *list)
{
  json_each(run, list) {
    char *progress = cli_progress(json_get(run, "progress"));
    put_label(cli, "running");
    cli_put_visible(cli, COLOR_NONE, json_text(json_get(run, "run"), "?"));
    buffer_append_byte(&cli->out, ' ');
    cli_put_visible(cli, COLOR_NONE, progress ? progress : "");
    buffer_append_byte(&cli->out, '\n');
    free(progress);
  }
}

static void put_stuck(struct cli *cli, const struct json *list)
{
  json_each(stuck, list) {
    const char *job = json_text(json_get(stuck, "job"), NULL);
    put_label(cli, "stuck");
    buffer_printf(&cli->out, "worker %" PRId64 " in a C function for ",
                  json_integer(json_get(stuck, "worker"), 0));
    append_span(&cli->out, (int64_t)(json_number(json_get(stuck, "seconds"), 0) * 1e6));
    buffer_append_text(&cli->out, ": script ");
    cli_put_visible(cli, COLOR_NONE, json_text(json_get(stuck, "script"), "?"));
    buffer_append_text(&cli->out, job ? ", job " : "");
    cli_put_visible(cli, COLOR_NONE, job ? job : "");
    buffer_append_byte(&cli->out, '\n');
  }
}

static void put_workers(struct cli *cli, const struct json *status)
{
  const struct json *shortage = json_get(status, "shortage");
  char *workers = cli_text_of(json_get(status, "workers"));
  char *text = shortage ? memory_printf("%s, of which %" PRId64 " missing: %s", workers,
                                        json_integer(json_get(shortage, "missing"), 0),
                                        json_text(json_get(shortage, "error"), "?"))
                        : memory_strdup(workers);
  put_text_line(cli, "workers", text);
  free(text);
  free(workers);
}

static void put_store(struct cli *cli, const struct json *status)
{
  const struct json *full = json_get(status, "store_full");
  const char *store = json_text(json_get(status, "store"), NULL);
  if (!full) {
    put_text_line(cli, "store", store);
    return;
  }
  put_label(cli, "store");
  cli_put_visible(cli, COLOR_NONE, store ? store : "?");
  const char *since = cli_when(cli, json_get(full, "since"));
  buffer_printf(&cli->out, ", in which nothing can be stored since %s: ", since ? since : "?");
  cli_put_visible(cli, COLOR_RED, json_text(json_get(full, "error"), "?"));
  buffer_append_byte(&cli->out, '\n');
}

static void put_turns(struct cli *cli, const struct json *turns)
{
  int64_t count = json_integer(json_get(turns, "count"), 0);
  if (count == 0)
    return;
  put_label(cli, "turns");
  buffer_printf(&cli->out, "%" PRId64 ", the longest %.1f ms (of late %.1f ms)\n", count,
                json_number(json_get(turns, "longest"), 0) * 1e3,
                json_number(json_get(turns, "lately"), 0) * 1e3);
}

static void put_next(struct cli *cli, const struct json *next)
{
  const char *job = json_text(json_get(next, "job"), NULL);
  if (!job)
    return;
  put_label(cli, "next");
  cli_put_visible(cli, COLOR_NONE, job);
  const char *when = cli_when(cli, json_get(next, "next_run_at"));
  buffer_printf(&cli->out, " %s\n", when ? when : "");
}

static void put_status(struct cli *cli, const struct json *status)
{
  put_label(cli, "moonbeat");
  cli_put_visible(cli, COLOR_GREEN, json_text(json_get(status, "version"), "?"));
  buffer_printf(&cli->out, ", process %" PRId64, json_integer(json_get(status, "pid"), 0));
  double uptime = json_number(json_get(status, "uptime"), -1);
  if (uptime >= 1) { /* in whole seconds */
    buffer_append_text(&cli->out, ", up for ");
    append_span(&cli->out, (int64_t)(uptime * 1e6));
  }
  buffer_append_byte(&cli->out, '\n');
  const char *stop_by = cli_when(cli, json_get(status, "stop_by"));
  if (stop_by) {
    put_label(cli, "stopping");
    buffer_printf(&cli->out, "no run begins; those that are open are cut off %s\n", stop_by);
  }
  put_counts(cli, "jobs", json_get(status, "jobs"));
  put_counts(cli, "runs", json_get(status, "runs"));
  put_turns(cli, json_get(status, "turns"));
  put_stuck(cli, json_get(status, "stuck"));
  put_progress(cli, json_get(status, "progress"));
  put_next(cli, json_get(status, "next"));
  if (json_integer(json_get(status, "locks"), 0) > 0) {
    char *locks = cli_text_of(json_get(status, "locks"));
    put_text_line(cli, "locks", locks);
    free(locks);
  }
  char *scripts = cli_text_of(json_get(status, "scripts"));
  put_text_line(cli, "scripts", scripts);
  free(scripts);
  put_workers(cli, status);
  put_text_line(cli, "folder", json_text(json_get(status, "jobs_folder"), NULL));
  put_text_line(cli, "state", cli->state_folder);
  put_store(cli, status);
  put_text_line(cli, "warning", json_text(json_get(status, "warning"), NULL));
}

int cli_do_status(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "status", NULL, &answer))
    return cli_fail(cli);
  if (cli->wants_json)
    cli_put_json(cli, control_result(answer));
  else
    put_status(cli, control_result(answer));
  json_free(answer);
  return 0;
}

/* ---- stop ---- */

/* The connection ends a moment before the process does, and only then the next one may start. */
static void wait_for_end(struct cli *cli, pid_t pid)
{
  struct json_document *frame;
  while (control_receive(cli->control, -1, &frame, NULL) == ERROR_OK)
    json_free(frame);
  int64_t until_us = clock_monotonic_us() + EXIT_WAIT_US;
  while (pid > 0 && kill(pid, 0) == 0 && clock_monotonic_us() < until_us)
    clock_sleep_us(5000);
}

int cli_do_stop(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "ping", NULL, &answer))
    return cli_fail(cli);
  pid_t pid = (pid_t)json_integer(json_get(control_result(answer), "pid"), 0);
  json_free(answer);
  const char *grace = arguments_value(cli->arguments, "grace", NULL);
  if (grace ? cli_ask_about(cli, "stop", "grace", grace, &answer)
            : cli_ask(cli, "stop", NULL, &answer))
    return cli_fail(cli);
  json_free(answer);
  wait_for_end(cli, pid);
  if (cli->wants_json)
    buffer_printf(&cli->out, "{\"stopped\":%d}\n", (int)pid);
  else
    buffer_printf(&cli->out, "stopped (process %d)\n", (int)pid);
  return 0;
}

/* ---- check and reload ---- */

static void put_warnings(struct cli *cli, const struct json *jobs)
{
  json_each(job, jobs) {
    const char *warning = json_text(json_get(job, "warning"), NULL);
    if (!warning)
      continue;
    struct buffer line = {0};
    buffer_printf(&line, "%s: job \"%s\": %s", json_text(json_get(job, "where"), "?"),
                  json_text(json_get(job, "id"), "?"), warning);
    cli_put_visible(cli, COLOR_YELLOW, "warn   ");
    cli_put_visible(cli, COLOR_NONE, line.data);
    buffer_append_byte(&cli->out, '\n');
    buffer_deinit(&line);
  }
}

/* The scripts of an answer, an error as it is; returns how many have one. */
static size_t put_scripts(struct cli *cli, const struct json *scripts)
{
  size_t errors = 0;
  json_each(script, scripts) {
    const char *name = json_text(json_get(script, "name"), "?");
    const char *problem = json_text(json_get(script, "error"), NULL);
    const struct json *jobs = json_get(script, "jobs");
    errors += problem != NULL;
    if (cli->wants_json) {
      cli_put_json(cli, script);
      continue;
    }
    cli_put_visible(cli, problem ? COLOR_RED : COLOR_GREEN, problem ? "error  " : "ok     ");
    cli_put_visible(cli, COLOR_BOLD, name);
    if (problem) {
      buffer_append_text(&cli->out, "  ");
      cli_put_lines(&cli->out, problem, 7);
    } else if (jobs && jobs->type == JSON_ARRAY) {
      buffer_printf(&cli->out, "  %u job%s", jobs->count, jobs->count == 1 ? "" : "s");
    }
    buffer_append_byte(&cli->out, '\n');
    if (jobs && jobs->type == JSON_ARRAY)
      put_warnings(cli, jobs);
  }
  return errors;
}

int cli_do_check(struct cli *cli)
{
  struct daemon_options options;
  struct buffer report = {0};
  struct json_document *document = NULL;
  enum error_code code = cli_read_daemon_options(cli, &options);
  if (code == ERROR_OK)
    code = cli->host->check(&options, &report, &cli->error);
  if (code == ERROR_OK)
    code = json_parse(report.data, report.size, &document, &cli->error);
  int status = 0;
  if (code)
    status = cli_fail(cli);
  else if (put_scripts(cli, json_get(json_root(document), "scripts")) > 0)
    status = error_exit_status(ERROR_INVALID);
  json_free(document);
  buffer_deinit(&report);
  daemon_options_deinit(&options);
  return status;
}

int cli_do_reload(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask(cli, "reload", NULL, &answer))
    return cli_fail(cli);
  size_t errors = put_scripts(cli, json_get(control_result(answer), "scripts"));
  json_free(answer);
  return errors > 0 ? error_exit_status(ERROR_INVALID) : 0;
}
