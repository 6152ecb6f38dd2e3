/* Reading goes forward over the text and copies nothing. A message shows what stands at the fault,
 * up to the next space or comma, and its column: characters, not bytes, from 1. */
#include "trigger/cron_read.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { WORD_SIZE = 32, SHOWN_MAX = 40, MESSAGE_SIZE = 400 };

const char *const cron_month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                        "aug", "sep", "oct", "nov", "dec", NULL};

/* ---- errors ---- */

static bool is_inside_character(char byte)
{
  return ((unsigned char)byte & 0xc0) == 0x80;
}

static bool is_end(char c)
{
  return !c || c == ',' || isspace((unsigned char)c);
}

bool cron_read_is_end(const struct cron_reader *reader)
{
  return is_end(*reader->at);
}

/* How many bytes of the word at `at` a message shows: whole characters. */
static int shown_size(const char *at)
{
  int size = 0;
  while (size < SHOWN_MAX && !is_end(at[size]))
    size++;
  while (size > 0 && is_inside_character(at[size]))
    size--;
  return size;
}

enum error_code cron_read_refuse(const struct cron_reader *reader, const char *where,
                                 struct error *error, const char *format, ...)
{
  char message[MESSAGE_SIZE];
  int column = 1;
  va_list arguments;
  for (const char *at = reader->begin; at < where; at++)
    column += !is_inside_character(*at);
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return error_set(error, ERROR_INVALID, "%s, column %d", message, column);
}

enum error_code cron_read_refuse_rest(const struct cron_reader *reader, const char *name,
                                      struct error *error)
{
  if (cron_read_is_end(reader))
    return cron_read_refuse(reader, reader->at, error, "%s: a value is missing", name);
  return cron_read_refuse(reader, reader->at, error, "%s: \"%.*s\" is not understood", name,
                          shown_size(reader->at), reader->at);
}

/* ---- values ---- */

enum error_code cron_read_number(struct cron_reader *reader, const char *what, int32_t low,
                                 int32_t high, int32_t *value, struct error *error)
{
  const char *begin = reader->at;
  int32_t sum = 0;
  if (!isdigit((unsigned char)*begin))
    return cron_read_refuse_rest(reader, what, error);
  for (; isdigit((unsigned char)*reader->at); reader->at++)
    sum = sum > 99999 ? sum : sum * 10 + (*reader->at - '0');
  int size = (int)(reader->at - begin > 20 ? 20 : reader->at - begin);
  if (sum < low)
    return cron_read_refuse(reader, begin, error, "%s %.*s is under %d", what, size, begin, low);
  if (sum > high)
    return cron_read_refuse(reader, begin, error, "%s %.*s is over %d", what, size, begin, high);
  *value = sum;
  return ERROR_OK;
}

/* The index of a name, of which `word` has the first `size` letters; -1 when there is none. */
static int32_t find_name(const struct cron_part *part, const char *word, size_t size)
{
  for (int32_t i = 0; part->names[i]; i++)
    if (strlen(part->names[i]) == size && !memcmp(part->names[i], word, size))
      return i;
  return -1;
}

static enum error_code read_name(struct cron_reader *reader, const struct cron_part *part,
                                 int32_t *value, struct error *error)
{
  char word[WORD_SIZE] = {0}, hint[128];
  const char *begin = reader->at;
  size_t size = 0;
  for (; isalpha((unsigned char)begin[size]); size++)
    if (size < WORD_SIZE - 1)
      word[size] = (char)tolower((unsigned char)begin[size]);
  int32_t index = find_name(part, word, size);
  if (index < 0 && part->suffix && toupper((unsigned char)begin[size - 1]) == part->suffix)
    index = find_name(part, word, --size);
  if (index >= 0) {
    *value = part->first_name + index;
    reader->at += size;
    return ERROR_OK;
  }
  index = find_name(part, word, 3);
  if (index >= 0) /* "monday" */
    snprintf(hint, sizeof hint, ", did you mean \"%s\"?", part->names[index]);
  else
    text_did_you_mean(hint, word, part->names);
  return cron_read_refuse(reader, begin, error, "unknown %s \"%.*s\"%s", part->name,
                          shown_size(begin), begin, hint);
}

enum error_code cron_read_value(struct cron_reader *reader, const struct cron_part *part,
                                int32_t *value, struct error *error)
{
  if (isalpha((unsigned char)*reader->at) && part->names)
    return read_name(reader, part, value, error);
  return cron_read_number(reader, part->name, part->low, part->high, value, error);
}

/* ---- ranges ---- */

enum error_code cron_read_step(struct cron_reader *reader, const struct cron_part *part,
                               struct cron_range *range, struct error *error)
{
  char what[WORD_SIZE];
  if (*reader->at != '/')
    return ERROR_OK;
  const char *begin = ++reader->at;
  if (range->is_single)
    range->high = part->high;
  range->is_single = false;
  snprintf(what, sizeof what, "%s step", part->name);
  if (part->step_max)
    return cron_read_number(reader, what, 1, part->step_max, &range->step, error);
  if (cron_read_number(reader, what, 1, INT32_MAX, &range->step, error))
    return ERROR_INVALID;
  if (range->step > range->high - range->low)
    return cron_read_refuse(reader, begin, error, "%s %.*s is over its span of %d", what,
                            shown_size(begin), begin, range->high - range->low);
  return ERROR_OK;
}

enum error_code cron_read_range(struct cron_reader *reader, const struct cron_part *part,
                                struct cron_range *range, struct error *error)
{
  const char *begin = reader->at;
  *range = (struct cron_range){part->low, part->high, 1, false};
  if (*begin == '*') {
    reader->at++;
    return cron_read_step(reader, part, range, error);
  }
  if (cron_read_value(reader, part, &range->low, error))
    return ERROR_INVALID;
  range->high = range->low;
  range->is_single = *reader->at != '-';
  if (!range->is_single) {
    reader->at++;
    if (cron_read_value(reader, part, &range->high, error))
      return ERROR_INVALID;
  }
  if (range->high < range->low && !part->is_circular)
    return cron_read_refuse(reader, begin, error, "%s range \"%.*s\" runs backwards", part->name,
                            shown_size(begin), begin);
  if (range->high < range->low)
    range->high += part->high - part->low + 1;
  return cron_read_step(reader, part, range, error);
}

uint64_t cron_range_mask(const struct cron_part *part, const struct cron_range *range)
{
  uint64_t mask = 0;
  for (int32_t value = range->low; value <= range->high; value += range->step)
    mask |= UINT64_C(1) << (value > part->high ? value - (part->high - part->low + 1) : value);
  return mask;
}

enum error_code cron_read_years(struct cron_reader *reader, const struct cron_part *part,
                                struct cron_special *special, bool *is_all, struct error *error)
{
  struct cron_range range;
  const char *begin = reader->at;
  if (cron_read_range(reader, part, &range, error))
    return ERROR_INVALID;
  if (*begin == '*' && range.step == 1) {
    *is_all = true;
    return ERROR_OK;
  }
  struct cron_years *last = special->year_count ? &special->years[special->year_count - 1] : NULL;
  if (last && last->step == 1 && range.step == 1 && range.low == last->until + 1) {
    last->until = (uint16_t)range.high;
    return ERROR_OK;
  }
  if (special->year_count == CRON_YEARS_MAX)
    return cron_read_refuse(reader, begin, error, "%s: more than %d ranges in a list", part->name,
                            CRON_YEARS_MAX);
  special->years[special->year_count++] =
      (struct cron_years){(uint16_t)range.low, (uint16_t)range.high, (uint16_t)range.step};
  return ERROR_OK;
}

size_t cron_read_spaced(char *out, const char *text)
{
  char *begin = out;
  for (; *text; text++)
    if (!isspace((unsigned char)*text))
      *out++ = *text;
    else if (out > begin && out[-1] != ' ')
      *out++ = ' ';
  if (out > begin && out[-1] == ' ')
    out--;
  return (size_t)(out - begin);
}
