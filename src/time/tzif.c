/* Reader of TZif files (RFC 8536, versions 1 to 4), and of bare POSIX rules.
 *
 * The bytes are not trusted: every count is checked against the size before anything is read, types
 * and abbreviations against their tables. A file of version 2 or later holds its data twice; only
 * the second, with 64-bit times, is used. The footer's rule is written out for 400 years behind the
 * last transition, after which the calendar repeats, so that a look-up never computes a rule. Files
 * that count leap seconds ("right/") are refused: no wall clock does. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/civil.h"
#include "time/posix_tz.h"
#include "time/zone_data.h"

/* Eight years may pass without a change (around 1900, between two leap years), and the table's last
 * change may be none: with ten years more than a cycle, a whole cycle is always there. */
enum { HEADER_SIZE = 44, RULE_YEARS = 410 };

struct header {
  unsigned char version;
  size_t utc_marks, std_marks, leaps, times, types, chars;
};

struct reader {
  const unsigned char *at, *end;
};

static int64_t big_endian(const unsigned char *bytes, size_t size)
{
  uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = 0; i < size; i++)
    value = value << 8 | bytes[i];
  return (int64_t)value;
}

static enum error_code corrupt(struct error *error, const char *why)
{
  return error_set(error, ERROR_CORRUPT, "not a valid TZif file: %s", why);
}

static size_t read_count(const unsigned char *bytes)
{
  return (size_t)(uint32_t)big_endian(bytes, 4);
}

static size_t data_size(const struct header *header, size_t time_size)
{
  return header->times * (time_size + 1) + header->types * 6 + header->chars +
         header->leaps * (time_size + 4) + header->std_marks + header->utc_marks;
}

static enum error_code read_header(struct reader *reader, struct header *header, size_t time_size,
                                   struct error *error)
{
  if (reader->end - reader->at < HEADER_SIZE || memcmp(reader->at, "TZif", 4) != 0)
    return corrupt(error, "the header is missing");
  *header = (struct header){
      .version = reader->at[4],
      .utc_marks = read_count(reader->at + 20),
      .std_marks = read_count(reader->at + 24),
      .leaps = read_count(reader->at + 28),
      .times = read_count(reader->at + 32),
      .types = read_count(reader->at + 36),
      .chars = read_count(reader->at + 40),
  };
  reader->at += HEADER_SIZE;
  if ((size_t)(reader->end - reader->at) < data_size(header, time_size))
    return corrupt(error, "it ends too early");
  return ERROR_OK;
}

static enum error_code read_types(struct zone *zone, const struct header *header,
                                  const unsigned char *types, struct error *error)
{
  const unsigned char *chars = types + 6 * header->types;
  /* Two more types are room for those of the footer. */
  zone->types = memory_alloc((header->types + 2) * sizeof *zone->types);
  zone->abbreviations = memory_alloc(header->chars + 1 + 2 * (size_t)POSIX_TZ_NAME_SIZE);
  memcpy(zone->abbreviations, chars, header->chars);
  for (size_t i = 0; i < header->types; i++, types += 6) {
    int64_t offset_s = big_endian(types, 4);
    if (offset_s <= -25 * 3600 || offset_s >= 26 * 3600)
      return corrupt(error, "an offset is out of range");
    if (types[4] > 1 || types[5] >= header->chars)
      return corrupt(error, "a time type is wrong");
    zone->types[i] = (struct zone_offset){.offset_s = (int32_t)offset_s,
                                          .is_dst = types[4],
                                          .abbreviation = zone->abbreviations + types[5]};
  }
  return ERROR_OK;
}

static bool is_same_offset(const struct zone_offset *a, const struct zone_offset *b)
{
  return a->offset_s == b->offset_s && a->is_dst == b->is_dst &&
         !strcmp(a->abbreviation, b->abbreviation);
}

/* Appends a transition. One that changes nothing is dropped; one before the calendar only says what
 * holds at its beginning; one at the instant of the last replaces it. */
static void add_transition(struct zone *zone, int64_t at_s, uint8_t type)
{
  if (at_s < CIVIL_SECONDS_MIN - CIVIL_DAY_S) {
    zone->first_type = type;
    return;
  }
  if (zone->count && zone->at[zone->count - 1] == at_s)
    zone->count--;
  uint8_t before = zone->count ? zone->type[zone->count - 1] : zone->first_type;
  if (is_same_offset(&zone->types[before], &zone->types[type]))
    return;
  zone->at[zone->count] = at_s;
  zone->type[zone->count++] = type;
}

static enum error_code read_block(struct reader *reader, const struct header *header,
                                  size_t time_size, struct zone *zone, struct error *error)
{
  const unsigned char *times = reader->at, *indices = times + header->times * time_size;
  if (header->leaps)
    return corrupt(error, "it counts leap seconds, which no wall clock does");
  if (!header->types || header->types > ZONE_TYPES_MAX || !header->chars)
    return corrupt(error, "the number of its time types is wrong");
  if (read_types(zone, header, indices + header->times, error))
    return ERROR_CORRUPT;
  size_t room = header->times + 2 * RULE_YEARS;
  zone->at = memory_alloc(room * sizeof *zone->at);
  zone->type = memory_alloc(room);
  int64_t previous_s = INT64_MIN;
  for (size_t i = 0; i < header->times; i++) {
    int64_t at_s = big_endian(times + i * time_size, time_size);
    if (i && at_s <= previous_s)
      return corrupt(error, "its times do not ascend");
    if (indices[i] >= header->types)
      return corrupt(error, "a time type is missing");
    previous_s = at_s;
    if (at_s <= CIVIL_SECONDS_MAX)
      add_transition(zone, at_s, indices[i]);
  }
  reader->at += data_size(header, time_size);
  return ERROR_OK;
}

static uint8_t add_type(struct zone *zone, size_t index, int32_t offset_s, bool is_dst, char *name)
{
  zone->types[index] = (struct zone_offset){offset_s, is_dst, name};
  return (uint8_t)index;
}

/* Writes the rule out behind what the table holds, so that a whole cycle is the rule's. */
static void expand_rule(struct zone *zone, const struct posix_tz *tz, uint8_t std, uint8_t dst)
{
  int64_t last_s = zone->count ? zone->at[zone->count - 1] : INT64_MIN;
  int32_t year = zone->count ? civil_from_seconds(last_s).date.year : CIVIL_YEAR_MIN;
  for (int32_t end = year + RULE_YEARS;; year++) {
    struct {
      int64_t at_s;
      uint8_t type;
    } changes[2] = {{0, dst}, {0, std}};
    posix_tz_year(tz, year, &changes[0].at_s, &changes[1].at_s);
    int first = changes[1].at_s < changes[0].at_s;
    if (year == end) { /* only to tell whether the last change is none */
      zone->count -= zone->count && zone->at[zone->count - 1] == changes[first].at_s;
      break;
    }
    for (int i = 0; i < 2; i++) {
      int64_t at_s = changes[first ^ i].at_s;
      /* Where one year's DST ends as the next one's begins, the later word counts. */
      if (at_s > last_s && (!zone->count || at_s >= zone->at[zone->count - 1]))
        add_transition(zone, at_s, changes[first ^ i].type);
    }
  }
  int64_t ruled_from_s = last_s == INT64_MIN && zone->count ? zone->at[0] : last_s;
  zone->cycles = zone->count && zone->at[zone->count - 1] > ruled_from_s + CIVIL_CYCLE_S;
}

/* `names` is room for the two abbreviations. */
static enum error_code apply_rule(struct zone *zone, size_t types, char *names, const char *rule,
                                  struct error *error)
{
  struct posix_tz tz;
  if (posix_tz_parse(rule, &tz, error))
    return corrupt(error, "its footer is no rule");
  memcpy(names, tz.std_name, POSIX_TZ_NAME_SIZE);
  memcpy(names + POSIX_TZ_NAME_SIZE, tz.dst_name, POSIX_TZ_NAME_SIZE);
  uint8_t std = add_type(zone, types, tz.std_offset_s, false, names);
  uint8_t dst = add_type(zone, types + 1, tz.dst_offset_s, true, names + POSIX_TZ_NAME_SIZE);
  if (!zone->count)
    zone->first_type = std;
  if (tz.has_dst)
    expand_rule(zone, &tz, std, dst);
  return ERROR_OK;
}

/* "\n", the rule, "\n". An empty rule says nothing about the future. */
static enum error_code read_footer(struct reader *reader, struct zone *zone,
                                   const struct header *header, struct error *error)
{
  const unsigned char *begin = reader->at + 1;
  if (reader->at >= reader->end || *reader->at != '\n')
    return corrupt(error, "its footer is missing");
  const unsigned char *end = memchr(begin, '\n', (size_t)(reader->end - begin));
  if (!end)
    return corrupt(error, "its footer does not end");
  if (end == begin)
    return ERROR_OK;
  char *rule = memory_copy(begin, (size_t)(end - begin));
  enum error_code code =
      apply_rule(zone, header->types, zone->abbreviations + header->chars + 1, rule, error);
  free(rule);
  return code;
}

/* How many of the last transitions come so evenly that a guess is good. */
static size_t count_even(const struct zone *zone)
{
  size_t even = 0;
  for (; even < zone->count; even++) {
    size_t guess = zone_half_years(zone, zone->at[zone->count - 1 - even]);
    if (guess > even + ZONE_GUESS_OFF || even > guess + ZONE_GUESS_OFF)
      break;
  }
  return even;
}

enum error_code tzif_parse(const unsigned char *bytes, size_t size, struct zone **out,
                           struct error *error)
{
  struct reader reader = {bytes, bytes + size};
  struct header header;
  struct zone *zone = memory_alloc(sizeof *zone);
  size_t time_size = 4;
  enum error_code code = read_header(&reader, &header, time_size, error);
  *out = NULL;
  if (!code && header.version) {
    reader.at += data_size(&header, time_size);
    time_size = 8;
    code = read_header(&reader, &header, time_size, error);
  }
  if (!code)
    code = read_block(&reader, &header, time_size, zone, error);
  if (!code && header.version)
    code = read_footer(&reader, zone, &header, error);
  if (code) {
    zone_destroy(zone);
    return code;
  }
  zone->even_count = count_even(zone);
  *out = zone;
  return ERROR_OK;
}

enum error_code tzif_from_rule(const char *rule, struct zone **out, struct error *error)
{
  struct posix_tz tz;
  *out = NULL;
  if (posix_tz_parse(rule, &tz, error))
    return ERROR_INVALID;
  struct zone *zone = memory_alloc(sizeof *zone);
  size_t room = 2 * RULE_YEARS;
  zone->types = memory_alloc(2 * sizeof *zone->types);
  zone->abbreviations = memory_alloc(2 * (size_t)POSIX_TZ_NAME_SIZE);
  zone->at = memory_alloc(room * sizeof *zone->at);
  zone->type = memory_alloc(room);
  *out = zone;
  enum error_code code = apply_rule(zone, 0, zone->abbreviations, rule, error);
  zone->even_count = count_even(zone);
  return code;
}

void zone_destroy(struct zone *zone)
{
  if (!zone)
    return;
  free(zone->name);
  free(zone->at);
  free(zone->type);
  free(zone->types);
  free(zone->abbreviations);
  free(zone);
}
