/* The key by which a job is unique: what a person wrote, its arguments filled in, or else what runs
 * and its arguments. Of the latter the members of an object are put in order first, as a Lua table
 * has none; so the same arguments give the same key. The two kinds never meet: the first begins
 * with "=", the second is a hash that begins with "#". */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/job.h"
#include "model/script.h"

static int by_key(const void *a, const void *b)
{
  const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
  return strcmp(x->key, y->key);
}

static void write_ordered(struct json_writer *writer, const struct json *value);

static void write_object(struct json_writer *writer, const struct json *object)
{
  size_t count = 0;
  const struct json **members = memory_alloc((object->count + 1) * sizeof(struct json *));
  json_each(member, object)
    members[count++] = member;
  qsort(members, count, sizeof(struct json *), by_key);
  json_begin_object(writer);
  for (size_t i = 0; i < count; i++) {
    json_key(writer, members[i]->key);
    write_ordered(writer, members[i]);
  }
  json_end_object(writer);
  free(members);
}

/* As deep as the value is, which the reader bounds. */
static void write_ordered(struct json_writer *writer, const struct json *value)
{
  if (value->type == JSON_OBJECT) {
    write_object(writer, value);
  } else if (value->type == JSON_ARRAY) {
    json_begin_array(writer);
    json_each(item, value)
      write_ordered(writer, item);
    json_end_array(writer);
  } else {
    json_write_tree(writer, value);
  }
}

static enum error_code append_ordered(struct json_writer *writer, const char *text,
                                      struct error *error)
{
  struct json_document *document;
  if (!text) {
    json_write_null(writer);
    return ERROR_OK;
  }
  enum error_code code = json_parse(text, strlen(text), &document, error);
  if (code)
    return code;
  write_ordered(writer, json_root(document));
  json_free(document);
  return ERROR_OK;
}

enum error_code job_unique_key(const struct job *job, struct buffer *out, struct error *error)
{
  struct buffer what = {0};
  struct json_writer writer = {.out = &what};
  char hash[SCRIPT_VERSION_SIZE];
  enum error_code code;
  if (job->unique.key[0]) {
    buffer_append_byte(out, '=');
    code = job_expand(job, job->unique.key, NULL, out, error);
    if (code && error)
      error->code = ERROR_INVALID; /* an argument that is missing, too */
    return code ? ERROR_INVALID : ERROR_OK;
  }
  json_begin_array(&writer);
  json_write_text(&writer, job->script);
  json_write_text(&writer, job->func);
  if (!(code = append_ordered(&writer, job->command, error)))
    code = append_ordered(&writer, job->args, error);
  json_end_array(&writer);
  script_hash(what.data, what.size, hash);
  buffer_printf(out, "#%s", hash);
  buffer_deinit(&what);
  return code;
}
