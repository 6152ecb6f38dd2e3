#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t text_utf8_length(const char *text, size_t size)
{
  const unsigned char *s = (const unsigned char *)text;
  if (size == 0)
    return 0;
  if (s[0] < 0x80)
    return 1;
  size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || size < length)
    return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
  bool too_high = s[0] == 0xf4 && s[1] >= 0x90;
  return overlong || surrogate || too_high ? 0 : length;
}

bool text_is_utf8(const char *text, size_t size, size_t *bad_offset)
{
  size_t at = 0;
  while (at < size) {
    size_t length = text_utf8_length(text + at, size - at);
    if (length == 0) {
      if (bad_offset)
        *bad_offset = at;
      return false;
    }
    at += length;
  }
  return true;
}

static uint32_t decode(const char *text, size_t length)
{
  const unsigned char *s = (const unsigned char *)text;
  static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  uint32_t point = s[0] & lead_mask[length];
  for (size_t i = 1; i < length; i++)
    point = point << 6 | (s[i] & 0x3f);
  return point;
}

static bool acts_on_terminal(uint32_t point)
{
  return (point >= 0x80 && point <= 0x9f) || point == 0x061c ||
         (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

void text_append_visible(struct buffer *out, const char *text, size_t size)
{
  for (size_t at = 0; at < size;) {
    unsigned char byte = (unsigned char)text[at];
    size_t length = text_utf8_length(text + at, size - at);
    if (length == 0) {
      buffer_printf(out, "\\x%02x", byte);
      at++;
      continue;
    }
    if (byte == '\n')
      buffer_append_text(out, "\\n");
    else if (byte == '\t')
      buffer_append_text(out, "\\t");
    else if (byte == '\r')
      buffer_append_text(out, "\\r");
    else if (byte < 0x20 || byte == 0x7f)
      buffer_printf(out, "\\x%02x", byte);
    else if (length > 1 && acts_on_terminal(decode(text + at, length)))
      buffer_printf(out, "\\u%04x", (unsigned)decode(text + at, length));
    else
      buffer_append(out, text + at, length);
    at += length;
  }
}

static bool is_inside_character(char byte)
{
  return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Where a character begins, at `at` or up to three bytes before it, or behind it. */
static size_t go_to_character(const char *text, size_t at, int step)
{
  for (int i = 0; i < 3 && at > 0 && is_inside_character(text[at]); i++)
    at = step < 0 ? at - 1 : at + 1;
  return at;
}

void text_append_abridged(struct buffer *out, const char *text, size_t size, size_t most)
{
  enum { MARK_MAX = 60 };
  if (size <= most) {
    buffer_append(out, text, size);
    return;
  }
  size_t end = (most - MARK_MAX) / 4;
  size_t begin = go_to_character(text, most - MARK_MAX - end, -1);
  size_t rest = go_to_character(text, size - end, 1);
  buffer_append(out, text, begin);
  buffer_printf(out, " ... (%zu bytes left out) ... ", rest - begin);
  buffer_append(out, text + rest, size - rest);
}

char *text_abridge(char *text, size_t most)
{
  struct buffer out = {0};
  size_t size = text ? strlen(text) : 0;
  if (size <= most)
    return text;
  text_append_abridged(&out, text, size, most);
  free(text);
  return buffer_take(&out);
}

enum { NEAREST_MAX = 64 };

/* Optimal string alignment: insertions, deletions, substitutions, neighbouring transpositions. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
  size_t rows[3][NEAREST_MAX + 1];
  for (size_t j = 0; j <= b_size; j++)
    rows[0][j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best)
        best = above[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          above2[j - 2] + 1 < best)
        best = above2[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[a_size % 3][b_size];
}

const char *text_nearest(const char *wrong, const char *const *names)
{
  size_t wrong_size = strlen(wrong);
  const char *nearest = NULL;
  size_t nearest_distance = wrong_size < 4 ? 2 : wrong_size / 3 + 2; /* it must be less */
  if (wrong_size == 0 || wrong_size > NEAREST_MAX)
    return NULL;
  for (; *names; names++) {
    size_t size = strlen(*names);
    if (size > NEAREST_MAX)
      continue;
    size_t d = distance(wrong, wrong_size, *names, size);
    if (d < nearest_distance && d < (size > wrong_size ? size : wrong_size)) {
      nearest_distance = d;
      nearest = *names;
    }
  }
  return nearest;
}

const char *text_did_you_mean(char out[128], const char *wrong, const char *const *names)
{
  const char *nearest = text_nearest(wrong, names);
  out[0] = '\0';
  if (nearest)
    snprintf(out, 128, ", did you mean \"%s\"?", nearest);
  return out;
}

bool text_begins_with(const char *text, const char *beginning)
{
  return text && strncmp(text, beginning, strlen(beginning)) == 0;
}

/* After a mismatch the last star takes one byte more; what stood before it never has to move. */
bool text_matches(const char *pattern, const char *text)
{
  const char *star = NULL, *resume = NULL;
  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      resume = text;
    } else if (*pattern == *text || *pattern == '?') {
      pattern++;
      text++;
    } else if (star) {
      pattern = star;
      text = ++resume;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}
