/* Reading a cron expression: crontab(5) as Vixie's cron and its heirs have it, and Jenkins' `H`.
 *
 *     [CRON_TZ=Zone] [second] minute hour day-of-month month weekday
 *     item := * | value | value-value | H | H(value-value), each with /step;  list := item,item,...
 *
 * `a/n` is `a-max/n`. Names of months and weekdays count in any case, in ranges too. Sunday is 0 or
 * 7, also at the end of a range. When day of month and weekday are both restricted a day matches by
 * either, else by both; a field is unrestricted when its text begins with `*`, so a day field with
 * a step (every second day) and a weekday must both match. Every byte of the text is accounted for:
 * what is not understood is an error that says where.
 *
 * `H` is a value of the range that is the same for ever for one job, and spreads many jobs: the
 * 64-bit FNV-1a hash of the job's id, mixed with the number of the field by the finalizer of
 * splitmix64, modulo the size of the range; with a step the hash gives where the steps begin. A day
 * of month is 1 to 28, so that every month has it. */
#include "trigger/cron_parse.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "trigger/cron_read.h"

enum { FIELDS = 6, SECOND = 0, MINUTE, HOUR, DAY, MONTH, WEEKDAY };
enum { HASH_DAY_MAX = 28 };

static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct cron_part parts[FIELDS] = {
    {.name = "second", .low = 0, .high = 59, .step_max = 59, .is_step_in_span = true},
    {.name = "minute", .low = 0, .high = 59, .step_max = 59, .is_step_in_span = true},
    {.name = "hour", .low = 0, .high = 23, .step_max = 23, .is_step_in_span = true},
    {.name = "day of month", .low = 1, .high = 31, .step_max = 31, .is_step_in_span = true},
    {.name = "month",
     .low = 1,
     .high = 12,
     .step_max = 12,
     .is_step_in_span = true,
     .names = cron_month_names,
     .first_name = 1},
    {.name = "weekday",
     .low = 0,
     .high = 6,
     .twin = 7,
     .step_max = 7,
     .is_step_in_span = true,
     .names = weekday_names},
};

static const struct {
  const char *name, *expression;
} macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};
enum { MACROS = sizeof macros / sizeof macros[0] };

struct reading {
  struct cron_reader in;
  struct error *error;
  uint64_t hash;    /* of the seed */
  int32_t hash_day; /* the last day of month that an H may mean; 0: none */
  bool is_hashed;
};

/* ---- H ---- */

static bool is_hash(const char *at)
{
  return *at == 'H' && !isalpha((unsigned char)at[1]);
}

static uint64_t hash_text(const char *text)
{
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return hash;
}

/* From 0 up to `size`, not included. */
static int32_t hashed(const struct reading *reading, int field, int32_t size)
{
  uint64_t z = reading->hash + (uint64_t)(field + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (int32_t)((z ^ z >> 31) % (uint64_t)size);
}

/* The `(a-b)` behind an H. */
static enum error_code read_hash_bounds(struct reading *reading, int field,
                                        struct cron_range *range)
{
  struct cron_reader *in = &reading->in;
  const char *open = in->at++;
  if (cron_read_bounds(in, &parts[field], range, reading->error))
    return ERROR_INVALID;
  if (range->is_star || range->is_single || (*in->at != ')' && !cron_read_is_end(in)))
    return cron_read_refuse(in, open, reading->error, "%s: H takes a range, as in H(%d-%d)",
                            parts[field].name, parts[field].low, parts[field].high);
  if (*in->at != ')')
    return cron_read_refuse(in, in->at, reading->error, "%s: a \")\" is missing",
                            parts[field].name);
  in->at++;
  return ERROR_OK;
}

/* `H`, `H(a-b)`, each with /n, as the values that they are for this seed. */
static enum error_code read_hash(struct reading *reading, int field, struct cron_range *range)
{
  const struct cron_part *part = &parts[field];
  struct cron_reader *in = &reading->in;
  *range = (struct cron_range){
      .low = part->low, .high = field == DAY ? HASH_DAY_MAX : part->high, .step = 1};
  reading->is_hashed = true;
  in->at++;
  if (*in->at == '(' && read_hash_bounds(reading, field, range))
    return ERROR_INVALID;
  int32_t values = range->high - range->low + 1, choices = values;
  if (*in->at == '/') {
    const char *step_at = in->at + 1;
    range->is_star = true; /* the hash begins the steps: all that fit at least once will do */
    if (cron_read_step(in, part, range, reading->error))
      return ERROR_INVALID;
    if (range->step > values)
      return cron_read_refuse(in, step_at, reading->error,
                              "%s step %d is over the span of %d values", part->name, range->step,
                              values);
    choices = range->step;
  } else {
    range->is_single = true;
  }
  if (field == DAY && range->low + choices - 1 > reading->hash_day)
    reading->hash_day = range->low + choices - 1;
  range->low += hashed(reading, field, choices);
  if (range->is_single)
    range->high = range->low;
  return ERROR_OK;
}

/* ---- fields ---- */

static enum error_code read_field(struct reading *reading, int field, uint64_t *mask)
{
  struct cron_reader *in = &reading->in;
  for (*mask = 0;; in->at++) { /* over the comma */
    struct cron_range range;
    if (is_hash(in->at) ? read_hash(reading, field, &range)
                        : cron_read_range(in, &parts[field], &range, reading->error))
      return ERROR_INVALID;
    if (!cron_read_is_end(in))
      return cron_read_refuse_rest(in, parts[field].name, reading->error);
    *mask |= cron_range_mask(&parts[field], &range);
    if (*in->at != ',')
      return ERROR_OK;
  }
}

/* ---- the whole ---- */

/* `CRON_TZ=Zone` or `TZ=Zone` and the spaces behind it. */
static enum error_code read_zone(struct reading *reading, const struct zone **zone)
{
  struct cron_reader *in = &reading->in;
  size_t skip = strncmp(in->at, "CRON_TZ=", 8) == 0 ? 8 : strncmp(in->at, "TZ=", 3) == 0 ? 3 : 0;
  if (!skip)
    return ERROR_OK;
  char name[128];
  struct error error = {0};
  const char *begin = in->at += skip;
  cron_read_skip_word(in);
  size_t size = (size_t)(in->at - begin);
  if (size >= sizeof name)
    return cron_read_refuse(in, begin, reading->error, "unknown time zone \"%.40s...\"", begin);
  memcpy(name, begin, size);
  name[size] = '\0';
  if (zone_find(name, zone, &error))
    return cron_read_refuse(in, begin, reading->error, "%s", error.text);
  cron_read_skip_spaces(in);
  return ERROR_OK;
}

/* Goes on with the text that the macro stands for. */
static enum error_code expand_macro(struct reading *reading)
{
  struct cron_reader *in = &reading->in;
  const char *names[MACROS + 1] = {0}, *begin = in->at;
  char word[64] = {0}, hint[128];
  cron_read_skip_word(in);
  size_t size = (size_t)(in->at - begin);
  memcpy(word, begin, size < sizeof word ? size : sizeof word - 1);
  cron_read_skip_spaces(in);
  if (*in->at && !strcmp(word, "@every"))
    return cron_read_refuse(in, begin, reading->error,
                            "@every is not crontab's: write \"every %.20s\"", in->at);
  if (!strcmp(word, "@reboot"))
    return cron_read_refuse(in, begin, reading->error,
                            "@reboot is an event and not a time: write \"on_start\"");
  for (size_t i = 0; i < MACROS; i++) {
    names[i] = macros[i].name;
    if (strcmp(word, macros[i].name) != 0)
      continue;
    if (*in->at)
      return cron_read_refuse(in, in->at, reading->error, "\"%.40s\" stands behind %s", in->at,
                              word);
    *in = (struct cron_reader){macros[i].expression, macros[i].expression};
    return ERROR_OK;
  }
  return cron_read_refuse(in, begin, reading->error, "unknown macro \"%s\"%s", word,
                          text_did_you_mean(hint, word, names));
}

static bool is_year(const char *word)
{
  return strspn(word, "0123456789") == 4;
}

/* How many fields there are: 5 or 6. */
static enum error_code count_fields(const struct reading *reading, int *count)
{
  struct cron_reader in = reading->in;
  const char *end = in.at, *last = in.at, *seventh = NULL;
  for (*count = 0; *in.at; cron_read_skip_spaces(&in)) {
    if ((*count)++ == FIELDS)
      seventh = in.at;
    last = in.at;
    cron_read_skip_word(&in);
    end = in.at;
  }
  if (*count == FIELDS && is_year(last)) /* as Quartz and others have one */
    return cron_read_refuse(&in, last, reading->error,
                            "weekday %.4s is over 7: six fields begin with seconds, and none is a "
                            "year",
                            last);
  if (*count == FIELDS - 1 || *count == FIELDS)
    return ERROR_OK;
  return cron_read_refuse(&in, seventh ? seventh : end, reading->error,
                          "%d field%s found, expected 5 (minute hour day month weekday), or 6 with "
                          "seconds first",
                          *count, *count == 1 ? "" : "s");
}

/* Whether an expression ever fires must not depend on the job: an H of days may mean the last. */
static enum error_code check_hash_day(const struct reading *reading,
                                      const struct cron_parsed *parsed)
{
  struct cron_fields latest = parsed->fields;
  latest.days = UINT32_C(1) << reading->hash_day;
  if (latest.is_either || !cron_fields_finish(&latest, NULL, reading->error))
    return ERROR_OK;
  return cron_read_add_column(parsed->given, parsed->days_at, reading->error);
}

enum error_code cron_parse(const char *expression, struct cron_parsed *parsed, struct error *error)
{
  struct reading reading = {.in = {expression, expression}, .error = error};
  struct cron_reader *in = &reading.in;
  uint64_t masks[FIELDS] = {1};
  bool has_star[FIELDS] = {false};
  int count;
  reading.hash = hash_text(parsed->seed ? parsed->seed : "");
  cron_read_skip_spaces(in);
  if (read_zone(&reading, &parsed->zone) || (*in->at == '@' && expand_macro(&reading)) ||
      count_fields(&reading, &count))
    return ERROR_INVALID;
  for (int field = FIELDS - count; field < FIELDS; field++) {
    has_star[field] = *in->at == '*';
    if (field == DAY)
      parsed->days_at = in->at;
    if (read_field(&reading, field, &masks[field]))
      return ERROR_INVALID;
    cron_read_skip_spaces(in);
  }
  parsed->given = in->begin;
  parsed->is_hashed = reading.is_hashed;
  parsed->has_seconds = count == FIELDS;
  parsed->fields = (struct cron_fields){
      .seconds = masks[SECOND],
      .minutes = masks[MINUTE],
      .hours = (uint32_t)masks[HOUR],
      .days = (uint32_t)masks[DAY],
      .months = (uint16_t)masks[MONTH],
      .weekdays = (uint8_t)masks[WEEKDAY],
      .is_either = !has_star[DAY] && !has_star[WEEKDAY],
      .is_wildcard = has_star[SECOND] || has_star[MINUTE] || has_star[HOUR],
  };
  return reading.hash_day ? check_hash_day(&reading, parsed) : ERROR_OK;
}
