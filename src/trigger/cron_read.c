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

/* How many bytes of the word at `at` a message shows: whole characters. */
static int shown_size(const char *at)
{
  int size = 0;
  while (size < SHOWN_MAX && at[size] && at[size] != ',' && !cron_is_space(at[size]))
    size++;
  while (size > 0 && is_inside_character(at[size]))
    size--;
  return size;
}

enum error_code cron_read_add_column(const char *begin, const char *at, struct error *error)
{
  int column = 1;
  if (!error)
    return ERROR_INVALID;
  for (; begin < at; begin++)
    column += !is_inside_character(*begin);
  size_t size = strlen(error->text);
  snprintf(error->text + size, sizeof error->text - size, ", column %d", column);
  return error->code;
}

enum error_code cron_read_refuse(const struct cron_reader *reader, const char *where,
                                 struct error *error, const char *format, ...)
{
  char message[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  error_set(error, ERROR_INVALID, "%s", message);
  return cron_read_add_column(reader->begin, where, error);
}

static enum error_code refuse_rest(const struct cron_reader *reader, const char *name,
                                   const char *behind, struct error *error)
{
  if (cron_read_is_end(reader))
    return cron_read_refuse(reader, reader->at, error, "%s%s: a value is missing", name, behind);
  return cron_read_refuse(reader, reader->at, error, "%s%s: \"%.*s\" is not understood", name,
                          behind, shown_size(reader->at), reader->at);
}

enum error_code cron_read_refuse_rest(const struct cron_reader *reader, const char *name,
                                      struct error *error)
{
  return refuse_rest(reader, name, "", error);
}

/* ---- values ---- */

/* Messages call it by the name and what stands behind it. */
static enum error_code read_number(struct cron_reader *reader, const char *name, const char *behind,
                                   int32_t low, int32_t high, int32_t *value, struct error *error)
{
  const char *begin = reader->at;
  int32_t sum = 0;
  if (!isdigit((unsigned char)*begin))
    return refuse_rest(reader, name, behind, error);
  for (; isdigit((unsigned char)*reader->at); reader->at++)
    sum = sum > 99999 ? sum : sum * 10 + (*reader->at - '0');
  int size = (int)(reader->at - begin > 20 ? 20 : reader->at - begin);
  if (sum < low)
    return cron_read_refuse(reader, begin, error, "%s%s %.*s is under %d", name, behind, size,
                            begin, low);
  if (sum > high)
    return cron_read_refuse(reader, begin, error, "%s%s %.*s is over %d", name, behind, size, begin,
                            high);
  *value = sum;
  return ERROR_OK;
}

enum error_code cron_read_number(struct cron_reader *reader, const char *what, int32_t low,
                                 int32_t high, int32_t *value, struct error *error)
{
  return read_number(reader, what, "", low, high, value, error);
}

/* The index of a name, of which `word` has the first `size` letters; -1 when there is none. */
static int32_t find_name(const struct cron_part *part, const char *word, size_t size)
{
  for (int32_t i = 0; part->names[i]; i++)
    if (*part->names[i] == *word && !strncmp(part->names[i], word, size) && !part->names[i][size])
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
  if (part->names && isalpha((unsigned char)*reader->at))
    return read_name(reader, part, value, error);
  int32_t high = part->twin ? part->twin : part->high;
  return read_number(reader, part->name, "", part->low, high, value, error);
}

/* ---- ranges ---- */

enum error_code cron_read_step(struct cron_reader *reader, const struct cron_part *part,
                               struct cron_range *range, struct error *error)
{
  if (*reader->at != '/')
    return ERROR_OK;
  const char *begin = ++reader->at;
  bool is_bounded = !range->is_single && !range->is_star;
  if (range->is_single && range->high < part->high)
    range->high = part->high;
  range->is_single = false;
  if (read_number(reader, part->name, " step", 1, part->step_max ? part->step_max : INT32_MAX,
                  &range->step, error))
    return ERROR_INVALID;
  int32_t span = range->high - range->low;
  bool is_checked = part->step_max ? part->is_step_in_span && is_bounded && range->step > 1 : true;
  if (is_checked && range->step > span)
    return cron_read_refuse(reader, begin, error, "%s step %.*s is over its span of %d", part->name,
                            shown_size(begin), begin, span);
  return ERROR_OK;
}

enum error_code cron_read_bounds(struct cron_reader *reader, const struct cron_part *part,
                                 struct cron_range *range, struct error *error)
{
  const char *begin = reader->at;
  *range = (struct cron_range){.low = part->low, .high = part->high, .step = 1};
  if (*begin == '*') {
    reader->at++;
    range->is_star = true;
    return ERROR_OK;
  }
  if (cron_read_value(reader, part, &range->low, error))
    return ERROR_INVALID;
  range->high = range->low;
  range->is_single = *reader->at != '-';
  if (range->is_single)
    return ERROR_OK;
  reader->at++;
  if (cron_read_value(reader, part, &range->high, error))
    return ERROR_INVALID;
  if (part->twin && range->high == part->low && range->low > part->low)
    range->high = part->twin;
  if (range->high >= range->low)
    return ERROR_OK;
  range->high += part->high - part->low + 1;
  if (part->is_circular)
    return ERROR_OK;
  return cron_read_refuse(reader, begin, error, "%s range \"%.*s\" runs backwards", part->name,
                          (int)(reader->at - begin), begin);
}

enum error_code cron_read_range(struct cron_reader *reader, const struct cron_part *part,
                                struct cron_range *range, struct error *error)
{
  enum error_code code = cron_read_bounds(reader, part, range, error);
  return code ? code : cron_read_step(reader, part, range, error);
}

uint64_t cron_range_mask(const struct cron_part *part, const struct cron_range *range)
{
  uint64_t mask = 0;
  if (range->step == 1 && range->high <= part->high)
    return (UINT64_C(2) << range->high) - (UINT64_C(1) << range->low);
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
    if (!cron_is_space(*text))
      *out++ = *text;
    else if (out > begin && out[-1] != ' ')
      *out++ = ' ';
  if (out > begin && out[-1] == ' ')
    out--;
  return (size_t)(out - begin);
}
