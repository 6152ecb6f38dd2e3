#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static void separate(struct json_writer *writer)
{
  if (writer->needs_comma)
    buffer_append_byte(writer->out, ',');
  writer->needs_comma = true;
}

void json_begin_object(struct json_writer *writer)
{
  separate(writer);
  buffer_append_byte(writer->out, '{');
  writer->needs_comma = false;
}

void json_end_object(struct json_writer *writer)
{
  buffer_append_byte(writer->out, '}');
  writer->needs_comma = true;
}

void json_begin_array(struct json_writer *writer)
{
  separate(writer);
  buffer_append_byte(writer->out, '[');
  writer->needs_comma = false;
}

void json_end_array(struct json_writer *writer)
{
  buffer_append_byte(writer->out, ']');
  writer->needs_comma = true;
}

void json_key(struct json_writer *writer, const char *key)
{
  json_write_text(writer, key);
  buffer_append_byte(writer->out, ':');
  writer->needs_comma = false;
}

void json_write_null(struct json_writer *writer)
{
  json_write_raw(writer, "null", 4);
}

void json_write_boolean(struct json_writer *writer, bool value)
{
  json_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

enum { NUMBER_SIZE = 40 };

/* The digits, at least `least` of them, up to `end`; returns where they begin. */
static char *put_digits(char *end, uint64_t value, int least)
{
  for (; value > 0 || least > 0; value /= 10, least--)
    *--end = (char)('0' + value % 10);
  return end;
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
  char text[NUMBER_SIZE], *end = text + sizeof text;
  uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
  char *begin = put_digits(end, size, 1);
  if (value < 0)
    *--begin = '-';
  json_write_raw(writer, begin, (size_t)(end - begin));
}

/* Numbers of few decimals, as most are, twenty times as fast as by the library: of at most 15
 * digits only one text is the number's. */
static bool write_decimal(struct json_writer *writer, double value)
{
  static const double scales[] = {1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
  const double digits_15 = 1e15;
  double size = fabs(value);
  if (!(size >= 1e-4 && size < digits_15))
    return false;
  for (int decimals = 0; decimals < (int)(sizeof scales / sizeof *scales); decimals++) {
    double scale = scales[decimals], scaled = size * scale;
    if (scaled >= digits_15)
      return false;
    if (scaled != floor(scaled) || scaled / scale != size)
      continue;
    char text[NUMBER_SIZE], *end = text + sizeof text;
    uint64_t whole = (uint64_t)scaled / (uint64_t)scale;
    char *begin = put_digits(end, (uint64_t)scaled % (uint64_t)scale, decimals ? decimals : 1);
    while (end > begin + 1 && end[-1] == '0')
      end--;
    *--begin = '.';
    begin = put_digits(begin, whole, 1);
    if (value < 0)
      *--begin = '-';
    json_write_raw(writer, begin, (size_t)(end - begin));
    return true;
  }
  return false;
}

void json_write_number(struct json_writer *writer, double value)
{
  char text[NUMBER_SIZE];
  if (write_decimal(writer, value))
    return;
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value)
      break;
  }
  /* A double stays one when it is read again. */
  if (!strpbrk(text, ".eE"))
    strcat(text, ".0");
  json_write_raw(writer, text, strlen(text));
}

void json_write_text(struct json_writer *writer, const char *text)
{
  if (text)
    json_write_string(writer, text, strlen(text));
  else
    json_write_null(writer);
}

static bool is_escaped(unsigned char byte)
{
  return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f;
}

/* Escapes what is to be at the beginning; returns how many bytes that were. */
static size_t escape_run(struct buffer *out, const char *data, size_t size)
{
  static const char short_forms[0x80] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                         ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
  static const char digits[] = "0123456789abcdef";
  size_t at = 0;
  for (; at < size && is_escaped((unsigned char)data[at]); at++) {
    unsigned char byte = (unsigned char)data[at];
    char text[] = {'\\', short_forms[byte], '0', '0', digits[byte >> 4], digits[byte & 15]};
    bool is_short = text[1] != '\0';
    if (!is_short)
      text[1] = 'u';
    buffer_append(out, text, is_short ? 2 : sizeof text);
  }
  return at;
}

/* The high bit of each byte that is zero is set; perhaps also that of one above such a byte. */
static uint64_t zero_bytes(uint64_t word)
{
  return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Whether eight bytes are ASCII that needs no escape. May say no without cause, where a byte that
 * does stands below. */
static bool is_plain_word(const char *data)
{
  uint64_t word, every = UINT64_C(0x0101010101010101);
  memcpy(&word, data, sizeof word);
  uint64_t control = (word - every * 0x20) & ~word & every * 0x80;
  return !(control | (word & every * 0x80) | zero_bytes(word ^ every * '"') |
           zero_bytes(word ^ every * '\\') | zero_bytes(word ^ every * 0x7f));
}

/* How many bytes from `data` on stand in JSON as they are. */
static size_t plain_run(const char *data, size_t size)
{
  size_t at = 0;
  while (at < size) {
    if (size - at >= sizeof(uint64_t) && is_plain_word(data + at)) {
      at += sizeof(uint64_t);
      continue;
    }
    unsigned char byte = (unsigned char)data[at];
    if (byte < 0x80) {
      if (is_escaped(byte))
        break;
      at++;
    } else {
      size_t length = text_utf8_length(data + at, size - at);
      if (length == 0)
        break;
      at += length;
    }
  }
  return at;
}

void json_write_string(struct json_writer *writer, const char *data, size_t size)
{
  separate(writer);
  buffer_reserve(writer->out, size + 2);
  buffer_append_byte(writer->out, '"');
  for (size_t at = 0; at < size;) {
    size_t run = plain_run(data + at, size - at);
    buffer_append(writer->out, data + at, run);
    at += run;
    if (at == size)
      break;
    size_t escaped = escape_run(writer->out, data + at, size - at);
    at += escaped;
    if (escaped == 0) {
      buffer_append_text(writer->out, "\xef\xbf\xbd");
      at++;
    }
  }
  buffer_append_byte(writer->out, '"');
}

void json_write_raw(struct json_writer *writer, const char *json, size_t size)
{
  separate(writer);
  buffer_append(writer->out, json, size);
}

void json_write_tree(struct json_writer *writer, const struct json *value)
{
  switch (value->type) {
  case JSON_NULL:
    json_write_null(writer);
    break;
  case JSON_BOOL:
    json_write_boolean(writer, value->as.boolean);
    break;
  case JSON_INTEGER:
    json_write_integer(writer, value->as.integer);
    break;
  case JSON_NUMBER:
    json_write_number(writer, value->as.number);
    break;
  case JSON_STRING:
    json_write_string(writer, value->as.string.data, value->as.string.size);
    break;
  case JSON_ARRAY:
    json_begin_array(writer);
    json_each(child, value)
      json_write_tree(writer, child);
    json_end_array(writer);
    break;
  case JSON_OBJECT:
    json_begin_object(writer);
    json_each(child, value) {
      json_key(writer, child->key);
      json_write_tree(writer, child);
    }
    json_end_object(writer);
    break;
  }
}

void json_put_text(struct json_writer *writer, const char *key, const char *text)
{
  json_key(writer, key);
  json_write_text(writer, text);
}

void json_put_integer(struct json_writer *writer, const char *key, int64_t value)
{
  json_key(writer, key);
  json_write_integer(writer, value);
}

void json_put_number(struct json_writer *writer, const char *key, double value)
{
  json_key(writer, key);
  json_write_number(writer, value);
}

void json_put_boolean(struct json_writer *writer, const char *key, bool value)
{
  json_key(writer, key);
  json_write_boolean(writer, value);
}

void json_put_raw(struct json_writer *writer, const char *key, const char *json)
{
  json_key(writer, key);
  json_write_raw(writer, json ? json : "null", json ? strlen(json) : 4);
}
