/* One part of a date or a time of systemd.time(7):
 *
 *     part := * | number[..number][/step], in a list
 *
 * Where the manual is silent the rule is that of systemd 252: `a/n` runs to the end of the part and
 * must come at least once again before it, `a..b/n` need not. Of days counted from the month's end
 * `a/n` runs from the a-th last to the last, and 28 is the farthest, since every month has it.
 * Years are 1970 to 2199; of two digits they are 1970 to 2069. A second may have a fraction that
 * comes out as a whole one at six digits, since fires are whole seconds. Pure. */
#include "trigger/oncalendar.h"

#include <ctype.h>
#include <string.h>

enum { SHOWN_MAX = 20 };

static const struct {
  const char *name;
  int32_t low, high;
} parts[] = {
    [ONCALENDAR_YEAR] = {"year", 1970, ONCALENDAR_YEAR_MAX},
    [ONCALENDAR_MONTH] = {"month", 1, 12},
    [ONCALENDAR_DAY] = {"day", 1, 31},
    [ONCALENDAR_LAST_DAY] = {"day from the end", 1, 28},
    [ONCALENDAR_HOUR] = {"hour", 0, 23},
    [ONCALENDAR_MINUTE] = {"minute", 0, 59},
    [ONCALENDAR_SECOND] = {"second", 0, 59},
};

/* How many of the bytes read since `begin` a message shows. They are ASCII. */
static int shown_size(const struct cron_reader *reader, const char *begin)
{
  return reader->at - begin > SHOWN_MAX ? SHOWN_MAX : (int)(reader->at - begin);
}

static enum error_code read_fraction(struct cron_reader *reader, const char *begin, int32_t *value,
                                     struct error *error)
{
  int32_t us = 0;
  reader->at++;
  for (int32_t unit_us = 100000; isdigit((unsigned char)*reader->at) && unit_us; unit_us /= 10)
    us += (*reader->at++ - '0') * unit_us;
  us += *reader->at >= '5' && *reader->at <= '9';
  while (isdigit((unsigned char)*reader->at))
    reader->at++;
  *value += us == 1000000;
  return us == 0 || us == 1000000
             ? ERROR_OK
             : cron_read_refuse(reader, begin, error,
                                "second %.*s is not whole, and fires are whole seconds",
                                shown_size(reader, begin), begin);
}

/* Saturates. */
static enum error_code read_number(struct cron_reader *reader, enum oncalendar_part part,
                                   int32_t *value, struct error *error)
{
  const char *begin = reader->at;
  if (*begin == '*')
    return cron_read_refuse(reader, begin, error, "%s: * cannot stand in a list or a range",
                            parts[part].name);
  if (cron_read_number(reader, parts[part].name, 0, INT32_MAX, value, error))
    return ERROR_INVALID;
  if (part == ONCALENDAR_SECOND && *reader->at == '.' && isdigit((unsigned char)reader->at[1]))
    return read_fraction(reader, begin, value, error);
  return ERROR_OK;
}

static enum error_code read_value(struct cron_reader *reader, enum oncalendar_part part,
                                  int32_t *value, struct error *error)
{
  const char *begin = reader->at;
  int32_t low = parts[part].low, high = parts[part].high;
  if (read_number(reader, part, value, error))
    return ERROR_INVALID;
  if (part == ONCALENDAR_YEAR && *value < 100)
    *value += *value < 70 ? 2000 : 1900;
  if (*value >= low && *value <= high)
    return ERROR_OK;
  bool is_under = *value < low;
  return cron_read_refuse(reader, begin, error, "%s %.*s is %s %d", parts[part].name,
                          shown_size(reader, begin), begin, is_under ? "under" : "over",
                          is_under ? low : high);
}

/* Behind the `/`. */
static enum error_code read_step(struct cron_reader *reader, enum oncalendar_part part,
                                 struct cron_range *range, struct error *error)
{
  const char *begin = reader->at, *name = parts[part].name;
  bool is_down = part == ONCALENDAR_LAST_DAY;
  int32_t end = is_down ? parts[part].low : parts[part].high;
  if (read_number(reader, part, &range->step, error))
    return ERROR_INVALID;
  if (range->step < 1)
    return cron_read_refuse(reader, begin, error, "%s step 0 is under 1", name);
  if (!range->is_single)
    return ERROR_OK;
  if (range->step > (is_down ? range->low - end : end - range->low))
    return cron_read_refuse(reader, begin, error, "%s step %.*s from %d goes past %d", name,
                            shown_size(reader, begin), begin, range->low, end);
  if (is_down)
    range->low = end + (range->low - end) % range->step;
  else
    range->high = end;
  return ERROR_OK;
}

static enum error_code read_item(struct cron_reader *reader, enum oncalendar_part part,
                                 struct cron_range *range, struct error *error)
{
  const char *begin = reader->at;
  range->step = 1;
  if (read_value(reader, part, &range->low, error))
    return ERROR_INVALID;
  range->high = range->low;
  range->is_single = strncmp(reader->at, "..", 2) != 0;
  if (!range->is_single) {
    reader->at += 2;
    if (read_value(reader, part, &range->high, error))
      return ERROR_INVALID;
    if (range->high < range->low)
      return cron_read_refuse(reader, begin, error, "%s range %.*s runs backwards",
                              parts[part].name, shown_size(reader, begin), begin);
  }
  if (*reader->at != '/')
    return ERROR_OK;
  reader->at++;
  return read_step(reader, part, range, error);
}

static enum error_code add_years(const struct cron_reader *reader, const char *begin,
                                 const struct cron_range *range, struct cron_special *special,
                                 struct error *error)
{
  struct cron_years *last = special->year_count ? &special->years[special->year_count - 1] : NULL;
  int32_t span = range->high - range->low;
  struct cron_years years = {(uint16_t)range->low, (uint16_t)range->high,
                             (uint16_t)(range->step > span ? span + 1 : range->step)};
  if (last && last->step == 1 && years.step == 1 && years.from == last->until + 1)
    last->until = years.until; /* "2026,2027,2028" takes one place */
  else if (special->year_count == CRON_YEARS_MAX)
    return cron_read_refuse(reader, begin, error,
                            "year: a list has at most %d items that do not follow each other",
                            CRON_YEARS_MAX);
  else
    special->years[special->year_count++] = years;
  return ERROR_OK;
}

static enum error_code read_star(struct cron_reader *reader, enum oncalendar_part part,
                                 uint64_t *mask, struct error *error)
{
  const char *begin = reader->at++;
  if (*reader->at == '/')
    return cron_read_refuse(reader, begin, error, "%s: * takes no step, write %d/ instead of */",
                            parts[part].name, parts[part].low);
  if (*reader->at == ',' || *reader->at == '.')
    return cron_read_refuse(reader, begin, error, "%s: * cannot stand in a list or a range",
                            parts[part].name);
  if (part != ONCALENDAR_YEAR)
    *mask = (UINT64_C(2) << parts[part].high) - (UINT64_C(1) << parts[part].low);
  return ERROR_OK;
}

enum error_code oncalendar_read_part(struct cron_reader *reader, enum oncalendar_part part,
                                     uint64_t *mask, struct cron_special *special,
                                     struct error *error)
{
  *mask = 0;
  if (*reader->at == '*')
    return read_star(reader, part, mask, error);
  for (;; reader->at++) {
    struct cron_range range;
    const char *begin = reader->at;
    if (read_item(reader, part, &range, error))
      return ERROR_INVALID;
    if (part == ONCALENDAR_YEAR && add_years(reader, begin, &range, special, error))
      return ERROR_INVALID;
    for (int32_t value = range.low; part != ONCALENDAR_YEAR && value <= range.high;
         value += range.step)
      *mask |= UINT64_C(1) << value;
    if (*reader->at != ',')
      return ERROR_OK;
  }
}
