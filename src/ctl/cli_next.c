/* `moonbeat next JOB|TRIGGER`: what a trigger means and when it fires.
 *
 * What reads as a trigger is one and is answered here, without a daemon, unless it excepts a
 * calendar by its name, whose meaning the daemon tells; anything else is a job's id. The daemon is
 * asked for a job's trigger and, as it also knows pauses and limits, for its next fires; a range of
 * time is answered from the trigger alone. */
#include "ctl/cli_next.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/duration.h"
#include "time/instant.h"
#include "trigger/calendar.h"

enum { COUNT_DEFAULT = 5, COUNT_MAX = 1000000, RANGE_MAX = 10000 };

struct request {
  long count;
  bool has_count;
  const char *from, *until; /* as written; NULL: not given */
  const char *default_zone;
};

/* ---- what is asked ---- */

static enum error_code read_request(struct cli *cli, struct request *request)
{
  const struct arguments *arguments = cli->arguments;
  request->from = arguments_value(arguments, "from", NULL);
  request->until = arguments_value(arguments, "until", NULL);
  request->has_count = arguments_has(arguments, "count");
  if (arguments_has(arguments, "ics") && cli->wants_json)
    return error_set(&cli->error, ERROR_USAGE, "--ics and --json exclude each other");
  return arguments_number(arguments, "count", 1, COUNT_MAX,
                          request->until ? RANGE_MAX : COUNT_DEFAULT, &request->count, &cli->error);
}

/* The zone in which times are read and shown: the one asked for, the trigger's, the default. */
static enum error_code find_zone(struct cli *cli, struct next_answer *answer,
                                 const char *default_zone)
{
  const char *asked = arguments_value(cli->arguments, "timezone", NULL);
  const char *own = answer->trigger ? trigger_timezone(answer->trigger) : NULL;
  const char *name = asked ? asked : own ? own : default_zone;
  enum error_code code = zone_find(name, &answer->zone, &cli->error);
  return code && asked ? error_prefix(&cli->error, "--timezone") : code;
}

/* ---- the answer ---- */

static void add_fire(struct next_answer *answer, int64_t us)
{
  if (answer->count == answer->capacity) {
    answer->capacity = answer->capacity ? answer->capacity * 2 : 16;
    answer->fires_us = memory_resize(answer->fires_us, answer->capacity * sizeof *answer->fires_us);
  }
  answer->fires_us[answer->count++] = us;
}

/* The text is as it was written, before anchoring; what it means is told after it. */
static void take_trigger(struct next_answer *answer, struct trigger *trigger, int64_t now_us)
{
  struct buffer text = {0}, sentence = {0};
  trigger_to_text(trigger, &text);
  trigger_anchor(trigger, now_us, answer->job ? answer->job : "");
  trigger_explain(trigger, &sentence);
  answer->trigger = trigger;
  answer->kind = trigger_kind_name(trigger);
  answer->text = buffer_take(&text);
  answer->sentence = buffer_take(&sentence);
}

static void answer_deinit(struct next_answer *answer)
{
  for (size_t i = 0; i < answer->warning_count; i++)
    free(answer->warnings[i].message);
  free(answer->warnings);
  free(answer->fires_us);
  free(answer->text);
  free(answer->sentence);
}

static void gather_fires(struct next_answer *answer, long count, int64_t from_us, int64_t until_us)
{
  int64_t at_us = from_us - 1, fire_us;
  answer->end = NEXT_ENDS;
  while (trigger_next(answer->trigger, at_us, &fire_us)) {
    if (fire_us > until_us) {
      answer->end = NEXT_RANGE_ENDS;
      return;
    }
    if (answer->count == (size_t)count) {
      answer->end = NEXT_HAS_MORE;
      return;
    }
    add_fire(answer, at_us = fire_us);
  }
  if (trigger_gave_up(answer->trigger, at_us))
    answer->end = NEXT_GAVE_UP;
}

/* The daemon tells so many at once; behind them only the trigger counts. */
static enum error_code ask_fires(struct cli *cli, struct next_answer *answer, long count)
{
  int64_t fire_us;
  struct params params;
  struct json_document *document;
  params_begin(&params);
  json_put_text(&params.writer, "job", answer->job);
  json_put_integer(&params.writer, "count", count);
  enum error_code code = cli_ask(cli, "next", params_end(&params), &document);
  params_deinit(&params);
  if (code)
    return code;
  json_each(time, json_get(control_result(document), "fires"))
    add_fire(answer, cli_instant(time, 0));
  while (answer->trigger && answer->count > 0 && answer->count < (size_t)count &&
         trigger_next(answer->trigger, answer->fires_us[answer->count - 1], &fire_us))
    add_fire(answer, fire_us);
  answer->end = answer->count < (size_t)count ? NEXT_ENDS : NEXT_HAS_MORE;
  json_free(document);
  return ERROR_OK;
}

static enum error_code gather(struct cli *cli, struct next_answer *answer,
                              const struct request *request)
{
  int64_t from_us = cli->screen.now_us + 1, until_us = INSTANT_MAX;
  enum error_code code = find_zone(cli, answer, request->default_zone);
  if (!code && request->from)
    code = cli_read_moment(cli, "from", request->from, answer->zone, &from_us);
  if (!code && request->until)
    code = cli_read_moment(cli, "until", request->until, answer->zone, &until_us);
  if (!code && until_us < from_us)
    code = error_set(&cli->error, ERROR_INVALID,
                     request->from ? "--until is before --from" : "--until has passed: say --from");
  if (code)
    return code;
  bool is_range = request->from || request->until;
  if (answer->job && (!is_range || !answer->trigger))
    code = ask_fires(cli, answer, request->count);
  else
    gather_fires(answer, request->count, from_us, until_us);
  if (!code && answer->trigger)
    next_find_warnings(answer, from_us, until_us);
  return code;
}

static enum error_code put(struct cli *cli, struct next_answer *answer)
{
  if (cli->wants_json) {
    next_put_json(cli, answer);
  } else if (!arguments_has(cli->arguments, "ics")) {
    next_put_table(cli, answer);
  } else if (answer->count == 0) {
    return error_set(&cli->error, ERROR_INVALID,
                     "there is no fire, and a calendar cannot be without events");
  } else {
    next_put_calendar(&cli->out, answer, cli->screen.now_us);
    if (answer->end == NEXT_HAS_MORE && arguments_has(cli->arguments, "until"))
      fprintf(stderr, "moonbeat: the first %zu fires are written, -n writes more\n", answer->count);
  }
  return ERROR_OK;
}

/* ---- a trigger ---- */

/* The dialect in which the text is right, where it is wrong as it stands. */
static const char *find_dialect(const char *text, const char *zone)
{
  static const char *const dialects[] = {"quartz", "oncalendar", "rrule"};
  for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
    struct trigger *trigger;
    char *line = memory_printf("%s %s", dialects[i], text);
    bool is_right = trigger_from_text(line, zone, &trigger, NULL) == ERROR_OK;
    free(line);
    if (is_right) {
      trigger_destroy(trigger);
      return dialects[i];
    }
  }
  return NULL;
}

/* On a terminal the column that a message names is marked below the expression that it quotes. */
static void mark_column(struct cli *cli)
{
  char *text = cli->error.text, *column = strstr(text, ", column ");
  char *begin = strchr(text, '"'), *end = begin ? strstr(begin + 1, "\": ") : NULL;
  struct screen screen;
  screen_init(&screen, 2, arguments_has(cli->arguments, "no-color"));
  long place = column ? strtol(column + strlen(", column "), NULL, 10) : 0;
  if (!screen.is_terminal || !end || place < 1 || place > end - begin)
    return;
  char *expression = memory_copy(begin + 1, (size_t)(end - begin - 1));
  size_t size = strlen(text);
  snprintf(text + size, ERROR_TEXT_SIZE - size, "\n  %s\n  %*s^", expression, (int)place - 1, "");
  free(expression);
}

static enum error_code answer_trigger(struct cli *cli, struct trigger *trigger,
                                      const struct request *request)
{
  struct next_answer answer = {0};
  take_trigger(&answer, trigger, cli->screen.now_us);
  enum error_code code = gather(cli, &answer, request);
  if (!code)
    code = put(cli, &answer);
  answer_deinit(&answer);
  return code;
}

/* ---- calendars ---- */

/* Learns from the daemon what the names of calendars mean. One that this program does not
 * understand stays unknown. */
static enum error_code learn_calendars(struct cli *cli)
{
  struct json_document *document;
  enum error_code code = cli_ask(cli, "calendars", NULL, &document);
  if (code)
    return code;
  json_each(calendar, json_get(control_result(document), "calendars"))
    calendar_define(json_text(json_get(calendar, "name"), ""), json_get(calendar, "definition"),
                    NULL);
  json_free(document);
  return ERROR_OK;
}

static enum error_code read_trigger(struct cli *cli, const char *text, const char *zone,
                                    struct trigger **trigger, struct error *error)
{
  enum error_code code = trigger_from_text(text, zone, trigger, error);
  if (!code || !strstr(error->text, "unknown calendar"))
    return code;
  if (!learn_calendars(cli))
    return trigger_from_text(text, zone, trigger, error);
  struct error unknown = *error;
  return error_set(error, code, "%.400s: %.400s", unknown.text, cli->error.text);
}

/* ---- a job ---- */

static enum error_code answer_job(struct cli *cli, const struct json *shown,
                                  const struct request *request)
{
  const struct json *form = json_get(shown, "trigger");
  struct trigger *trigger = NULL;
  struct next_answer answer = {.job = json_text(json_get(shown, "id"), ""),
                               .state = json_text(json_get(shown, "state"), "")};
  learn_calendars(cli);
  /* What this program does not know, a newer daemon may. */
  if (form && form->type == JSON_OBJECT && !trigger_from_json(form, NULL, &trigger, NULL))
    take_trigger(&answer, trigger, cli->screen.now_us);
  enum error_code code = gather(cli, &answer, request);
  if (!code)
    code = put(cli, &answer);
  answer_deinit(&answer);
  trigger_destroy(trigger);
  return code;
}

/* ---- which of them ---- */

/* `moonbeat next in 15m` needs no quotes. */
static char *join_words(const struct arguments *arguments)
{
  const char *dialect = arguments_value(arguments, "dialect", NULL);
  struct buffer text = {0};
  if (dialect)
    buffer_append_text(&text, dialect);
  for (size_t i = 0; i < arguments->word_count; i++)
    buffer_printf(&text, "%s%s", text.size ? " " : "", arguments->words[i]);
  return buffer_take(&text);
}

static enum error_code answer(struct cli *cli, const char *text, const struct request *request)
{
  struct trigger *trigger;
  struct error not_a_trigger;
  bool has_dialect = arguments_has(cli->arguments, "dialect");
  const char *zone = arguments_value(cli->arguments, "timezone", request->default_zone);
  enum error_code code = read_trigger(cli, text, zone, &trigger, &not_a_trigger);
  if (code == ERROR_OK) {
    code = answer_trigger(cli, trigger, request);
    trigger_destroy(trigger);
    return code;
  }
  struct json_document *job = NULL;
  code = has_dialect ? ERROR_NOT_FOUND : cli_ask_about(cli, "show", "job", text, &job);
  if (!code) {
    code = answer_job(cli, control_result(job), request);
    json_free(job);
    return code;
  }
  if (!has_dialect && !strpbrk(text, " @*/"))
    return code == ERROR_UNAVAILABLE
               ? error_prefix(&cli->error, "%s is no trigger, so it must be a job, but", text)
               : code;
  const char *dialect = has_dialect ? NULL : find_dialect(text, zone);
  cli->error = not_a_trigger;
  size_t size = strlen(cli->error.text);
  if (dialect)
    snprintf(cli->error.text + size, ERROR_TEXT_SIZE - size, " (--dialect %s understands it)",
             dialect);
  mark_column(cli);
  return code;
}

static enum error_code answer_words(struct cli *cli)
{
  struct request request = {0};
  struct daemon_options options = DAEMON_OPTIONS_EMPTY;
  if (cli->arguments->word_count == 0)
    return error_set(&cli->error, ERROR_USAGE,
                     "next needs an argument: moonbeat next JOB|TRIGGER, or --batch");
  enum error_code code = read_request(cli, &request);
  if (!code)
    code = cli_read_config(cli, &options);
  if (!code) {
    char *text = join_words(cli->arguments);
    request.default_zone = options.timezone ? options.timezone : "local";
    code = answer(cli, text, &request);
    free(text);
  }
  daemon_options_deinit(&options);
  return code;
}

int cli_do_next(struct cli *cli)
{
  enum error_code code =
      arguments_has(cli->arguments, "batch") ? next_batch(cli) : answer_words(cli);
  return code ? cli_fail(cli) : 0;
}
