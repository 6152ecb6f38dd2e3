/* A text without punctuation is given the punctuation of RFC 3339, so that there is one reader of
 * dates and times, and one set of messages. */
#include "trigger/rrule_moment.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/instant.h"
#include "trigger/member.h"

enum { TEXT_MAX = 60 };

/* "19970902T090000Z" as "1997-09-02T09:00:00Z"; what has no eight digits first stays as it is. */
static void punctuate(const char *text, char out[TEXT_MAX + 8])
{
  size_t digits = strspn(text, "0123456789");
  if (digits != 8) {
    snprintf(out, TEXT_MAX + 8, "%s", text);
    return;
  }
  int size = snprintf(out, TEXT_MAX + 8, "%.4s-%.2s-%.2s", text, text + 4, text + 6);
  const char *clock = text + 8;
  digits = *clock ? strspn(clock + 1, "0123456789") : 0;
  if (digits != 4 && digits != 6) {
    snprintf(out + size, TEXT_MAX + 8 - (size_t)size, "%s", clock);
    return;
  }
  const char *second = digits == 6 ? clock + 5 : "00";
  snprintf(out + size, TEXT_MAX + 8 - (size_t)size, "%c%.2s:%.2s:%.2s%s", *clock, clock + 1,
           clock + 3, strncmp(second, "60", 2) ? second : "59", clock + 1 + digits);
}

static bool has_offset(const char *text)
{
  size_t size = strlen(text);
  return size > 10 && (toupper((unsigned char)text[size - 1]) == 'Z' || strpbrk(text + 10, "+-"));
}

enum error_code rrule_moment_parse(const char *text, struct rrule_moment *moment,
                                   struct error *error)
{
  char punctuated[TEXT_MAX + 8];
  int64_t us;
  if (strlen(text) > TEXT_MAX)
    return error_set(error, ERROR_INVALID, "a date has at most %d bytes", TEXT_MAX);
  punctuate(text, punctuated);
  enum error_code code = instant_parse(punctuated, NULL, &us, error);
  if (!code && us % 1000000)
    code = error_set(error, ERROR_INVALID, "a fraction of a second cannot recur");
  if (code)
    return code;
  int64_t seconds = instant_seconds(us);
  if (has_offset(punctuated))
    *moment = (struct rrule_moment){RRULE_UTC, seconds};
  else if (strlen(punctuated) > 10)
    *moment = (struct rrule_moment){RRULE_LOCAL, seconds};
  else
    *moment = (struct rrule_moment){RRULE_DAY, civil_day_of(seconds)};
  return ERROR_OK;
}

void rrule_moment_format(char out[RRULE_MOMENT_TEXT_SIZE], struct rrule_moment moment)
{
  int64_t seconds = moment.kind == RRULE_DAY ? moment.value * CIVIL_DAY_S : moment.value;
  struct civil_time t = civil_from_seconds(seconds);
  int size = snprintf(out, RRULE_MOMENT_TEXT_SIZE, "%04d%02d%02d", (int)t.date.year,
                      (int)t.date.month, (int)t.date.day);
  if (moment.kind != RRULE_DAY)
    snprintf(out + size, RRULE_MOMENT_TEXT_SIZE - (size_t)size, "T%02d%02d%02d%s", (int)t.hour,
             (int)t.minute, (int)t.second, moment.kind == RRULE_UTC ? "Z" : "");
}

int64_t rrule_moment_local(struct rrule_moment moment)
{
  return moment.kind == RRULE_DAY ? moment.value * CIVIL_DAY_S : moment.value;
}

/* ---- lists ---- */

static int compare(const void *a, const void *b)
{
  const struct rrule_moment *left = a, *right = b;
  if (left->kind != right->kind)
    return left->kind < right->kind ? -1 : 1;
  return (left->value > right->value) - (left->value < right->value);
}

static void sort(struct rrule_moments *moments)
{
  size_t count = 0;
  struct rrule_moment *items = moments->items;
  if (moments->count)
    qsort(items, moments->count, sizeof *items, compare);
  for (size_t i = 0; i < moments->count; i++)
    if (!count || compare(&items[count - 1], &items[i]))
      items[count++] = items[i];
  moments->count = moments->locals = moments->instants = count;
  while (moments->instants && items[moments->instants - 1].kind == RRULE_UTC)
    moments->instants--;
  moments->locals = moments->instants;
  while (moments->locals && items[moments->locals - 1].kind == RRULE_LOCAL)
    moments->locals--;
}

static enum error_code add(void *context, const char *item, struct error *error)
{
  struct rrule_moments *moments = context;
  if (moments->count == RRULE_MOMENTS_MAX)
    return error_set(error, ERROR_LIMIT, "the list has more than %d dates", RRULE_MOMENTS_MAX);
  if (!(moments->count & (moments->count - 1))) /* doubled at each power of two */
    moments->items = memory_resize(moments->items, (moments->count ? 2 * moments->count : 1) *
                                                       sizeof *moments->items);
  enum error_code code = rrule_moment_parse(item, &moments->items[moments->count], error);
  moments->count += !code;
  return code;
}

enum error_code rrule_moments_read(const struct json *value, const char *name,
                                   struct rrule_moments *moments, struct error *error)
{
  const struct json *member = member_find(value, name);
  if (!member || (member->type == JSON_ARRAY && !member->count))
    return ERROR_OK;
  enum error_code code = member_list(value, name, add, moments, error);
  sort(moments);
  return code;
}

void rrule_moments_put(struct json_writer *writer, const char *name,
                       const struct rrule_moments *moments)
{
  struct buffer list = {0};
  char text[RRULE_MOMENT_TEXT_SIZE];
  for (size_t i = 0; i < moments->count; i++) {
    rrule_moment_format(text, moments->items[i]);
    buffer_printf(&list, "%s%s", i ? "," : "", text);
  }
  if (moments->count)
    json_put_text(writer, name, list.data);
  buffer_deinit(&list);
}

const struct rrule_moment *rrule_moments_find(const struct rrule_moments *moments,
                                              enum rrule_moment_kind kind, int64_t value)
{
  size_t low = kind == RRULE_DAY ? 0 : kind == RRULE_LOCAL ? moments->locals : moments->instants;
  size_t end = kind == RRULE_DAY     ? moments->locals
               : kind == RRULE_LOCAL ? moments->instants
                                     : moments->count;
  size_t high = end;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (moments->items[middle].value < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low < end ? &moments->items[low] : NULL;
}
