/* The lines of a crontab, as cronie's load_env() and load_entry() read them.
 *
 * A setting is NAME = VALUE, each of them in quotes if need be, and nothing in it is expanded. An
 * entry may begin with "-", which only keeps cron from logging it. In a command the first % ends
 * the command and begins its input; \% is a percent sign. */
#include "ctl/crontab.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIELDS = 5 };

static bool is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_spaces(const char *at)
{
  while (is_space(*at))
    at++;
  return at;
}

static const char *skip_word(const char *at)
{
  while (*at && !is_space(*at))
    at++;
  return at;
}

static size_t trimmed_size(const char *text)
{
  size_t size = strlen(text);
  while (size > 0 && is_space(text[size - 1]))
    size--;
  return size;
}

static int column_of(const char *text, const char *at)
{
  return (int)(at - text) + 1;
}

/* ---- settings ---- */

/* The size of a name; 0 when there is none. *after is behind it and its quotes. */
static size_t name_size(const char *at, const char **begin, const char **after)
{
  size_t size = 0;
  bool is_quoted = *at == '"' || *at == '\'';
  *begin = at + is_quoted;
  while ((*begin)[size] == '_' || isalpha((unsigned char)(*begin)[size]) ||
         (size > 0 && isdigit((unsigned char)(*begin)[size])))
    size++;
  *after = *begin + size;
  if (is_quoted && **after != *at)
    return 0;
  *after += is_quoted;
  return size;
}

static bool is_setting(const char *at)
{
  const char *begin, *after;
  return name_size(at, &begin, &after) > 0 && *skip_spaces(after) == '=';
}

static enum error_code read_setting(const char *text, const char *at, struct crontab_line *line,
                                    struct error *error)
{
  const char *name, *after;
  size_t size = name_size(at, &name, &after);
  line->kind = CRONTAB_SETTING;
  line->name = memory_copy(name, size);
  line->column = column_of(text, at);
  at = skip_spaces(skip_spaces(after) + 1);
  if (*at != '"' && *at != '\'') {
    line->value = memory_copy(at, trimmed_size(at));
    return ERROR_OK;
  }
  const char *end = strchr(at + 1, *at);
  if (!end)
    return error_set(error, ERROR_INVALID, "the quote of %s's value is not closed, column %d",
                     line->name, column_of(text, at));
  if (*skip_spaces(end + 1))
    return error_set(error, ERROR_INVALID,
                     "something stands behind the quoted value of %s, column %d", line->name,
                     column_of(text, skip_spaces(end + 1)));
  line->value = memory_copy(at + 1, (size_t)(end - at - 1));
  return ERROR_OK;
}

/* ---- entries ---- */

static enum error_code read_schedule(const char *text, const char **at, struct crontab_line *line,
                                     struct error *error)
{
  struct buffer schedule = {0};
  int count = **at == '@' ? 1 : FIELDS;
  line->column = column_of(text, *at);
  for (int i = 0; i < count; i++) {
    const char *end = skip_word(*at);
    if (end == *at) {
      buffer_deinit(&schedule);
      return error_set(error, ERROR_INVALID, "five fields are wanted, here %s %d, column %d",
                       i == 1 ? "is" : "are", i, line->column);
    }
    if (i > 0)
      buffer_append_byte(&schedule, ' ');
    buffer_append(&schedule, *at, (size_t)(end - *at));
    *at = skip_spaces(end);
  }
  line->schedule = buffer_take(&schedule);
  return ERROR_OK;
}

/* Up to the first % that no backslash precedes; *end is on it or at the end. */
static char *take_part(const char *at, const char **end, char for_percent)
{
  struct buffer part = {0};
  buffer_reserve(&part, strlen(at));
  for (; *at && (*at != '%' || for_percent); at++)
    if (at[0] == '\\' && at[1] == '%')
      buffer_append_byte(&part, *++at);
    else if (*at == '%')
      buffer_append_byte(&part, for_percent);
    else
      buffer_append_byte(&part, *at);
  *end = at;
  return buffer_take(&part);
}

static void read_command(const char *at, struct crontab_line *line)
{
  const char *end;
  char *text = memory_copy(at, trimmed_size(at));
  line->command = take_part(text, &end, '\0');
  line->command[trimmed_size(line->command)] = '\0';
  if (*end == '%') {
    struct buffer input = {0};
    char *part = take_part(end + 1, &end, '\n');
    buffer_append_text(&input, part);
    if (input.size == 0 || input.data[input.size - 1] != '\n')
      buffer_append_byte(&input, '\n'); /* as cron adds one */
    line->input = buffer_take(&input);
    free(part);
  }
  free(text);
}

static enum error_code read_entry(const char *text, const char *at, bool is_system,
                                  struct crontab_line *line, struct error *error)
{
  line->kind = CRONTAB_ENTRY;
  at += *at == '-';
  enum error_code code = read_schedule(text, &at, line, error);
  if (code)
    return code;
  if (is_system && *at) {
    const char *end = skip_word(at);
    line->user = memory_copy(at, (size_t)(end - at));
    at = skip_spaces(end);
  }
  if (!*at)
    return error_set(error, ERROR_INVALID, "there is no command behind the %s, column %d",
                     line->user ? "user" : "schedule", column_of(text, at));
  read_command(at, line);
  if (!*line->command)
    return error_set(error, ERROR_INVALID, "there is no command before the %%, column %d",
                     column_of(text, at));
  return ERROR_OK;
}

enum error_code crontab_read_line(const char *text, bool is_system, struct crontab_line *line,
                                  struct error *error)
{
  const char *at = skip_spaces(text);
  *line = (struct crontab_line){.kind = CRONTAB_BLANK};
  enum error_code code = ERROR_OK;
  if (*at == '#') {
    line->kind = CRONTAB_COMMENT;
    line->text = memory_copy(at + 1, trimmed_size(at + 1));
  } else if (is_setting(at)) {
    code = read_setting(text, at, line, error);
  } else if (*at) {
    code = read_entry(text, at, is_system, line, error);
  }
  if (code)
    crontab_line_deinit(line);
  return code;
}

void crontab_line_deinit(struct crontab_line *line)
{
  free(line->text);
  free(line->name);
  free(line->value);
  free(line->schedule);
  free(line->user);
  free(line->command);
  free(line->input);
  *line = (struct crontab_line){.kind = CRONTAB_BLANK};
}
