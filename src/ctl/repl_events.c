#include "ctl/repl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "time/instant.h"

enum { LINES_PER_SECOND = 20, SECOND_US = 1000000 };

const char repl_subscription[] =
    "{\"events\":[\"job_executed\",\"job_error\",\"job_retry\",\"job_missed\",\"job_cancelled\","
    "\"job_cancelling\",\"job_interrupted\",\"job_log\",\"script_loaded\",\"script_failed\","
    "\"script_removed\"]}";

/* What an event is called between the job's name and its text. */
static const struct {
  const char *event, *words;
} verbs[] = {
    {"job_executed", "done"},
    {"job_error", "failed"},
    {"job_retry", "tries again"},
    {"job_missed", "was missed"},
    {"job_cancelled", "was cancelled"},
    {"job_interrupted", "was interrupted"},
    {"job_cancelling", "was told to end"},
    {"script_loaded", "loaded"},
    {"script_failed", "does not load"},
    {"script_removed", "removed"},
};

static const char *verb_of(const char *name)
{
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].event, name) == 0)
      return verbs[i].words;
  return name;
}

static void append_clock(const struct cli *cli, struct buffer *out, const struct json *event)
{
  char text[INSTANT_TEXT_SIZE];
  const struct zone *zone = NULL;
  zone_find("local", &zone, NULL);
  instant_format_in(text, cli_instant(json_get(event, "at"), clock_wall_us()), zone);
  screen_begin_color(&cli->screen, out, COLOR_DIM);
  buffer_printf(out, "%.8s ", text + strlen("2026-11-21T"));
  screen_end_color(&cli->screen, out, COLOR_DIM);
}

static void append_log(const struct cli *cli, struct buffer *out, const struct json *event)
{
  const char *text = json_text(json_get(event, "text"), NULL);
  enum color color = color_of(json_text(json_get(event, "level"), "info"));
  screen_append(&cli->screen, out, COLOR_DIM, "| ");
  screen_begin_color(&cli->screen, out, color);
  cli_put_lines(out, text ? text : json_text(json_get(event, "result"), ""), 11);
  screen_end_color(&cli->screen, out, color);
}

static void append_outcome(const struct cli *cli, struct buffer *out, const char *name,
                           const struct json *event)
{
  static const char *const details[] = {"error", "result", "reason"};
  char *detail = NULL;
  for (size_t i = 0; i < sizeof details / sizeof details[0] && !detail; i++)
    detail = cli_text_of(json_get(event, details[i]));
  screen_append(&cli->screen, out, color_of(name), verb_of(name));
  if (detail) {
    buffer_append_text(out, ": ");
    cli_put_lines(out, detail, 9);
  }
  free(detail);
}

/* A run that only ended is not worth a line of its own when what it wrote has just been shown. */
static bool says_nothing_new(const struct event_view *view, const char *name,
                             const struct json *event)
{
  const struct json *result = json_get(event, "result");
  return strcmp(name, "job_executed") == 0 && (!result || result->type == JSON_NULL) &&
         view->logged_run && strcmp(json_text(json_get(event, "run"), ""), view->logged_run) == 0;
}

static bool has_room(struct event_view *view)
{
  int64_t now_us = clock_monotonic_us();
  if (now_us - view->window_us >= SECOND_US) {
    view->window_us = now_us;
    view->shown = 0;
  }
  if (view->shown < LINES_PER_SECOND) {
    view->shown++;
    return true;
  }
  view->dropped++;
  return false;
}

void event_view_append(struct event_view *view, const struct cli *cli, struct buffer *out,
                       const struct json *event)
{
  const char *name = json_text(json_get(event, "event"), "");
  const char *subject = json_text(json_get(event, "job"), NULL);
  bool is_log = strcmp(name, "job_log") == 0;
  if (says_nothing_new(view, name, event) || !has_room(view))
    return;
  event_view_catch_up(view, cli, out);
  append_clock(cli, out, event);
  if (!subject)
    subject = json_text(json_get(event, "script"), NULL);
  if (subject) {
    screen_begin_color(&cli->screen, out, COLOR_CYAN);
    cli_put_lines(out, subject, 0);
    screen_end_color(&cli->screen, out, COLOR_CYAN);
    buffer_append_byte(out, ' ');
  }
  if (is_log)
    append_log(cli, out, event);
  else
    append_outcome(cli, out, name, event);
  buffer_append_byte(out, '\n');
  if (is_log) {
    free(view->logged_run);
    view->logged_run = memory_strdup(json_text(json_get(event, "run"), NULL));
  }
}

void event_view_catch_up(struct event_view *view, const struct cli *cli, struct buffer *out)
{
  if (view->dropped == 0 || clock_monotonic_us() - view->window_us < SECOND_US)
    return;
  char text[96];
  snprintf(text, sizeof text, "... and %d more (moonbeat events shows them)\n", view->dropped);
  screen_append(&cli->screen, out, COLOR_DIM, text);
  view->dropped = 0;
}

void event_view_deinit(struct event_view *view)
{
  free(view->logged_run);
  *view = (struct event_view){0};
}
