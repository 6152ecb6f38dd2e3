/* The reader: one pass, strings unescaped into one buffer, what is open in a list of bounded depth
 * and not on C's stack, so that whoever reads can do something else between two values. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool fail(struct json_reader *r, enum error_code code, const char *what)
{
  long line = 1;
  const char *line_start = r->start;
  for (const char *p = r->start; p < r->at; p++)
    if (*p == '\n') {
      line++;
      line_start = p + 1;
    }
  error_set(r->error, code, "line %ld, column %ld: %s", line, (long)(r->at - line_start) + 1, what);
  return false;
}

/* A handler that says stop has set its own error, or none. */
static bool stopped(struct json_reader *r)
{
  if (r->error->code == ERROR_OK)
    fail(r, ERROR_INVALID, "refused");
  return false;
}

#define EMIT(r, call) ((r)->handler->call ? true : stopped(r))

static void skip_space(struct json_reader *r)
{
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
    r->at++;
}

static bool read_hex4(struct json_reader *r, uint32_t *value)
{
  *value = 0;
  if (r->end - r->at < 4)
    return fail(r, ERROR_INVALID, "\\u wants four hexadecimal digits");
  for (int i = 0; i < 4; i++) {
    char c = *r->at;
    uint32_t digit;
    if (c >= '0' && c <= '9')
      digit = (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      digit = (uint32_t)((c | 32) - 'a') + 10;
    else
      return fail(r, ERROR_INVALID, "\\u wants four hexadecimal digits");
    *value = *value << 4 | digit;
    r->at++;
  }
  return true;
}

static void append_utf8(struct buffer *out, uint32_t p)
{
  if (p < 0x80) {
    buffer_append_byte(out, (char)p);
  } else if (p < 0x800) {
    buffer_append_byte(out, (char)(0xc0 | p >> 6));
    buffer_append_byte(out, (char)(0x80 | (p & 0x3f)));
  } else if (p < 0x10000) {
    buffer_append_byte(out, (char)(0xe0 | p >> 12));
    buffer_append_byte(out, (char)(0x80 | (p >> 6 & 0x3f)));
    buffer_append_byte(out, (char)(0x80 | (p & 0x3f)));
  } else {
    buffer_append_byte(out, (char)(0xf0 | p >> 18));
    buffer_append_byte(out, (char)(0x80 | (p >> 12 & 0x3f)));
    buffer_append_byte(out, (char)(0x80 | (p >> 6 & 0x3f)));
    buffer_append_byte(out, (char)(0x80 | (p & 0x3f)));
  }
}

static bool read_unicode_escape(struct json_reader *r)
{
  uint32_t point, low;
  if (!read_hex4(r, &point))
    return false;
  if (point >= 0xdc00 && point <= 0xdfff)
    return fail(r, ERROR_INVALID, "a lone low surrogate");
  if (point >= 0xd800 && point <= 0xdbff) {
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
      return fail(r, ERROR_INVALID, "a lone high surrogate");
    r->at += 2;
    if (!read_hex4(r, &low))
      return false;
    if (low < 0xdc00 || low > 0xdfff)
      return fail(r, ERROR_INVALID, "a lone high surrogate");
    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(&r->scratch, point);
  return true;
}

static bool read_escape(struct json_reader *r)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  r->at++;
  if (r->at == r->end)
    return fail(r, ERROR_INVALID, "the text ends inside a string");
  char c = *r->at;
  if (c == 'u') {
    r->at++;
    return read_unicode_escape(r);
  }
  const char *found = c ? strchr(from, c) : NULL;
  if (!found)
    return fail(r, ERROR_INVALID, "unknown escape in a string");
  buffer_append_byte(&r->scratch, to[found - from]);
  r->at++;
  return true;
}

/* Leaves the bytes in *data: in the text itself when nothing is escaped, else in the scratch. */
static bool read_string(struct json_reader *r, const char **data, size_t *size)
{
  const char *run = ++r->at;
  bool escaped = false;
  buffer_clear(&r->scratch);
  for (;;) {
    if (r->at == r->end)
      return fail(r, ERROR_INVALID, "the text ends inside a string");
    unsigned char c = (unsigned char)*r->at;
    if (c == '"')
      break;
    if (c < 0x20)
      return fail(r, ERROR_INVALID, "a control character in a string must be escaped");
    if (c == '\\') {
      buffer_append(&r->scratch, run, (size_t)(r->at - run));
      escaped = true;
      if (!read_escape(r))
        return false;
      run = r->at;
    } else if (c < 0x80) {
      r->at++;
    } else {
      size_t length = text_utf8_length(r->at, (size_t)(r->end - r->at));
      if (length == 0)
        return fail(r, ERROR_INVALID, "invalid UTF-8");
      r->at += length;
    }
  }
  if (escaped) {
    buffer_append(&r->scratch, run, (size_t)(r->at - run));
    *data = r->scratch.data;
    *size = r->scratch.size;
  } else {
    *data = run;
    *size = (size_t)(r->at - run);
  }
  r->at++;
  return true;
}

static size_t skip_digits(struct json_reader *r)
{
  const char *from = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    r->at++;
  return (size_t)(r->at - from);
}

static bool read_number(struct json_reader *r)
{
  const char *from = r->at;
  bool is_integer = true;
  if (*r->at == '-')
    r->at++;
  const char *digits_from = r->at;
  size_t digits = skip_digits(r);
  if (digits == 0 || (digits > 1 && *digits_from == '0'))
    return fail(r, ERROR_INVALID, "not a number");
  if (r->at < r->end && *r->at == '.') {
    is_integer = false;
    r->at++;
    if (skip_digits(r) == 0)
      return fail(r, ERROR_INVALID, "digits are missing behind the point");
  }
  if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
    is_integer = false;
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
      r->at++;
    if (skip_digits(r) == 0)
      return fail(r, ERROR_INVALID, "digits are missing in the exponent");
  }
  /* strtoll and strtod want a NUL behind the digits. */
  buffer_clear(&r->scratch);
  buffer_append(&r->scratch, from, (size_t)(r->at - from));
  if (is_integer) {
    errno = 0;
    long long value = strtoll(r->scratch.data, NULL, 10);
    if (errno == 0)
      return EMIT(r, integer(r->context, value));
  }
  double value = strtod(r->scratch.data, NULL);
  if (!isfinite(value))
    return fail(r, ERROR_INVALID, "the number is out of range");
  return EMIT(r, number(r->context, value));
}

static bool read_literal(struct json_reader *r, const char *word)
{
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
    return fail(r, ERROR_INVALID, "not a JSON value");
  r->at += size;
  return true;
}

static bool read_key(struct json_reader *r)
{
  const char *data;
  size_t size;
  skip_space(r);
  if (r->at == r->end || *r->at != '"')
    return fail(r, ERROR_INVALID, "a key in quotes is missing");
  if (!read_string(r, &data, &size) || !EMIT(r, key(r->context, data, size)))
    return false;
  skip_space(r);
  if (r->at == r->end || *r->at != ':')
    return fail(r, ERROR_INVALID, "a colon is missing");
  r->at++;
  return true;
}

static char closing(const struct json_reader *r)
{
  return r->is_object[r->depth] ? '}' : ']';
}

static bool end_container(struct json_reader *r)
{
  r->at++;
  return EMIT(r, end(r->context, r->is_object[r->depth])) && (r->depth--, true);
}

/* *is_open: its first member or element comes next. */
static bool begin_container(struct json_reader *r, bool is_object, bool *is_open)
{
  if (++r->depth > JSON_DEPTH_MAX)
    return fail(r, ERROR_LIMIT, "nested too deeply");
  r->is_object[r->depth] = is_object;
  r->at++;
  if (!EMIT(r, begin(r->context, is_object)))
    return false;
  skip_space(r);
  *is_open = r->at == r->end || *r->at != closing(r);
  return *is_open || end_container(r);
}

/* What stands behind a value: a comma, or the ends of what it was the last of. */
static bool read_behind(struct json_reader *r)
{
  while (r->depth > 0) {
    skip_space(r);
    if (r->at == r->end)
      return fail(r, ERROR_INVALID, "the text ends too early");
    if (*r->at == ',') {
      r->at++;
      return true;
    }
    if (*r->at != closing(r))
      return fail(r, ERROR_INVALID,
                  r->is_object[r->depth] ? "a comma or } is missing" : "a comma or ] is missing");
    if (!end_container(r))
      return false;
  }
  skip_space(r);
  r->is_done = true;
  return r->at == r->end || fail(r, ERROR_INVALID, "something stands behind the value");
}

static bool read_value(struct json_reader *r, bool *is_open)
{
  const char *data;
  size_t size;
  skip_space(r);
  if (r->at == r->end)
    return fail(r, ERROR_INVALID, "a value is missing");
  switch (*r->at) {
  case '{':
    return begin_container(r, true, is_open);
  case '[':
    return begin_container(r, false, is_open);
  case '"':
    return read_string(r, &data, &size) && EMIT(r, string(r->context, data, size));
  case 't':
    return read_literal(r, "true") && EMIT(r, boolean(r->context, true));
  case 'f':
    return read_literal(r, "false") && EMIT(r, boolean(r->context, false));
  case 'n':
    return read_literal(r, "null") && EMIT(r, null(r->context));
  default:
    return read_number(r);
  }
}

/* A value, or the beginning of one that has others in it. */
static bool read_next(struct json_reader *r)
{
  bool is_open = false;
  if (r->depth > 0 && r->is_object[r->depth] && !read_key(r))
    return false;
  return read_value(r, &is_open) && (is_open || read_behind(r));
}

enum error_code json_reader_open(struct json_reader *reader, const char *text, size_t size,
                                 const struct json_handler *handler, void *context,
                                 struct error *error)
{
  *reader = (struct json_reader){.start = text,
                                 .at = text,
                                 .end = text + size,
                                 .handler = handler,
                                 .context = context,
                                 .error = error};
  error->code = ERROR_OK;
  if (size > JSON_SIZE_MAX)
    return error_set(error, ERROR_LIMIT, "JSON text of %zu bytes is over the limit of %d", size,
                     JSON_SIZE_MAX);
  return ERROR_OK;
}

enum error_code json_reader_step(struct json_reader *reader, int values)
{
  for (; values > 0 && !reader->is_done; values--)
    if (!read_next(reader))
      return reader->error->code;
  return ERROR_OK;
}

void json_reader_close(struct json_reader *reader)
{
  buffer_deinit(&reader->scratch);
}

enum error_code json_read(const char *text, size_t size, const struct json_handler *handler,
                          void *context, struct error *error)
{
  struct error own;
  struct json_reader reader;
  enum error_code code =
      json_reader_open(&reader, text, size, handler, context, error ? error : &own);
  while (!code && !reader.is_done)
    code = json_reader_step(&reader, INT_MAX);
  json_reader_close(&reader);
  return code;
}
