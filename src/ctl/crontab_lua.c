/* A crontab as a job file: line by line in its order, comments as comments, so that the two can be
 * read side by side.
 *
 * Settings hold for the entries below them, as in cron: CRON_TZ becomes the trigger's timezone,
 * HOME the working folder, SHELL the program that is given the command, all others (and these) the
 * environment. MAILTO is told in a comment, as there is no mail here. An entry of another user than
 * root is run by runuser, which fails rather than run it as the wrong one. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "ctl/crontab.h"
#include "time/zone.h"
#include "trigger/trigger.h"

struct setting {
  char *name, *value;
};

struct id {
  char *text;
  int number; /* the last that was put behind it */
  UT_hash_handle hh;
};

struct writer {
  const struct crontab_source *source;
  struct crontab_report *report;
  struct buffer *out;
  long line;
  struct setting *settings;
  size_t setting_count;
  bool has_env;       /* `env` is declared in Lua */
  bool is_env_stale;  /* settings have changed since */
  bool has_told_mail; /* what to do about MAILTO */
  bool has_bad_zone;  /* CRON_TZ is none */
  struct id *ids;
  size_t user_count; /* commands that begin with a user's name */
};

/* ---- Lua ---- */

static void put_string(struct buffer *out, const char *text)
{
  buffer_append_byte(out, '"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      buffer_printf(out, "\\%c", c);
    else if (c == '\n')
      buffer_append_text(out, "\\n");
    else if (c < 0x20 || c == 0x7f)
      buffer_printf(out, "\\%03d", c);
    else
      buffer_append_byte(out, (char)c);
  }
  buffer_append_byte(out, '"');
}

static void put_member(struct buffer *out, const char *name, const char *value)
{
  buffer_printf(out, ", %s = ", name);
  put_string(out, value);
}

static bool is_lua_keyword(const char *name)
{
  static const char *const keywords[] = {"and",   "break", "do",       "else", "elseif", "end",
                                         "false", "for",   "function", "goto", "if",     "in",
                                         "local", "nil",   "not",      "or",   "repeat", "return",
                                         "then",  "true",  "until",    "while"};
  for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
    if (!strcmp(keywords[i], name))
      return true;
  return false;
}

/* A space behind the dashes, as `--[[` would begin a long comment. */
static void put_comment(struct buffer *out, const char *text)
{
  buffer_append_text(out, "--");
  if (*text && *text != ' ')
    buffer_append_byte(out, ' ');
  text_append_visible(out, text, strlen(text));
  buffer_append_byte(out, '\n');
}

/* ---- lines that are not understood ---- */

/* Cuts ", column N" off the end of the message, which may quote another from the text. */
static long take_column(char *message)
{
  static const char mark[] = ", column ";
  char *digits = message + strlen(message);
  while (digits > message && digits[-1] >= '0' && digits[-1] <= '9')
    digits--;
  size_t mark_size = sizeof mark - 1;
  if (!*digits || strlen(digits) > 9 || (size_t)(digits - message) < mark_size ||
      memcmp(digits - mark_size, mark, mark_size) != 0)
    return 0;
  digits[-(ptrdiff_t)mark_size] = '\0';
  return strtol(digits, NULL, 10);
}

/* The message's column counts from `column` of the line. */
static void refuse(struct writer *w, const char *text, struct error *error, int column)
{
  long place = take_column(error->text);
  place = (place > 0 ? place : 1) + column - 1;
  buffer_printf(&w->report->messages, "%s:%ld:%ld: %s\n", w->source->name, w->line, place,
                error->text);
  w->report->problems++;
  buffer_printf(w->out, "-- NOT IMPORTED, column %ld of line %ld: %s\n", place, w->line,
                error->text);
  buffer_append_text(w->out, "-- ");
  text_append_visible(w->out, text, strlen(text));
  buffer_append_byte(w->out, '\n');
}

/* ---- settings ---- */

static const char *setting_of(const struct writer *w, const char *name)
{
  for (size_t i = 0; i < w->setting_count; i++)
    if (!strcmp(w->settings[i].name, name))
      return w->settings[i].value;
  return NULL;
}

static void keep_setting(struct writer *w, const struct crontab_line *line)
{
  for (size_t i = 0; i < w->setting_count; i++)
    if (!strcmp(w->settings[i].name, line->name)) {
      free(w->settings[i].value);
      w->settings[i].value = memory_strdup(line->value);
      return;
    }
  w->settings = memory_resize(w->settings, (w->setting_count + 1) * sizeof *w->settings);
  w->settings[w->setting_count++] =
      (struct setting){memory_strdup(line->name), memory_strdup(line->value)};
}

/* What cron itself reads and hands to no command that would care. */
static bool is_of_cron(const char *name)
{
  static const char *const names[] = {"MAILTO",       "MAILFROM",     "CRON_TZ",
                                      "RANDOM_DELAY", "CONTENT_TYPE", "CONTENT_TRANSFER_ENCODING"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(names[i], name))
      return true;
  return false;
}

static void put_mail(struct writer *w, const char *address)
{
  struct buffer line = {0};
  buffer_printf(&line, "MAILTO=%s", address);
  put_comment(w->out, line.data);
  buffer_deinit(&line);
  if (w->has_told_mail || !*address)
    return;
  w->has_told_mail = true;
  buffer_append_text(
      w->out, "-- cron mailed what a job printed; here \"moonbeat logs JOB\" shows it. To be "
              "mailed when a job fails:\n"
              "--   on(\"job_error\", function(event)\n"
              "--     exec { \"mail\", \"-s\", event.run .. \" failed\", ");
  struct buffer quoted = {0};
  put_string(&quoted, address);
  text_append_visible(w->out, quoted.data, quoted.size);
  buffer_deinit(&quoted);
  buffer_append_text(w->out, ", stdin = event.error }\n--   end)\n");
}

static void take_setting(struct writer *w, const char *text, const struct crontab_line *line)
{
  struct error error;
  const struct zone *zone;
  if (!strcmp(line->name, "CRON_TZ")) {
    w->has_bad_zone = *line->value && zone_find(line->value, &zone, &error);
    if (w->has_bad_zone) {
      refuse(w, text, &error, line->column);
      return;
    }
  }
  if (!strcmp(line->name, "MAILTO"))
    put_mail(w, line->value);
  else if (is_of_cron(line->name))
    put_comment(w->out, text);
  else
    w->is_env_stale = true;
  keep_setting(w, line);
}

/* A new table for the jobs that follow; those above keep theirs. */
static void put_env(struct writer *w)
{
  bool is_first = true;
  if (!w->is_env_stale)
    return;
  buffer_append_text(w->out, w->has_env ? "env = {" : "local env = {");
  for (size_t i = 0; i < w->setting_count; i++) {
    const struct setting *setting = &w->settings[i];
    if (is_of_cron(setting->name))
      continue;
    bool is_keyword = is_lua_keyword(setting->name);
    buffer_printf(w->out, is_keyword ? "%s[\"%s\"] = " : "%s%s = ", is_first ? " " : ", ",
                  setting->name);
    put_string(w->out, setting->value);
    is_first = false;
  }
  buffer_append_text(w->out, " }\n");
  w->has_env = true;
  w->is_env_stale = false;
}

/* ---- entries ---- */

static struct id *find_id(const struct writer *w, const char *text)
{
  struct id *id;
  HASH_FIND_STR(w->ids, text, id);
  return id;
}

static const char *new_id(struct writer *w, const char *command)
{
  char *text = crontab_job_id(command);
  struct id *base = find_id(w, text), *id = memory_alloc(sizeof *id);
  while (find_id(w, text)) {
    free(text);
    text = memory_printf("%s_%d", base->text, ++base->number);
  }
  id->text = text;
  id->number = 1;
  HASH_ADD_KEYPTR(hh, w->ids, text, strlen(text), id);
  return text;
}

static void free_ids(struct writer *w)
{
  struct id *id, *next;
  HASH_ITER(hh, w->ids, id, next) {
    HASH_DEL(w->ids, id);
    free(id->text);
    free(id);
  }
}

static enum error_code check_schedule(struct writer *w, const struct crontab_line *line,
                                      struct error *error)
{
  struct trigger *trigger;
  if (w->has_bad_zone)
    return error_set(error, ERROR_INVALID, "the CRON_TZ above it is unknown");
  if (!strcmp(line->schedule, "@reboot"))
    return ERROR_OK;
  char *text = memory_printf("cron %s", line->schedule);
  enum error_code code = trigger_from_text(text, "UTC", &trigger, error);
  free(text);
  if (!code)
    trigger_destroy(trigger);
  return code;
}

static void put_trigger(struct writer *w, const struct crontab_line *line)
{
  const char *zone = setting_of(w, "CRON_TZ"), *delay = setting_of(w, "RANDOM_DELAY");
  char *end;
  long delay_minutes = delay ? strtol(delay, &end, 10) : 0;
  buffer_append_text(w->out, "  trigger = ");
  if (!strcmp(line->schedule, "@reboot")) {
    buffer_append_text(w->out, "on_start(),\n");
    return;
  }
  bool has_zone = zone && *zone, has_delay = delay_minutes > 0;
  buffer_append_text(w->out, has_zone || has_delay ? "cron(" : "cron ");
  put_string(w->out, line->schedule);
  if (has_zone || has_delay)
    buffer_append_text(w->out, ", { ");
  if (has_zone) {
    buffer_append_text(w->out, "timezone = ");
    put_string(w->out, zone);
  }
  if (has_delay)
    buffer_printf(w->out, "%sjitter = \"%ldm\"", has_zone ? ", " : "", delay_minutes);
  buffer_append_text(w->out, has_zone || has_delay ? " }),\n" : ",\n");
}

/* The folder in which cron starts the command. */
static void put_folder(struct writer *w, const char *user)
{
  const char *home = setting_of(w, "HOME");
  if (!home && user && w->source->home_of)
    home = w->source->home_of(user);
  if (home)
    put_member(w->out, "cwd", home);
  else if (!user)
    buffer_append_text(w->out, ", cwd = os.getenv \"HOME\"");
}

static void put_run(struct writer *w, const struct crontab_line *line)
{
  const char *shell = setting_of(w, "SHELL");
  bool is_other = line->user && strcmp(line->user, "root") != 0;
  buffer_append_text(w->out, "  run = command { ");
  if (is_other) {
    buffer_append_text(w->out, "\"runuser\", \"-s\", ");
    put_string(w->out, shell ? shell : "/bin/sh");
    buffer_append_text(w->out, ", \"-c\", ");
    put_string(w->out, line->command);
    buffer_append_text(w->out, ", \"--\", ");
    put_string(w->out, line->user);
  } else if (shell && strcmp(shell, "/bin/sh") != 0) {
    put_string(w->out, shell);
    buffer_append_text(w->out, ", \"-c\", ");
    put_string(w->out, line->command);
  } else {
    buffer_append_text(w->out, "shell = ");
    put_string(w->out, line->command);
  }
  if (line->input)
    put_member(w->out, "stdin", line->input);
  put_folder(w, line->user);
  if (w->has_env)
    buffer_append_text(w->out, ", env = env");
  buffer_append_text(w->out, " },\n");
}

static void take_entry(struct writer *w, const char *text, const struct crontab_line *line)
{
  struct error error;
  if (check_schedule(w, line, &error)) {
    refuse(w, text, &error, line->column);
    return;
  }
  put_env(w);
  buffer_append_text(w->out, "job ");
  put_string(w->out, new_id(w, line->command));
  buffer_append_text(w->out, " {\n");
  put_trigger(w, line);
  put_run(w, line);
  buffer_append_text(w->out, "}\n");
  w->report->jobs++;
  if (!line->user && w->source->home_of) {
    char *first = memory_copy(line->command, strcspn(line->command, " \t"));
    w->user_count += w->source->home_of(first) != NULL;
    free(first);
  }
}

/* ---- the file ---- */

static void take_line(struct writer *w, const char *text)
{
  struct crontab_line line;
  struct error error;
  size_t bad;
  if (!text_is_utf8(text, strlen(text), &bad)) {
    error_set(&error, ERROR_INVALID, "not valid UTF-8, column %zu", bad + 1);
    refuse(w, text, &error, 1);
    return;
  }
  if (crontab_read_line(text, w->source->is_system, &line, &error)) {
    refuse(w, text, &error, 1);
    return;
  }
  if (line.kind == CRONTAB_BLANK)
    buffer_append_byte(w->out, '\n');
  else if (line.kind == CRONTAB_COMMENT)
    put_comment(w->out, line.text);
  else if (line.kind == CRONTAB_SETTING)
    take_setting(w, text, &line);
  else
    take_entry(w, text, &line);
  crontab_line_deinit(&line);
}

static void put_head(struct writer *w)
{
  buffer_append_text(w->out, "-- Written by \"moonbeat import crontab\" from ");
  text_append_visible(w->out, w->source->name, strlen(w->source->name));
  buffer_append_text(
      w->out,
      ".\n"
      "-- What differs from cron: a job that still runs when it is due again is not started twice\n"
      "-- (overlap = \"allow\" does that), and due times that passed while nothing ran are made up "
      "for by\n"
      "-- one run (misfire_grace_time bounds how late).\n");
  if (w->source->is_system)
    buffer_append_text(w->out, "-- It must run as root, as cron does, to run commands of users.\n");
  buffer_append_byte(w->out, '\n');
}

void crontab_write_jobs(const char *text, size_t size, const struct crontab_source *source,
                        struct buffer *lua, struct crontab_report *report)
{
  struct writer w = {.source = source, .report = report, .out = lua};
  *report = (struct crontab_report){0};
  put_head(&w);
  for (const char *at = text, *end = text + size; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *line_end = newline ? newline : end;
    /* A NUL would hide what stands behind it. */
    char *line = memory_copy(at, (size_t)(line_end - at));
    for (char *byte = line; byte < line + (line_end - at); byte++)
      if (!*byte)
        *byte = '\xff';
    w.line++;
    take_line(&w, line);
    free(line);
    at = newline ? newline + 1 : end;
  }
  report->looks_like_system = report->jobs > 0 && w.user_count == report->jobs;
  for (size_t i = 0; i < w.setting_count; i++) {
    free(w.settings[i].name);
    free(w.settings[i].value);
  }
  free(w.settings);
  free_ids(&w);
}
