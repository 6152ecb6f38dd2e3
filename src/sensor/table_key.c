#include "sensor/table_key.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Behind the closing quote. */
static const char *write_text(struct json_writer *writer, const char *at)
{
  struct buffer text = {0};
  for (at++; *at; at++) {
    if (*at == '\'' && *++at != '\'')
      break;
    buffer_append_byte(&text, *at);
  }
  json_write_string(writer, text.size ? text.data : "", text.size);
  buffer_deinit(&text);
  return at;
}

static const char *write_blob(struct json_writer *writer, const char *at)
{
  struct buffer digits = {0};
  for (at += 2; isxdigit((unsigned char)*at); at++)
    buffer_append_byte(&digits, (char)tolower((unsigned char)*at));
  json_write_string(writer, digits.size ? digits.data : "", digits.size);
  buffer_deinit(&digits);
  return *at ? at + 1 : at;
}

/* Infinity, which JSON does not have, is null. */
static const char *write_number(struct json_writer *writer, const char *at)
{
  size_t length = strcspn(at, ",");
  char *end;
  if (!memchr(at, '.', length) && !memchr(at, 'e', length)) {
    errno = 0;
    json_write_integer(writer, strtoll(at, &end, 10));
  } else {
    double number = strtod(at, &end);
    if (isfinite(number))
      json_write_number(writer, number);
    else
      json_write_null(writer);
  }
  return at + length;
}

void table_key_write(struct json_writer *writer, const char *literals)
{
  const char *at = literals;
  json_begin_array(writer);
  while (*at) {
    if (*at == '\'') {
      at = write_text(writer, at);
    } else if (toupper((unsigned char)*at) == 'X') {
      at = write_blob(writer, at);
    } else if (toupper((unsigned char)*at) == 'N') {
      json_write_null(writer);
      at += strcspn(at, ",");
    } else {
      at = write_number(writer, at);
    }
    if (*at != ',')
      break;
    at++;
  }
  json_end_array(writer);
}
