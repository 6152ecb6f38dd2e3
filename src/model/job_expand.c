/* Keys that are computed from a job's arguments: "shop-{1}", "{1.customer}", "{job}". */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/job.h"

enum { KEY_SIZE_MAX = 255 };

static const struct json *argument_at(const struct json *args, long position)
{
  if (args && args->type == JSON_ARRAY)
    json_each(argument, args)
      if (--position == 0)
        return argument;
  return NULL;
}

/* "1" or "1.customer.id" within the arguments; NULL when there is none. */
static const struct json *find_argument(const struct json *args, const char *path)
{
  char *rest;
  long position = strtol(path, &rest, 10);
  const struct json *found = argument_at(args, position);
  while (found && *rest == '.') {
    char name[KEY_SIZE_MAX + 1];
    size_t length = strcspn(rest + 1, ".");
    if (found->type != JSON_OBJECT || length >= sizeof name)
      return NULL;
    memcpy(name, rest + 1, length);
    name[length] = '\0';
    found = json_get(found, name);
    rest += 1 + length;
  }
  return *rest == '\0' ? found : NULL;
}

/* A NUL would end the key for all who read it, so it is written out. */
static void append_text(struct buffer *out, const char *text, size_t size)
{
  for (size_t i = 0; i < size; i++) {
    if (text[i])
      buffer_append_byte(out, text[i]);
    else
      buffer_append_text(out, "\\0");
  }
}

static enum error_code append_argument(const struct json *args, const char *path,
                                       struct buffer *out, struct error *error)
{
  const struct json *value = find_argument(args, path);
  if (*path < '1' || *path > '9')
    return error_set(error, ERROR_INVALID,
                     "{%s} is no argument: they are numbered, {1} or {1.name}, and {job} is the "
                     "job's id",
                     path);
  if (!value)
    return error_set(error, ERROR_NOT_FOUND, "there is no argument {%s}", path);
  if (value->type == JSON_ARRAY || value->type == JSON_OBJECT || value->type == JSON_NULL)
    return error_set(error, ERROR_INVALID,
                     "argument {%s} is %s: a key is made of texts and numbers", path,
                     json_type_name(value->type));
  if (value->type == JSON_STRING) {
    append_text(out, value->as.string.data, value->as.string.size);
  } else {
    struct json_writer writer = {.out = out};
    json_write_tree(&writer, value);
  }
  return ERROR_OK;
}

static enum error_code append_braces(const struct job *job, const struct json *args,
                                     const char **at, struct buffer *out, struct error *error)
{
  const char *end = strchr(*at, '}');
  char path[KEY_SIZE_MAX + 1];
  if (!end || end - *at > KEY_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "\"{\" has no \"}\"");
  size_t length = (size_t)(end - *at - 1);
  memcpy(path, *at + 1, length);
  path[length] = '\0';
  *at = end + 1;
  if (strcmp(path, "job") == 0) {
    buffer_append_text(out, job->id);
    return ERROR_OK;
  }
  return append_argument(args, path, out, error);
}

static enum error_code expand(const struct job *job, const char *pattern, const struct json *args,
                              struct buffer *out, struct error *error)
{
  enum error_code code = ERROR_OK;
  size_t before = out->size;
  for (const char *at = pattern; *at && !code;) {
    if (*at == '{' && at[1] != '{') {
      code = append_braces(job, args, &at, out, error);
      continue;
    }
    if ((*at == '{' || *at == '}') && at[1] == at[0])
      at++;
    buffer_append_byte(out, *at++);
  }
  if (!code && out->size - before > KEY_SIZE_MAX)
    code = error_set(error, ERROR_LIMIT, "a key of %zu bytes: it may have %d", out->size - before,
                     KEY_SIZE_MAX);
  return code ? error_prefix(error, "key \"%s\"", pattern) : ERROR_OK;
}

enum error_code job_expand(const struct job *job, const char *pattern, const char *args,
                           struct buffer *out, struct error *error)
{
  struct json_document *document = NULL;
  enum error_code code = ERROR_OK;
  if (!args)
    args = job->args;
  if (args)
    code = json_parse(args, strlen(args), &document, error);
  if (!code)
    code = expand(job, pattern, document ? json_root(document) : NULL, out, error);
  json_free(document);
  return code;
}
