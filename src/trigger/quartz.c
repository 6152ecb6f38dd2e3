/* The kind "quartz": the cron expressions of Quartz 2 (its CronExpression and its manual).
 *
 *     second minute hour day-of-month month day-of-week [year]
 *     item := * | /n | value | value-value, the latter with /n;  list := item,item,...
 *
 * Exactly one of the two day fields is `?`, so there is no question whether a day matches by either
 * or by both. Sunday is 1. Ranges go over the end (`22-2`, `FRI-MON`) but for years. Special
 * days stand alone in their field: in the day of month `L` (the last), `L-n` (n days before it),
 * `15W` (the day from Monday to Friday nearest to the 15th), `LW`, `L-nW`; in the day of week `6L`
 * or `FRIL` (the last Friday), `6#2` or `FRI#2` (the second Friday), and `L`, which is Saturday.
 *
 * Where Quartz drops a tail without a word (`MON-FRI/2`, `15Wx`, an eighth field) the text is read
 * whole or refused, and a step of 0 is refused. Without a year field, or with `*` there, years do
 * not end. Clock changes are treated as for all cron schedules (cron.c), not as Quartz does. */
#include <ctype.h>
#include <string.h>

#include "trigger/cron.h"
#include "trigger/cron_read.h"
#include "trigger/member.h"

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR, FIELDS };
enum { OFFSET_MAX = 30, NTH_MAX = 5 };

static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct cron_part parts[FIELDS] = {
    {.name = "second", .low = 0, .high = 59, .step_max = 59, .is_circular = true},
    {.name = "minute", .low = 0, .high = 59, .step_max = 59, .is_circular = true},
    {.name = "hour", .low = 0, .high = 23, .step_max = 23, .is_circular = true},
    {.name = "day of month", .low = 1, .high = 31, .step_max = 31, .is_circular = true},
    {.name = "month",
     .low = 1,
     .high = 12,
     .step_max = 12,
     .names = cron_month_names,
     .first_name = 1,
     .is_circular = true},
    {.name = "day of week",
     .low = 1,
     .high = 7,
     .step_max = 7,
     .names = weekday_names,
     .first_name = 1,
     .suffix = 'L',
     .is_circular = true},
    {.name = "year", .low = 1970, .high = 2199, .step_max = 229},
};

struct reading {
  struct cron_reader in;
  struct cron_special *special;
  uint64_t masks[YEAR];
  const char *begins[FIELDS];
  const char *special_at; /* the item of a day field that must stand alone; NULL: none */
  bool is_unset[FIELDS];  /* `?` */
};

static bool is_letter(const char *at, char letter)
{
  return toupper((unsigned char)*at) == letter;
}

/* `L`, `L-n`, `LW`, `L-nW`. */
static enum error_code read_last_day(struct reading *reading, struct error *error)
{
  struct cron_reader *in = &reading->in;
  int32_t offset = 0;
  in->at++;
  if (*in->at == '-') {
    in->at++;
    if (cron_read_number(in, "offset from the last day", 0, OFFSET_MAX, &offset, error))
      return ERROR_INVALID;
  }
  if (is_letter(in->at, 'W')) {
    in->at++;
    reading->special->nearest_last |= UINT32_C(1) << offset;
  } else {
    reading->special->last_days |= UINT32_C(1) << offset;
  }
  return ERROR_OK;
}

static enum error_code read_day(struct reading *reading, struct error *error)
{
  struct cron_reader *in = &reading->in;
  const char *begin = in->at;
  struct cron_range range;
  if (is_letter(begin, 'L')) {
    reading->special_at = begin;
    return read_last_day(reading, error);
  }
  if (cron_read_range(in, &parts[DAY], &range, error))
    return ERROR_INVALID;
  if (range.is_single && is_letter(in->at, 'W')) {
    in->at++;
    reading->special_at = begin;
    reading->special->nearest |= UINT32_C(1) << range.low;
    return ERROR_OK;
  }
  reading->masks[DAY] |= cron_range_mask(&parts[DAY], &range);
  return ERROR_OK;
}

static enum error_code read_weekday(struct reading *reading, struct error *error)
{
  struct cron_reader *in = &reading->in;
  const char *begin = in->at;
  struct cron_range range;
  int32_t nth = 0;
  if (is_letter(begin, 'L')) {
    in->at++;
    reading->special_at = begin;
    reading->masks[WEEKDAY] = UINT64_C(1) << parts[WEEKDAY].high;
    return ERROR_OK;
  }
  if (cron_read_range(in, &parts[WEEKDAY], &range, error))
    return ERROR_INVALID;
  if (!range.is_single || (!is_letter(in->at, 'L') && *in->at != '#')) {
    reading->masks[WEEKDAY] |= cron_range_mask(&parts[WEEKDAY], &range);
    return ERROR_OK;
  }
  reading->special_at = begin;
  if (*in->at++ == '#' && cron_read_number(in, "the number behind #", 1, NTH_MAX, &nth, error))
    return ERROR_INVALID;
  reading->special->nth[nth] |= (uint8_t)(1 << (range.low - 1));
  return ERROR_OK;
}

static enum error_code read_item(struct reading *reading, int field, bool *is_all,
                                 struct error *error)
{
  struct cron_reader *in = &reading->in;
  struct cron_range range = {.low = parts[field].low, .high = parts[field].high, .step = 1};
  enum error_code code;
  if (*in->at == '/' && field == YEAR)
    return cron_read_refuse_rest(in, parts[field].name, error);
  if (*in->at == '/')
    code = cron_read_step(in, &parts[field], &range, error);
  else if (field == DAY)
    return read_day(reading, error);
  else if (field == WEEKDAY)
    return read_weekday(reading, error);
  else if (field == YEAR)
    return cron_read_years(in, &parts[field], reading->special, is_all, error);
  else
    code = cron_read_range(in, &parts[field], &range, error);
  if (!code)
    reading->masks[field] |= cron_range_mask(&parts[field], &range);
  return code;
}

static enum error_code read_field(struct reading *reading, int field, struct error *error)
{
  struct cron_reader *in = &reading->in;
  bool is_all = false;
  int items = 0;
  reading->begins[field] = in->at;
  reading->special_at = NULL;
  if (*in->at == '?' && (field == DAY || field == WEEKDAY)) {
    in->at++;
    reading->is_unset[field] = true;
  } else {
    do {
      in->at += items++ > 0; /* the comma */
      if (read_item(reading, field, &is_all, error))
        return ERROR_INVALID;
    } while (*in->at == ',');
  }
  if (!cron_read_is_end(in) || *in->at == ',')
    return cron_read_refuse_rest(in, parts[field].name, error);
  if (reading->special_at && items > 1)
    return cron_read_refuse(in, reading->special_at, error, "%s: L, W and # cannot stand in a list",
                            parts[field].name);
  if (is_all)
    reading->special->year_count = 0;
  return ERROR_OK;
}

static enum error_code check_field_count(const char *expression, struct error *error)
{
  struct cron_reader in = {expression, expression};
  const char *end = expression, *eighth = NULL;
  int count = 0;
  for (cron_read_skip_spaces(&in); *in.at; cron_read_skip_spaces(&in)) {
    if (count++ == FIELDS)
      eighth = in.at;
    cron_read_skip_word(&in);
    end = in.at;
  }
  if (count == FIELDS || count == FIELDS - 1)
    return ERROR_OK;
  return cron_read_refuse(&in, eighth ? eighth : end, error,
                          "%d field%s found, expected 6 (second minute hour day-of-month month "
                          "day-of-week), or 7 with the year last",
                          count, count == 1 ? "" : "s");
}

static enum error_code check_unset(const struct reading *reading, struct error *error)
{
  if (reading->is_unset[DAY] && reading->is_unset[WEEKDAY])
    return cron_read_refuse(&reading->in, reading->begins[WEEKDAY], error,
                            "Quartz wants ? in only one of day-of-month and day-of-week");
  if (!reading->is_unset[DAY] && !reading->is_unset[WEEKDAY])
    return cron_read_refuse(&reading->in, reading->begins[WEEKDAY], error,
                            "Quartz wants ? in day-of-month or day-of-week");
  return ERROR_OK;
}

static enum error_code parse(const char *expression, struct cron_parsed *parsed,
                             struct error *error)
{
  struct reading reading = {.in = {expression, expression}, .special = &parsed->special};
  if (check_field_count(expression, error))
    return ERROR_INVALID;
  for (int field = 0; field < FIELDS; field++) {
    cron_read_skip_spaces(&reading.in);
    if (*reading.in.at && read_field(&reading, field, error))
      return ERROR_INVALID;
  }
  if (check_unset(&reading, error))
    return ERROR_INVALID;
  bool is_by_nth = reading.is_unset[DAY] && !reading.masks[WEEKDAY];
  bool is_by_date = reading.is_unset[WEEKDAY] || is_by_nth;
  parsed->fields = (struct cron_fields){
      .seconds = reading.masks[SECOND],
      .minutes = reading.masks[MINUTE],
      .hours = (uint32_t)reading.masks[HOUR],
      .days = is_by_date ? (uint32_t)reading.masks[DAY] : CRON_ALL_DAYS,
      .months = (uint16_t)reading.masks[MONTH],
      .weekdays = is_by_date ? CRON_ALL_WEEKDAYS : (uint8_t)(reading.masks[WEEKDAY] >> 1),
  };
  parsed->given = expression;
  parsed->days_at = reading.begins[reading.is_unset[DAY] ? WEEKDAY : DAY];
  for (int field = SECOND; field <= HOUR; field++)
    parsed->fields.is_wildcard |= *reading.begins[field] == '*';
  return ERROR_OK;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *expression = NULL;
  struct cron_parsed parsed = {0};
  char text[CRON_TEXT_MAX_SIZE];
  if (member_text(value, "expression", &expression, error)) {
    error_prefix(error, "quartz");
    return ERROR_INVALID;
  }
  if (!expression)
    return error_set(error, ERROR_INVALID, "quartz: \"expression\" is missing");
  if (strlen(expression) > sizeof text)
    return error_set(error, ERROR_LIMIT, "quartz: the expression is longer than %d bytes",
                     CRON_TEXT_MAX_SIZE);
  enum error_code code = parse(expression, &parsed, error);
  parsed.text = text;
  parsed.text_size = cron_read_spaced(text, expression);
  if (!code)
    code = cron_create(&quartz_kind, &parsed, cron_options(value), default_zone, trigger, error);
  if (code)
    error_prefix(error, "quartz \"%.200s\"", expression);
  return code;
}

static const char *const members[] = {"expression", "timezone", "gap", "overlap",
                                      "start",      "end",      NULL};
static const struct trigger_word words[] = {{"quartz", "expression"}, {0}};

const struct trigger_kind quartz_kind = {
    .name = "quartz",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = cron_destroy,
    .to_json = cron_to_json,
    .next = cron_next,
    .count = cron_count,
    .timezone = cron_timezone,
    .explain = cron_explain,
    .matches_local = cron_matches_local,
};
