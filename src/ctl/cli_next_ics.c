/* Fires as an iCalendar file (RFC 5545): one event for each, in UTC, so that a calendar needs to
 * know neither the zone nor the rule. An event has no length. The UID comes from what fires and
 * when, so that a calendar that reads a later file again recognizes its events. Lines end with CRLF
 * and are folded before their 76th octet (section 3.1), between characters. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/cli_next.h"
#include "time/instant.h"

enum { LINE_MAX_SIZE = 75 };

/* A content line; the value is escaped as TEXT (section 3.3.11) unless `is_plain`. */
static void put_line(struct buffer *out, const char *name, const char *value, bool is_plain)
{
  struct buffer line = {0};
  buffer_printf(&line, "%s:", name);
  for (const char *at = value; *at; at++) {
    if (!is_plain && strchr("\\;,", *at))
      buffer_append_byte(&line, '\\');
    if (*at == '\n')
      buffer_append_text(&line, "\\n");
    else if ((unsigned char)*at >= 0x20 && *at != 0x7f)
      buffer_append_byte(&line, *at);
  }
  size_t at = 0, width = 0;
  while (at < line.size) {
    size_t length = text_utf8_length(line.data + at, line.size - at);
    length = length ? length : 1;
    if (width + length > LINE_MAX_SIZE) {
      buffer_append_text(out, "\r\n ");
      width = 1;
    }
    buffer_append(out, line.data + at, length);
    at += length;
    width += length;
  }
  buffer_append_text(out, "\r\n");
  buffer_deinit(&line);
}

/* "20261123T010000Z" */
static void format_utc(char out[32], int64_t us)
{
  struct civil_time time = civil_from_seconds(instant_seconds(us));
  snprintf(out, 32, "%04d%02d%02dT%02d%02d%02dZ", time.date.year, time.date.month, time.date.day,
           time.hour, time.minute, time.second);
}

static uint64_t hash_text(const char *text)
{
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; text && *text; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return hash;
}

void next_put_calendar(struct buffer *out, const struct next_answer *answer, int64_t now_us)
{
  const char *name = answer->job ? answer->job : answer->sentence;
  unsigned long long hash = hash_text(answer->job ? answer->job : answer->text);
  char now[32], start[32], uid[96];
  format_utc(now, now_us);
  put_line(out, "BEGIN", "VCALENDAR", true);
  put_line(out, "VERSION", "2.0", true);
  put_line(out, "PRODID", "-//moonbeat//moonbeat " MOONBEAT_VERSION "//EN", true);
  put_line(out, "CALSCALE", "GREGORIAN", true);
  for (size_t i = 0; i < answer->count; i++) {
    int64_t us = answer->fires_us[i];
    int fraction = (int)(us - instant_seconds(us) * 1000000);
    format_utc(start, us);
    snprintf(uid, sizeof uid, fraction ? "%s-%016llx-%06d@moonbeat" : "%s-%016llx@moonbeat", start,
             hash, fraction);
    put_line(out, "BEGIN", "VEVENT", true);
    put_line(out, "UID", uid, true);
    put_line(out, "DTSTAMP", now, true);
    put_line(out, "DTSTART", start, true);
    put_line(out, "SUMMARY", name ? name : "", false);
    if (answer->text)
      put_line(out, "DESCRIPTION", answer->text, false);
    put_line(out, "TRANSP", "TRANSPARENT", true);
    put_line(out, "END", "VEVENT", true);
  }
  put_line(out, "END", "VCALENDAR", true);
}
