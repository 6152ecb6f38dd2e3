#include "base/redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

/* A line of a value is looked for too, if nothing else is likely to have it. */
enum { CUT_MIN = REDACT_SIZE_MIN, LINE_MIN = 8, LINES_MAX = 2048 };

static const char mark[] = "***";

struct pattern {
  char *name, *bytes;
  size_t size;
  struct pattern *next; /* with the same first byte; the longest first */
};

struct redact {
  struct pattern *patterns[256]; /* by their first bytes */
  uint64_t pairs[65536 / 64];    /* with which one of them begins */
};

struct redact *redact_create(void)
{
  return memory_alloc(sizeof(struct redact));
}

static void destroy_pattern(struct pattern *pattern)
{
  explicit_bzero(pattern->bytes, pattern->size);
  free(pattern->bytes);
  free(pattern->name);
  free(pattern);
}

void redact_destroy(struct redact *set)
{
  if (!set)
    return;
  for (size_t i = 0; i < sizeof set->patterns / sizeof set->patterns[0]; i++)
    for (struct pattern *pattern = set->patterns[i], *next; pattern; pattern = next) {
      next = pattern->next;
      destroy_pattern(pattern);
    }
  free(set);
}

static unsigned pair_at(const char *text)
{
  return (unsigned)(unsigned char)text[0] | (unsigned)(unsigned char)text[1] << 8;
}

static void add_pattern(struct redact *set, const char *name, const char *bytes, size_t size)
{
  if (size < REDACT_SIZE_MIN)
    return;
  struct pattern **at = &set->patterns[(unsigned char)bytes[0]];
  for (; *at && (*at)->size >= size; at = &(*at)->next)
    if ((*at)->size == size && memcmp((*at)->bytes, bytes, size) == 0)
      return;
  struct pattern *pattern = memory_alloc(sizeof *pattern);
  *pattern = (struct pattern){memory_strdup(name), memory_copy(bytes, size), size, *at};
  *at = pattern;
  unsigned pair = pair_at(bytes);
  set->pairs[pair / 64] |= UINT64_C(1) << pair % 64;
}

/* What is written or read line by line shows no value of many lines whole. */
static void add_lines(struct redact *set, const char *name, const char *value, size_t size)
{
  const char *end = value + size;
  for (int lines = 0; value < end && lines < LINES_MAX; lines++) {
    const char *stop = memchr(value, '\n', (size_t)(end - value));
    size_t length = (size_t)((stop ? stop : end) - value);
    size_t shown = length > 0 && value[length - 1] == '\r' ? length - 1 : length;
    if (shown >= LINE_MIN)
      add_pattern(set, name, value, shown);
    value += length + 1;
  }
}

/* As string.format("%q") writes it. */
static void add_quoted_by_lua(struct redact *set, const char *name, const char *value, size_t size)
{
  struct buffer text = {0};
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)value[i];
    bool is_before_digit = i + 1 < size && value[i + 1] >= '0' && value[i + 1] <= '9';
    if (byte == '"' || byte == '\\' || byte == '\n')
      buffer_printf(&text, "\\%c", byte);
    else if (byte < ' ' || byte == 127)
      buffer_printf(&text, is_before_digit ? "\\%03d" : "\\%d", byte);
    else
      buffer_append_byte(&text, value[i]);
  }
  add_pattern(set, name, text.data, text.size);
  explicit_bzero(text.data, text.size);
  buffer_deinit(&text);
}

static void add_quoted_by_json(struct redact *set, const char *name, const char *value, size_t size)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_write_string(&writer, value, size);
  add_pattern(set, name, text.data + 1, text.size - 2);
  explicit_bzero(text.data, text.size);
  buffer_deinit(&text);
}

void redact_add(struct redact *set, const char *name, const char *value, size_t size)
{
  if (size < REDACT_SIZE_MIN)
    return;
  add_pattern(set, name, value, size);
  add_lines(set, name, value, size);
  add_quoted_by_json(set, name, value, size);
  add_quoted_by_lua(set, name, value, size);
}

static size_t common_size(const struct pattern *pattern, const char *text, size_t size)
{
  size_t most = size < pattern->size ? size : pattern->size, common = 0;
  while (common < most && pattern->bytes[common] == text[common])
    common++;
  return common;
}

/* Whether somebody has cut the text there: it ends, or tells so. */
static bool is_cut_at(const char *text, size_t size, size_t at)
{
  return at == size || (size - at >= 3 && (memcmp(text + at, "...", 3) == 0 ||
                                           memcmp(text + at, "\xe2\x80\xa6", 3) == 0));
}

/* The pattern that the text begins with, for *matched bytes; or, if it may be, one in which the
 * text was cut off. */
static const struct pattern *match(const struct redact *set, const char *text, size_t size,
                                   bool may_be_cut, size_t *matched)
{
  unsigned pair = pair_at(text);
  if (!(set->pairs[pair / 64] >> pair % 64 & 1))
    return NULL;
  const struct pattern *pattern = set->patterns[(unsigned char)text[0]];
  for (; pattern; pattern = pattern->next) {
    *matched = common_size(pattern, text, size);
    if (*matched == pattern->size ||
        (may_be_cut && *matched >= CUT_MIN && is_cut_at(text, size, *matched)))
      return pattern;
  }
  return NULL;
}

const char *redact_find(const struct redact *set, const char *text, size_t size)
{
  size_t matched;
  for (size_t i = 0; i + 1 < size; i++) {
    const struct pattern *pattern = match(set, text + i, size - i, false, &matched);
    if (pattern)
      return pattern->name;
  }
  return NULL;
}

static void append(const struct redact *set, const char *text, size_t size, bool may_be_cut,
                   struct buffer *out)
{
  size_t copied = 0, matched;
  for (size_t i = 0; i + 1 < size;) {
    if (!match(set, text + i, size - i, may_be_cut, &matched)) {
      i++;
      continue;
    }
    buffer_append(out, text + copied, i - copied);
    buffer_append_text(out, mark);
    copied = i = i + matched;
  }
  buffer_append(out, text + copied, size - copied);
}

void redact_append(const struct redact *set, const char *text, size_t size, struct buffer *out)
{
  append(set, text, size, true, out);
}

void redact_append_whole(const struct redact *set, const char *text, size_t size,
                         struct buffer *out)
{
  append(set, text, size, false, out);
}

size_t redact_longest(const struct redact *set)
{
  size_t longest = 0;
  for (size_t i = 0; i < sizeof set->patterns / sizeof set->patterns[0]; i++)
    if (set->patterns[i] && set->patterns[i]->size > longest)
      longest = set->patterns[i]->size;
  return longest;
}

/* ---- JSON ---- */

static void write_string(const struct redact *set, struct json_writer *writer, const char *text,
                         size_t size)
{
  struct buffer clean = {0};
  redact_append(set, text, size, &clean);
  json_write_string(writer, clean.data, clean.size);
  buffer_deinit(&clean);
}

static void write_number(const struct redact *set, struct json_writer *writer,
                         const struct json *value)
{
  struct buffer text = {0};
  struct json_writer plain = {.out = &text};
  json_write_tree(&plain, value);
  if (redact_find(set, text.data, text.size))
    json_write_text(writer, mark);
  else
    json_write_raw(writer, text.data, text.size);
  buffer_deinit(&text);
}

static void write_key(const struct redact *set, struct json_writer *writer, const char *key)
{
  struct buffer clean = {0};
  redact_append(set, key, strlen(key), &clean);
  json_key(writer, clean.data);
  buffer_deinit(&clean);
}

/* As deep as the reader lets values be. */
static void write_clean(const struct redact *set, struct json_writer *writer,
                        const struct json *value)
{
  switch (value->type) {
  case JSON_STRING:
    write_string(set, writer, value->as.string.data, value->as.string.size);
    return;
  case JSON_INTEGER:
  case JSON_NUMBER:
    write_number(set, writer, value);
    return;
  case JSON_ARRAY:
    json_begin_array(writer);
    json_each(element, value)
      write_clean(set, writer, element);
    json_end_array(writer);
    return;
  case JSON_OBJECT:
    json_begin_object(writer);
    json_each(member, value) {
      write_key(set, writer, member->key);
      write_clean(set, writer, member);
    }
    json_end_object(writer);
    return;
  default:
    json_write_tree(writer, value);
    return;
  }
}

void redact_append_json(const struct redact *set, const char *json, size_t size, struct buffer *out)
{
  struct json_document *document;
  struct json_writer writer = {.out = out};
  if (!redact_find(set, json, size)) {
    buffer_append(out, json, size);
  } else if (json_parse(json, size, &document, NULL)) {
    json_write_text(&writer, mark); /* nobody else could read it either */
  } else {
    write_clean(set, &writer, json_root(document));
    json_free(document);
  }
}
