/* A naive scan for the dialects of cron: it reads a field's text anew for every second that it asks
 * about, and walks day by day with the C library's calendar, so that it shares nothing with what it
 * checks. UTC only. */
#ifndef UNIT_TRIGGER_SCAN_H
#define UNIT_TRIGGER_SCAN_H

#include "support/unit.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "time/instant.h"
#include "trigger/trigger.h"

enum { SCAN_FIRES_MAX = 60 };

struct scan_field {
  int low, high;
  const char *names; /* "janfebmar..."; NULL: none */
  int first_name;
};

struct scan {
  const char *second, *minute, *hour;
  const void *of; /* the test's own */
  bool (*is_day)(const struct scan *scan, const struct tm *day);
};

/* A number or name at `*text`, behind which it moves; -1 when there is none. */
static inline int scan_value(const struct scan_field *field, const char **text)
{
  if (isdigit((unsigned char)**text))
    return (int)strtol(*text, (char **)text, 10);
  for (size_t i = 0; field->names && field->names[i]; i += 3)
    if (!strncasecmp(*text, field->names + i, 3)) {
      *text += 3;
      return field->first_name + (int)i / 3;
    }
  return -1;
}

/* Whether one item, such as "fri-mon/2", has the value: by walking from its first to its last. */
static inline bool scan_item_has(const struct scan_field *field, const char *item, int value)
{
  int first = scan_value(field, &item), last = first, step = 1;
  bool is_value = first >= 0;
  if (!is_value) {
    first = field->low;
    last = field->high;
    item += *item == '*';
  }
  if (*item == '-') {
    item++;
    last = scan_value(field, &item);
    is_value = false;
  }
  if (*item == '/') {
    step = atoi(item + 1);
    last = is_value ? field->high : last;
  }
  for (int at = first, walked = 0;; walked++) {
    if (at == value && walked % step == 0)
      return true;
    if (at == last)
      return false;
    at = at == field->high ? field->low : at + 1;
  }
}

static inline bool scan_list_has(const struct scan_field *field, const char *list, int value)
{
  for (const char *item = list; item; item = strchr(item, ',')) {
    item += *item == ',';
    if (scan_item_has(field, item, value))
      return true;
  }
  return false;
}

static inline int scan_month_days(const struct tm *day)
{
  struct tm last = {.tm_year = day->tm_year, .tm_mon = day->tm_mon + 1};
  timegm(&last); /* day 0 of the month behind */
  return last.tm_mday;
}

/* `trigger` has the fires of the scan's day that begins at `day_s`, on from *at_us; the number of
 * fires so far in *fires. */
static inline void scan_check_day(const char *text, const struct trigger *trigger,
                                  const struct scan *scan, int64_t day_s, int64_t *at_us,
                                  int *fires)
{
  static const struct scan_field sixty = {0, 59, NULL, 0}, hours = {0, 23, NULL, 0};
  for (int s = 0; s < 86400 && *fires < SCAN_FIRES_MAX; s++) {
    if (s % 3600 == 0 && !scan_list_has(&hours, scan->hour, s / 3600)) {
      s += 3599;
      continue;
    }
    if (s % 60 == 0 && !scan_list_has(&sixty, scan->minute, s / 60 % 60)) {
      s += 59;
      continue;
    }
    if (!scan_list_has(&sixty, scan->second, s % 60))
      continue;
    ++*fires;
    if (!trigger_next(trigger, *at_us, at_us) || *at_us != (day_s + s) * 1000000)
      fail_msg("%s: fire %d is %ld, not %ld", text, *fires, (long)(*at_us / 1000000),
               (long)(day_s + s));
  }
}

/* Steps and counts of what `text` means, from `from_s` on, must be those of the scan of `days`
 * days; when it is refused, as never firing, there must be none. */
static inline void scan_check(const char *text, const struct scan *scan, int64_t from_s, int days)
{
  struct trigger *trigger;
  struct error error;
  int64_t at_us = from_s * 1000000 - 1, last_us = 0;
  int fires = 0;
  if (trigger_from_text(text, NULL, &trigger, &error) && !strstr(error.text, "never fires"))
    fail_msg("%s", error.text);
  for (int64_t day_s = from_s; day_s < from_s + days * INT64_C(86400); day_s += 86400) {
    time_t clock = (time_t)day_s;
    struct tm day;
    gmtime_r(&clock, &day);
    if (!scan->is_day(scan, &day))
      continue;
    if (!trigger)
      fail_msg("%s fires on %04d-%02d-%02d", text, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
    scan_check_day(text, trigger, scan, day_s, &at_us, &fires);
    if (fires == SCAN_FIRES_MAX)
      break;
  }
  if (!trigger)
    return;
  int64_t until_us = (from_s + days * INT64_C(86400)) * 1000000 - 1;
  if (fires == SCAN_FIRES_MAX)
    until_us = at_us;
  else if (trigger_next(trigger, at_us, &last_us) && last_us <= until_us)
    fail_msg("%s: fires at %ld", text, (long)(last_us / 1000000));
  int64_t count = trigger_count(trigger, from_s * 1000000 - 1, until_us, &last_us);
  if (count != fires || (fires && last_us != at_us))
    fail_msg("%s: counted %ld of %d", text, (long)count, fires);
  trigger_destroy(trigger);
}

/* ---- tables ---- */

static inline struct trigger *scan_read(const char *input)
{
  struct trigger *trigger;
  struct error error = {0};
  enum error_code code;
  if (*input == '{') {
    struct json_document *document;
    assert_int_equal(json_parse(input, strlen(input), &document, NULL), ERROR_OK);
    code = trigger_from_json(json_root(document), NULL, &trigger, &error);
    json_free(document);
  } else {
    code = trigger_from_text(input, NULL, &trigger, &error);
  }
  if (code)
    fail_msg("%s: %s", input, error.text);
  return trigger;
}

/* `fires` are the first three after `after`, with spaces between; fewer when there are no more. */
static inline void scan_check_fires(const char *input, const char *after, const char *fires)
{
  struct trigger *trigger = scan_read(input);
  struct buffer got = {0};
  int64_t at_us;
  assert_int_equal(instant_parse(after, NULL, &at_us, NULL), ERROR_OK);
  buffer_append_text(&got, "");
  for (int i = 0; i < 3 && trigger_next(trigger, at_us, &at_us); i++) {
    char text[INSTANT_TEXT_SIZE];
    instant_format(text, at_us);
    buffer_printf(&got, "%s%.19s", i ? " " : "", text);
  }
  if (strcmp(got.data, fires) != 0)
    fail_msg("%s: fires %s", input, got.data);
  buffer_deinit(&got);
  trigger_destroy(trigger);
}

static inline void scan_check_refused(const char *input, const char *text)
{
  struct trigger *trigger = NULL;
  struct error error = {0};
  if (*input == '{') {
    struct json_document *document;
    assert_int_equal(json_parse(input, strlen(input), &document, NULL), ERROR_OK);
    trigger_from_json(json_root(document), NULL, &trigger, &error);
    json_free(document);
  } else {
    trigger_from_text(input, NULL, &trigger, &error);
  }
  if (trigger)
    fail_msg("%s was read", input);
  assert_string_equal(error.text, text);
}

/* `input` is written as `json` and `text`, and both read as themselves. */
static inline void scan_check_forms(const char *input, const char *json, const char *text)
{
  const char *const inputs[] = {input, json, text};
  for (size_t i = 0; i < 3; i++) {
    struct trigger *trigger = scan_read(inputs[i]);
    struct buffer got = {0};
    struct json_writer writer = {.out = &got};
    trigger_to_json(trigger, &writer);
    assert_string_equal(got.data, json);
    buffer_clear(&got);
    trigger_to_text(trigger, &got);
    assert_string_equal(got.data, text);
    buffer_deinit(&got);
    trigger_destroy(trigger);
  }
}

#endif
