#include "ctl/cli_common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "time/civil.h"
#include "time/duration.h"
#include "time/instant.h"

/* ---- folders ---- */

static const char *given_state(const struct cli *cli)
{
  const char *given = arguments_global(cli->arguments, "state");
  const char *environment = getenv("MOONBEAT_STATE");
  return given ? given : environment && *environment ? environment : NULL;
}

static char *working_folder(void)
{
  char *here = getcwd(NULL, 0);
  return here ? here : memory_strdup("/");
}

enum error_code cli_read_config(struct cli *cli, struct daemon_options *options)
{
  char *here = working_folder();
  *options = DAEMON_OPTIONS_EMPTY;
  enum error_code code = options_find_config(here, &options->config_file, &cli->error);
  free(here);
  return options->config_file ? cli->host->configure(options, &cli->error) : code;
}

enum error_code cli_find_state(struct cli *cli)
{
  if (cli->state_folder)
    return ERROR_OK;
  const char *given = given_state(cli);
  if (given) {
    cli->state_folder = options_absolute_path(given);
    return ERROR_OK;
  }
  struct daemon_options options;
  enum error_code code = cli_read_config(cli, &options);
  char *here = working_folder();
  if (code == ERROR_OK && options.state_folder)
    cli->state_folder = memory_strdup(options.state_folder);
  else if (code == ERROR_OK)
    code = options_find_state(here, &cli->state_folder, &cli->error);
  if (code == ERROR_OK && !cli->state_folder)
    cli->state_folder =
        memory_printf("%s/%s", strcmp(here, "/") == 0 ? "" : here, OPTIONS_STATE_NAME);
  daemon_options_deinit(&options);
  free(here);
  return code;
}

static enum error_code check_folder(struct cli *cli, const char *path, bool was_named)
{
  struct stat found;
  bool is_there = stat(path, &found) == 0;
  if (is_there && S_ISDIR(found.st_mode))
    return ERROR_OK;
  if (is_there)
    return error_set(&cli->error, ERROR_NOT_FOUND, "%s is a file: name the folder it is in", path);
  if (errno != ENOENT && errno != ENOTDIR)
    return error_set_errno(&cli->error, error_from_errno(errno), errno,
                           "cannot look at the folder %s", path);
  return error_set(&cli->error, ERROR_NOT_FOUND, "there is no folder %s%s", path,
                   was_named ? ""
                             : ": name the folder with the job files, as in: moonbeat run DIR");
}

enum error_code cli_read_daemon_options(struct cli *cli, struct daemon_options *options)
{
  const struct arguments *arguments = cli->arguments;
  const char *state = given_state(cli), *level = arguments_value(arguments, "log-level", NULL),
             *secrets = arguments_value(arguments, "secrets", NULL),
             *grace = arguments_value(arguments, "grace", NULL),
             *stuck = arguments_value(arguments, "stuck-grace", NULL);
  bool was_named = arguments->word_count > 0;
  long workers;
  *options = DAEMON_OPTIONS_EMPTY;
  enum error_code code = arguments_number(arguments, "workers", 1, 64, 0, &workers, &cli->error);
  if (code)
    return code;
  options->workers = (int)workers;
  options->memory = arguments_has(arguments, "memory");
  if (grace && duration_parse(grace, &options->grace_us, &cli->error))
    return error_prefix(&cli->error, "--grace");
  if (stuck && duration_parse(stuck, &options->stuck_grace_us, &cli->error))
    return error_prefix(&cli->error, "--stuck-grace");
  if (level)
    options->log_level = log_level_from_name(level);
  if (state)
    options->state_folder = options_absolute_path(state);
  if (secrets)
    options->secrets_folder = options_absolute_path(secrets);
  if (was_named) {
    options->jobs_folder = options_absolute_path(arguments->words[0]);
    char *given = options->state_folder;
    options_fill_folders(options); /* for the configuration beside it */
    if (!given) {
      free(options->state_folder);
      options->state_folder = NULL;
    }
  } else {
    char *here = working_folder();
    code = options_find_config(here, &options->config_file, &cli->error);
    free(here);
    if (code)
      return code;
  }
  code = cli->host->configure(options, &cli->error);
  if (code)
    return code;
  if (!options->jobs_folder)
    options->jobs_folder = options_absolute_path("jobs");
  else
    was_named = true;
  options_fill_folders(options);
  return check_folder(cli, options->jobs_folder, was_named);
}

/* ---- asking ---- */

enum error_code cli_connect(struct cli *cli)
{
  if (cli->control)
    return ERROR_OK;
  enum error_code code = cli_find_state(cli);
  return code ? code : control_open(cli->state_folder, &cli->control, &cli->error);
}

enum error_code cli_ask(struct cli *cli, const char *op, const char *params,
                        struct json_document **answer)
{
  *answer = NULL;
  enum error_code code = cli_connect(cli);
  return code ? code : control_request(cli->control, op, params, answer, &cli->error);
}

void params_begin(struct params *params)
{
  *params = (struct params){0};
  params->writer.out = &params->text;
  json_begin_object(&params->writer);
}

const char *params_end(struct params *params)
{
  json_end_object(&params->writer);
  return params->text.data;
}

void params_deinit(struct params *params)
{
  buffer_deinit(&params->text);
}

enum error_code cli_ask_about(struct cli *cli, const char *op, const char *key, const char *value,
                              struct json_document **answer)
{
  struct params params;
  params_begin(&params);
  json_put_text(&params.writer, key, value);
  enum error_code code = cli_ask(cli, op, params_end(&params), answer);
  params_deinit(&params);
  return code;
}

/* ---- writing ---- */

int cli_fail(struct cli *cli)
{
  struct screen screen;
  struct buffer text = {0};
  cli_flush(cli);
  screen_init(&screen, STDERR_FILENO, arguments_has(cli->arguments, "no-color"));
  screen_append(&screen, &text, COLOR_RED, "moonbeat:");
  buffer_append_byte(&text, ' ');
  cli_put_lines(&text, cli->error.text, 0);
  buffer_append_byte(&text, '\n');
  fwrite(text.data, 1, text.size, stderr);
  buffer_deinit(&text);
  return error_exit_status(cli->error.code);
}

void cli_flush(struct cli *cli)
{
  size_t size = cli->out.size;
  bool is_written = size == 0 || fwrite(cli->out.data, 1, size, stdout) == size;
  if ((!is_written || fflush(stdout) != 0) && !cli->out_errno)
    cli->out_errno = errno;
  buffer_clear(&cli->out);
}

/* What is escaped stands in strings only: outside of them there is nothing but ASCII. */
void cli_append_safe_json(struct buffer *out, const char *text, size_t size)
{
  for (size_t at = 0; at < size;) {
    size_t length = text_utf8_length(text + at, size - at);
    if (text[at] == 0x7f)
      buffer_append_text(out, "\\u007f");
    else if (length > 1)
      text_append_visible(out, text + at, length); /* escapes as \uXXXX, which is JSON's too */
    else
      buffer_append_byte(out, text[at]);
    at += length == 0 ? 1 : length;
  }
}

void cli_put_json(struct cli *cli, const struct json *value)
{
  struct buffer line = {0};
  struct json_writer writer = {.out = &line};
  json_write_tree(&writer, value);
  cli_append_safe_json(&cli->out, line.data, line.size);
  buffer_append_byte(&cli->out, '\n');
  buffer_deinit(&line);
}

void cli_put_lines(struct buffer *out, const char *text, int indent)
{
  size_t size = strlen(text);
  while (size > 0 && text[size - 1] == '\n')
    size--;
  for (const char *end = text + size; text < end;) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = newline ? newline : end;
    for (const char *tab; (tab = memchr(text, '\t', (size_t)(line_end - text))); text = tab + 1) {
      text_append_visible(out, text, (size_t)(tab - text));
      buffer_append_text(out, "    ");
    }
    text_append_visible(out, text, (size_t)(line_end - text));
    text = newline ? newline + 1 : end;
    if (newline)
      buffer_printf(out, "\n%*s", indent, "");
  }
}

void cli_put_visible(struct cli *cli, enum color color, const char *text)
{
  screen_begin_color(&cli->screen, &cli->out, color);
  text_append_visible(&cli->out, text, strlen(text));
  screen_end_color(&cli->screen, &cli->out, color);
}

/* ---- values ---- */

int64_t cli_instant(const struct json *time, int64_t otherwise)
{
  const char *text = json_text(time, NULL);
  int64_t us;
  return text && instant_parse(text, NULL, &us, NULL) == ERROR_OK ? us : otherwise;
}

enum error_code cli_read_moment(struct cli *cli, const char *option, const char *text,
                                const struct zone *zone, int64_t *us)
{
  enum error_code code;
  int64_t length_us;
  *us = cli->screen.now_us;
  if (strcmp(text, "now") == 0)
    return ERROR_OK;
  if (*text == '+' || *text == '-') {
    code = duration_parse_signed(text, &length_us, &cli->error);
    if (!code && (length_us < INSTANT_MIN - *us || length_us > INSTANT_MAX - *us))
      code = error_set(&cli->error, ERROR_INVALID, "outside the years 1 to 9999");
    if (!code)
      *us += length_us;
  } else {
    code = instant_parse(text, zone, us, &cli->error);
  }
  return code ? error_prefix(&cli->error, "--%s \"%.60s\"", option, text) : ERROR_OK;
}

void cli_append_instant(struct buffer *out, int64_t us)
{
  char text[INSTANT_TEXT_SIZE];
  instant_format(text, us);
  char *fraction = strchr(text, '.');
  bool is_whole = fraction && strcmp(fraction, ".000000Z") == 0;
  if (is_whole)
    memcpy(fraction, "Z", 2);
  buffer_append_text(out, text);
}

void cli_append_local(struct buffer *out, int64_t us, const struct zone *zone)
{
  static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  int64_t second = instant_seconds(us), local_s = second + zone_at(zone, second).offset_s;
  struct civil_time local = civil_from_seconds(local_s);
  int fraction = (int)(us - second * 1000000);
  buffer_printf(out, "%s %04d-%02d-%02d %02d:%02d:%02d",
                weekdays[civil_weekday(civil_day_of(local_s))], local.date.year, local.date.month,
                local.date.day, local.hour, local.minute, local.second);
  if (fraction != 0)
    buffer_printf(out, ".%06d", fraction);
}

const char *cli_when(const struct cli *cli, const struct json *time)
{
  static struct buffer texts[4];
  static size_t turn;
  struct buffer *out = &texts[turn++ % 4];
  int64_t us = cli_instant(time, INT64_MIN);
  if (us == INT64_MIN)
    return NULL;
  buffer_clear(out);
  if (cli->screen.is_terminal) {
    append_when(out, us, cli->screen.now_us);
  } else {
    cli_append_instant(out, us);
  }
  return out->data;
}

char *cli_text_of(const struct json *value)
{
  if (!value || value->type == JSON_NULL)
    return NULL;
  struct buffer text = {0};
  if (value->type == JSON_STRING) {
    for (size_t i = 0; i < value->as.string.size; i++)
      if (value->as.string.data[i])
        buffer_append_byte(&text, value->as.string.data[i]);
      else
        buffer_append_text(&text, "\\x00"); /* a NUL would end it */
    return buffer_take(&text);
  }
  struct json_writer writer = {.out = &text};
  json_write_tree(&writer, value);
  return buffer_take(&text);
}

char *cli_first_line(const char *text)
{
  return text ? memory_copy(text, strcspn(text, "\r\n")) : NULL;
}

char *cli_progress(const struct json *progress)
{
  struct buffer out = {0};
  double done = json_number(json_get(progress, "done"), 0);
  double total = json_number(json_get(progress, "total"), 0);
  const char *note = json_text(json_get(progress, "note"), NULL);
  if (!progress || progress->type != JSON_OBJECT)
    return NULL;
  if (total > 0)
    buffer_printf(&out, "%.0f %% (%.10g/%.10g)", done / total * 100, done, total);
  else
    buffer_printf(&out, "%.10g", done);
  if (note)
    buffer_printf(&out, ", %s", note);
  return buffer_take(&out);
}
