/* The kind "cron_fields": a cron schedule as named fields, which are APScheduler 3's (its
 * CronTrigger and the manual of it).
 *
 *     year month day week day_of_week hour minute second
 *     item := * | value | value-value, each with /n;  list := item,item,...
 *     in day also: last | ORDINAL weekday | last weekday, as in "2nd fri"
 *
 * Each is a text, a whole number or a list of both. What is not given is `*` when it stands before
 * the last one given, and its least value when behind (week and day_of_week are always `*`): hour=9
 * means 09:00:00 every day, minute=30 the half of every hour. All fields must match together.
 * Monday is 0, weeks are those of ISO 8601. An `a/n` goes up to the field's end, and a step may
 * not be over the span that it divides.
 *
 * APScheduler takes names by their beginning and drops what follows; here names may stand wherever
 * numbers may (`mon-fri/2`), and what follows is read or refused. A schedule is wildcard (cron.c)
 * when its hour, minute or second begins with `*`, or is not given and so is `*`.
 *
 * cron_text() holds the texts of all fields with a bar behind each, "||||mon-fri|9|||". */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "trigger/cron.h"
#include "trigger/cron_read.h"
#include "trigger/member.h"

enum { YEAR, MONTH, DAY, WEEK, WEEKDAY, HOUR, MINUTE, SECOND, FIELDS };
enum { ORDINALS = 6, BAR = '|' };

static const char *const weekday_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
static const char *const ordinals[ORDINALS] = {"last", "1st", "2nd", "3rd", "4th", "5th"};

static const struct cron_part parts[FIELDS] = {
    {.name = "year", .low = 1970, .high = 9999},
    {.name = "month", .low = 1, .high = 12, .names = cron_month_names, .first_name = 1},
    {.name = "day", .low = 1, .high = 31},
    {.name = "week", .low = 1, .high = 53},
    {.name = "day_of_week", .low = 0, .high = 6, .names = weekday_names},
    {.name = "hour", .low = 0, .high = 23},
    {.name = "minute", .low = 0, .high = 59},
    {.name = "second", .low = 0, .high = 59},
};

/* What a field is that is not given. */
static const char *const defaults[FIELDS] = {"*", "1", "1", "*", "*", "0", "0", "0"};

struct reading {
  struct cron_reader in;
  struct cron_special *special;
  uint64_t masks[FIELDS];
};

/* The index in `ordinals` of the word at `at`, and its size; -1 when it is none. */
static int find_ordinal(const char *at, size_t *size)
{
  char word[8] = {0};
  for (*size = 0; isalnum((unsigned char)at[*size]); ++*size)
    if (*size < sizeof word - 1)
      word[*size] = (char)tolower((unsigned char)at[*size]);
  for (int i = 0; i < ORDINALS; i++)
    if (!strcmp(word, ordinals[i]))
      return i;
  return -1;
}

/* `last`, `last fri`, `2nd fri`; the ordinal is `nth` and of `size` bytes. */
static enum error_code read_ordinal(struct reading *reading, int nth, size_t size,
                                    struct error *error)
{
  static const struct cron_part weekday = {
      .name = "weekday", .low = 0, .high = 6, .names = weekday_names};
  struct cron_reader *in = &reading->in;
  int32_t value;
  in->at += size;
  cron_read_skip_spaces(in);
  if (nth == 0 && cron_read_is_end(in)) {
    reading->special->last_days |= 1;
    return ERROR_OK;
  }
  if (!isalpha((unsigned char)*in->at))
    return cron_read_refuse(in, in->at, error, "day: a weekday's name is missing behind \"%s\"",
                            ordinals[nth]);
  if (cron_read_value(in, &weekday, &value, error))
    return ERROR_INVALID;
  reading->special->nth[nth] |= (uint8_t)(1 << (value + 1) % 7);
  return ERROR_OK;
}

static enum error_code read_item(struct reading *reading, int field, bool *is_all,
                                 struct error *error)
{
  struct cron_reader *in = &reading->in;
  struct cron_range range;
  size_t size;
  int nth = find_ordinal(in->at, &size);
  if (nth >= 0 && field == DAY)
    return read_ordinal(reading, nth, size, error);
  if (nth >= 0)
    return cron_read_refuse(in, in->at, error, "%s: \"%s\" belongs into day", parts[field].name,
                            ordinals[nth]);
  if (field == YEAR)
    return cron_read_years(in, &parts[YEAR], reading->special, is_all, error);
  if (cron_read_range(in, &parts[field], &range, error))
    return ERROR_INVALID;
  reading->masks[field] |= cron_range_mask(&parts[field], &range);
  return ERROR_OK;
}

static enum error_code read_field(struct reading *reading, int field, const char *text,
                                  struct error *error)
{
  struct cron_reader *in = &reading->in;
  bool is_all = false;
  *in = (struct cron_reader){text, text};
  do {
    in->at += *in->at == ',' && in->at > text;
    cron_read_skip_spaces(in);
    if (read_item(reading, field, &is_all, error))
      return ERROR_INVALID;
    cron_read_skip_spaces(in);
  } while (*in->at == ',');
  if (*in->at)
    return cron_read_refuse_rest(in, parts[field].name, error);
  if (is_all)
    reading->special->year_count = 0;
  return ERROR_OK;
}

/* `texts` are of the fields as given; NULL for one that is not. */
static enum error_code parse(const char *const texts[FIELDS], struct cron_parsed *parsed,
                             struct error *error)
{
  struct reading reading = {.special = &parsed->special};
  const uint64_t all_weeks = (UINT64_C(1) << 54) - 2;
  bool is_wildcard = false;
  int last = FIELDS - 1;
  while (last >= 0 && !texts[last])
    last--;
  if (last < 0)
    return error_set(error, ERROR_INVALID,
                     "no field is given: write one of year, month, day, week, day_of_week, hour, "
                     "minute, second");
  for (int field = 0; field < FIELDS; field++) {
    const char *text = texts[field];
    if (!text)
      text = field < last ? "*" : defaults[field];
    if (read_field(&reading, field, text, error))
      return ERROR_INVALID;
    is_wildcard |= field >= HOUR && text[strspn(text, " \t\r\n\v\f")] == '*';
  }
  parsed->fields = (struct cron_fields){
      .seconds = reading.masks[SECOND],
      .minutes = reading.masks[MINUTE],
      .hours = (uint32_t)reading.masks[HOUR],
      .days = (uint32_t)reading.masks[DAY],
      .months = (uint16_t)reading.masks[MONTH],
      .weekdays = (uint8_t)((reading.masks[WEEKDAY] << 1 | reading.masks[WEEKDAY] >> 6) & 0x7f),
      .is_wildcard = is_wildcard,
  };
  if (reading.masks[WEEK] != all_weeks)
    parsed->special.weeks = reading.masks[WEEK];
  return ERROR_OK;
}

/* ---- the forms ---- */

/* Appends a text or a whole number. */
static enum error_code put_scalar(struct buffer *out, const char *name, const struct json *value,
                                  struct error *error)
{
  if (value->type == JSON_INTEGER)
    buffer_printf(out, "%" PRId64, value->as.integer);
  else if (value->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "\"%s\" must be a string or a whole number, not %s",
                     name, json_type_name(value->type));
  else if (strlen(value->as.string.data) != value->as.string.size)
    return error_set(error, ERROR_INVALID, "\"%s\" cannot hold a NUL byte", name);
  else
    buffer_append(out, value->as.string.data, value->as.string.size);
  return ERROR_OK;
}

/* The fields that are given, each with a NUL behind; `starts` are where they begin, -1 for those
 * that are not. */
static enum error_code read_texts(const struct json *value, struct buffer *out,
                                  ptrdiff_t starts[FIELDS], struct error *error)
{
  for (int field = 0; field < FIELDS; field++) {
    const char *name = parts[field].name;
    const struct json *member = member_find(value, name);
    starts[field] = member ? (ptrdiff_t)out->size : -1;
    if (!member)
      continue;
    if (member->type != JSON_ARRAY) {
      if (put_scalar(out, name, member, error))
        return ERROR_INVALID;
    } else {
      json_each(item, member) {
        if (item != member->as.first)
          buffer_append_byte(out, ',');
        if (put_scalar(out, name, item, error))
          return ERROR_INVALID;
      }
    }
    buffer_append_byte(out, '\0');
  }
  return ERROR_OK;
}

/* Appends in small letters, with single spaces between words and none elsewhere. */
static void put_canonical(struct buffer *out, const char *text)
{
  size_t begin = out->size;
  for (; *text; text++) {
    size_t space = strspn(text, " \t\r\n\v\f");
    text += space;
    if (space && *text && *text != ',' && out->size > begin && out->data[out->size - 1] != ',')
      buffer_append_byte(out, ' ');
    if (!*text)
      return;
    buffer_append_byte(out, (char)tolower((unsigned char)*text));
  }
}

static enum error_code make(const char *const texts[FIELDS], const struct json *value,
                            const char *default_zone, struct trigger **trigger, struct error *error)
{
  struct cron_parsed parsed = {0};
  struct buffer canonical = {0};
  enum error_code code = parse(texts, &parsed, error);
  if (code)
    return code;
  for (int field = 0; field < FIELDS; field++) {
    if (texts[field])
      put_canonical(&canonical, texts[field]);
    buffer_append_byte(&canonical, BAR);
  }
  parsed.text = canonical.data;
  parsed.text_size = canonical.size;
  code = cron_create(&cron_fields_kind, &parsed, value, default_zone, trigger, error);
  buffer_deinit(&canonical);
  return code;
}

static enum error_code from_json(const struct json *value, const char *default_zone,
                                 struct trigger **trigger, struct error *error)
{
  const char *texts[FIELDS] = {0};
  struct buffer given = {0};
  ptrdiff_t starts[FIELDS];
  enum error_code code = read_texts(value, &given, starts, error);
  for (int field = 0; !code && field < FIELDS; field++)
    if (starts[field] >= 0)
      texts[field] = given.data + starts[field];
  if (!code)
    code = make(texts, value, default_zone, trigger, error);
  if (code)
    error_prefix(error, "cron_fields");
  buffer_deinit(&given);
  return code;
}

static void to_json(const struct trigger *trigger, struct json_writer *writer)
{
  const char *text = cron_text(trigger);
  for (int field = 0; field < FIELDS; field++) {
    size_t size = strcspn(text, "|");
    if (size) {
      json_key(writer, parts[field].name);
      json_write_string(writer, text, size);
    }
    text += size + 1;
  }
  cron_put_options(trigger, writer);
}

static const char *const members[] = {"year",    "month",  "day",    "week",     "day_of_week",
                                      "hour",    "minute", "second", "timezone", "gap",
                                      "overlap", "start",  "end",    NULL};
static const struct trigger_word words[] = {{"fields", NULL}, {"cron_fields", NULL}, {0}};

const struct trigger_kind cron_fields_kind = {
    .name = "cron_fields",
    .members = members,
    .words = words,
    .from_json = from_json,
    .destroy = cron_destroy,
    .to_json = to_json,
    .next = cron_next,
    .count = cron_count,
    .timezone = cron_timezone,
    .explain = cron_explain,
    .matches_local = cron_matches_local,
};
