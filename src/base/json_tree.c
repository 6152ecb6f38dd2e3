/* The tree: values and strings lie in blocks of one document and are freed together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

struct block {
  struct block *next;
  size_t used, size;
  max_align_t bytes[];
};

struct json_document {
  struct block *blocks;
  struct json *root;
  struct json *open[JSON_DEPTH_MAX]; /* containers being read, innermost last */
  struct json *last[JSON_DEPTH_MAX]; /* the last child of each */
  const char *key;
  int depth;
};

static void *take(struct json_document *d, size_t size)
{
  size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
  if (!d->blocks || d->blocks->size - d->blocks->used < size) {
    size_t block_size = d->blocks ? d->blocks->size * 2 : 1024;
    if (block_size > 1 << 20)
      block_size = 1 << 20;
    if (block_size < size)
      block_size = size;
    struct block *block = memory_alloc(sizeof *block + block_size);
    block->size = block_size;
    block->next = d->blocks;
    d->blocks = block;
  }
  void *memory = (char *)d->blocks->bytes + d->blocks->used;
  d->blocks->used += size;
  return memory;
}

static char *take_string(struct json_document *d, const char *data, size_t size)
{
  char *copy = take(d, size + 1);
  if (size > 0)
    memcpy(copy, data, size);
  copy[size] = '\0';
  return copy;
}

static struct json *add(struct json_document *d, enum json_type type)
{
  struct json *value = take(d, sizeof *value);
  *value = (struct json){.type = type, .key = d->key};
  d->key = NULL;
  if (d->depth == 0) {
    d->root = value;
  } else {
    struct json *parent = d->open[d->depth - 1], *last = d->last[d->depth - 1];
    if (last)
      last->next = value;
    else
      parent->as.first = value;
    d->last[d->depth - 1] = value;
    parent->count++;
  }
  return value;
}

static bool on_null(void *context)
{
  add(context, JSON_NULL);
  return true;
}

static bool on_boolean(void *context, bool value)
{
  add(context, JSON_BOOL)->as.boolean = value;
  return true;
}

static bool on_integer(void *context, int64_t value)
{
  add(context, JSON_INTEGER)->as.integer = value;
  return true;
}

static bool on_number(void *context, double value)
{
  add(context, JSON_NUMBER)->as.number = value;
  return true;
}

static bool on_string(void *context, const char *data, size_t size)
{
  struct json *value = add(context, JSON_STRING);
  value->as.string.data = take_string(context, data, size);
  value->as.string.size = size;
  return true;
}

static bool on_key(void *context, const char *data, size_t size)
{
  struct json_document *d = context;
  d->key = take_string(d, data, size);
  return true;
}

static bool on_begin(void *context, bool is_object)
{
  struct json_document *d = context;
  struct json *value = add(d, is_object ? JSON_OBJECT : JSON_ARRAY);
  d->open[d->depth] = value;
  d->last[d->depth] = NULL;
  d->depth++;
  return true;
}

static bool on_end(void *context, bool is_object)
{
  (void)is_object;
  ((struct json_document *)context)->depth--;
  return true;
}

enum error_code json_parse(const char *text, size_t size, struct json_document **document,
                           struct error *error)
{
  static const struct json_handler handler = {on_null,   on_boolean, on_integer, on_number,
                                              on_string, on_key,     on_begin,   on_end};
  struct json_document *d = memory_alloc(sizeof *d);
  enum error_code code = json_read(text, size, &handler, d, error);
  if (code) {
    json_free(d);
    d = NULL;
  }
  *document = d;
  return code;
}

void json_free(struct json_document *document)
{
  if (!document)
    return;
  for (struct block *block = document->blocks, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  free(document);
}

const struct json *json_root(const struct json_document *document)
{
  return document->root;
}

const struct json *json_get(const struct json *object, const char *key)
{
  if (!object || object->type != JSON_OBJECT)
    return NULL;
  json_each(child, object)
    if (strcmp(child->key, key) == 0)
      return child;
  return NULL;
}

const char *json_text(const struct json *value, const char *otherwise)
{
  return value && value->type == JSON_STRING ? value->as.string.data : otherwise;
}

int64_t json_integer(const struct json *value, int64_t otherwise)
{
  return value && value->type == JSON_INTEGER ? value->as.integer : otherwise;
}

double json_number(const struct json *value, double otherwise)
{
  if (value && value->type == JSON_INTEGER)
    return (double)value->as.integer;
  return value && value->type == JSON_NUMBER ? value->as.number : otherwise;
}

bool json_whole(const struct json *value, int64_t *whole)
{
  const double bound = ldexp(1, 63);
  double number = json_number(value, NAN);
  if (value && value->type == JSON_INTEGER)
    *whole = value->as.integer;
  else if (number >= -bound && number < bound && number == floor(number))
    *whole = (int64_t)number;
  else
    return false;
  return true;
}

bool json_boolean(const struct json *value, bool otherwise)
{
  return value && value->type == JSON_BOOL ? value->as.boolean : otherwise;
}

const char *json_type_name(enum json_type type)
{
  static const char *const names[] = {"null",     "a boolean", "an integer", "a decimal number",
                                      "a string", "an array",  "an object"};
  return names[type];
}
