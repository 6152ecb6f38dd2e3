/* `moonbeat why`: what stands between a job and its next run, each with when it clears, or the
 * story of a run, each step with its time. The kind of each stands in front, in a column of its
 * own. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"

enum { KIND_WIDTH = 12, TIME_WIDTH = 27 /* "2026-11-21T09:00:00.000000Z" */ };

static enum color color_of_kind(const char *kind)
{
  static const char *const quiet[] = {"due",   "cause", "claimed", "started",
                                      "event", "run",   "usage"};
  static const char *const bad[] = {"error", "late", "failing", "sensor", "no_job", "store"};
  for (size_t i = 0; i < sizeof quiet / sizeof quiet[0]; i++)
    if (strcmp(kind, quiet[i]) == 0)
      return COLOR_CYAN;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (strcmp(kind, bad[i]) == 0)
      return COLOR_RED;
  enum color color = color_of(kind);
  return color == COLOR_NONE ? COLOR_YELLOW : color;
}

static void put_kind(struct cli *cli, const struct json *item, bool is_dim)
{
  const char *kind = json_text(json_get(item, "kind"), "?");
  enum color color = is_dim ? COLOR_DIM : color_of_kind(kind);
  screen_begin_color(&cli->screen, &cli->out, color);
  buffer_printf(&cli->out, "%-*s", KIND_WIDTH, kind);
  screen_end_color(&cli->screen, &cli->out, color);
  buffer_append_byte(&cli->out, ' ');
}

/* " (since 3m ago; clears in 2m)"; who holds it will be out of time by then, and may be done before
 */
static void put_times(struct cli *cli, const struct json *item)
{
  bool is_time = strcmp(json_text(json_get(item, "kind"), ""), "due") == 0;
  const struct {
    const char *key, *word;
  } times[] = {{"at", ""},
               {"since", "since "},
               {"clears_at", is_time                     ? ""
                             : json_get(item, "held_by") ? "at the latest "
                                                         : "clears "}};
  const char *before = " (";
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    const char *when = cli_when(cli, json_get(item, times[i].key));
    if (!when)
      continue;
    buffer_printf(&cli->out, "%s%s%s", before, times[i].word, when);
    before = "; ";
  }
  if (before[0] == ';')
    buffer_append_byte(&cli->out, ')');
}

static void put_holders(struct cli *cli, const struct json *item, int indent)
{
  const struct json *holders = json_get(item, "held_by");
  if (!holders || holders->count == 0)
    return;
  buffer_printf(&cli->out, "\n%*s held by", indent, "");
  json_each(holder, holders) {
    buffer_append_byte(&cli->out, ' ');
    cli_put_lines(&cli->out, json_text(holder, "?"), 0);
  }
}

static void put_reasons(struct cli *cli, const struct json *reasons, bool is_dim)
{
  json_each(reason, reasons) {
    put_kind(cli, reason, is_dim);
    cli_put_lines(&cli->out, json_text(json_get(reason, "text"), ""), KIND_WIDTH + 1);
    put_times(cli, reason);
    put_holders(cli, reason, KIND_WIDTH);
    buffer_append_byte(&cli->out, '\n');
  }
}

static void put_story(struct cli *cli, const struct json *story)
{
  json_each(step, story) {
    struct buffer at = {0};
    int64_t at_us = cli_instant(json_get(step, "at"), INT64_MIN);
    if (at_us != INT64_MIN)
      cli_append_instant(&at, at_us);
    screen_begin_color(&cli->screen, &cli->out, COLOR_DIM);
    buffer_printf(&cli->out, "%-*s ", TIME_WIDTH, at.size ? at.data : "");
    screen_end_color(&cli->screen, &cli->out, COLOR_DIM);
    put_kind(cli, step, false);
    cli_put_lines(&cli->out, json_text(json_get(step, "text"), ""), TIME_WIDTH + KIND_WIDTH + 2);
    const char *clears = cli_when(cli, json_get(step, "clears_at"));
    if (clears)
      buffer_printf(&cli->out, " (%s%s)", json_get(step, "held_by") ? "at the latest " : "",
                    clears);
    put_holders(cli, step, TIME_WIDTH + 1 + KIND_WIDTH);
    buffer_append_byte(&cli->out, '\n');
    buffer_deinit(&at);
  }
}

int cli_do_why(struct cli *cli)
{
  struct json_document *answer;
  if (cli_ask_about(cli, "why", "job", cli->arguments->words[0], &answer))
    return cli_fail(cli);
  const struct json *result = control_result(answer);
  if (cli->wants_json) {
    cli_put_json(cli, result);
  } else {
    put_reasons(cli, json_get(result, "reasons"), false);
    put_reasons(cli, json_get(result, "notes"), true);
    put_story(cli, json_get(result, "story"));
  }
  json_free(answer);
  return 0;
}
