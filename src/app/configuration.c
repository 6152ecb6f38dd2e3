#include "app/configuration.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/text.h"
#include "time/duration.h"
#include "time/zone.h"
#include "vm/config.h"

struct reading {
  struct daemon_options *options;
  const struct json *value;
  struct error *error;
};

static enum error_code want(struct reading *r, const char *wanted)
{
  return error_set(r->error, ERROR_INVALID, "%s must be %s, not %s", r->value->key, wanted,
                   json_type_name(r->value->type));
}

/* A path in the file is relative to the file. */
static enum error_code read_path(struct reading *r, char **path)
{
  const char *text = json_text(r->value, NULL);
  if (!text)
    return want(r, "a path");
  if (*path)
    return ERROR_OK;
  const char *slash = strrchr(r->options->config_file, '/');
  int folder_size = slash ? (int)(slash - r->options->config_file) : 1;
  const char *folder = slash ? r->options->config_file : ".";
  char *joined =
      text[0] == '/' ? memory_strdup(text) : memory_printf("%.*s/%s", folder_size, folder, text);
  *path = options_absolute_path(joined);
  free(joined);
  return ERROR_OK;
}

static enum error_code read_jobs(struct reading *r)
{
  return read_path(r, &r->options->jobs_folder);
}

static enum error_code read_state(struct reading *r)
{
  return read_path(r, &r->options->state_folder);
}

static enum error_code read_secrets(struct reading *r)
{
  return read_path(r, &r->options->secrets_folder);
}

static enum error_code read_count(struct reading *r, int64_t most, int64_t *count)
{
  int64_t value;
  if (!json_whole(r->value, &value))
    return want(r, "a whole number");
  if (value < 1 || value > most)
    return error_set(r->error, ERROR_INVALID, "%s must be between 1 and %lld", r->value->key,
                     (long long)most);
  *count = value;
  return ERROR_OK;
}

static enum error_code read_workers(struct reading *r)
{
  int64_t count = 0;
  enum error_code code = read_count(r, 64, &count);
  if (!code && r->options->workers == 0)
    r->options->workers = (int)count;
  return code;
}

static enum error_code read_duration(struct reading *r, int64_t *us)
{
  int64_t value;
  enum error_code code = duration_from_json(r->value, &value, r->error);
  if (code)
    return error_prefix(r->error, "%s", r->value->key);
  if (*us < 0)
    *us = value;
  return ERROR_OK;
}

static enum error_code read_grace(struct reading *r)
{
  return read_duration(r, &r->options->grace_us);
}

static enum error_code read_stuck_grace(struct reading *r)
{
  return read_duration(r, &r->options->stuck_grace_us);
}

static enum error_code read_keep(struct reading *r)
{
  return read_duration(r, &r->options->keep_us);
}

static enum error_code read_keep_runs(struct reading *r)
{
  int64_t count = 0;
  enum error_code code = read_count(r, 1000000000, &count);
  if (!code && r->options->keep_runs < 0)
    r->options->keep_runs = count;
  return code;
}

static enum error_code read_keep_logs(struct reading *r)
{
  int64_t bytes = 0;
  enum error_code code = size_from_json(r->value, "keep_logs", &bytes, r->error);
  if (!code && r->options->keep_logs < 0)
    r->options->keep_logs = bytes;
  return code;
}

/* A state needs a tenth of the least; four times the most is still counted. */
static enum error_code read_script_memory(struct reading *r)
{
  int64_t bytes = 0;
  enum error_code code = size_from_json(r->value, "script_memory", &bytes, r->error);
  if (code)
    return code;
  if (bytes < 1 << 20 || bytes > INT64_C(1) << 40)
    return error_set(r->error, ERROR_INVALID, "script_memory must be between 1M and 1024G");
  if (r->options->script_memory < 0)
    r->options->script_memory = bytes;
  return ERROR_OK;
}

static enum error_code read_log_level(struct reading *r)
{
  int level = log_level_from_name(json_text(r->value, ""));
  if (level < 0)
    return error_set(r->error, ERROR_INVALID,
                     "log_level must be \"debug\", \"info\", \"warn\", \"error\" or \"off\"");
  if (r->options->log_level < 0)
    r->options->log_level = level;
  return ERROR_OK;
}

static enum error_code read_timezone(struct reading *r)
{
  const struct zone *zone;
  const char *name = json_text(r->value, NULL);
  if (!name)
    return want(r, "the name of a time zone");
  enum error_code code = zone_find(name, &zone, r->error);
  if (!code && !r->options->timezone)
    r->options->timezone = memory_strdup(name);
  return code;
}

static const struct {
  const char *name;
  enum error_code (*read)(struct reading *reading);
} known[] = {
    {"grace", read_grace},
    {"jobs", read_jobs},
    {"keep", read_keep},
    {"keep_runs", read_keep_runs},
    {"keep_logs", read_keep_logs},
    {"log_level", read_log_level},
    {"script_memory", read_script_memory},
    {"secrets", read_secrets},
    {"state", read_state},
    {"stuck_grace", read_stuck_grace},
    {"timezone", read_timezone},
    {"workers", read_workers},
};

enum { KNOWN_COUNT = sizeof known / sizeof known[0] };

static enum error_code read_option(struct reading *r)
{
  const char *names[KNOWN_COUNT + 1] = {0};
  char hint[128];
  if (r->value->type == JSON_STRING && strlen(r->value->as.string.data) != r->value->as.string.size)
    return error_set(r->error, ERROR_INVALID, "%s holds a NUL character", r->value->key);
  for (size_t i = 0; i < KNOWN_COUNT; i++) {
    if (strcmp(known[i].name, r->value->key) == 0)
      return known[i].read(r);
    names[i] = known[i].name;
  }
  return error_set(r->error, ERROR_INVALID, "unknown option \"%s\"%s", r->value->key,
                   text_did_you_mean(hint, r->value->key, names));
}

enum error_code configuration_read(struct daemon_options *options, struct error *error)
{
  struct buffer text = {0};
  struct json_document *document = NULL;
  if (!options->config_file)
    return ERROR_OK;
  enum error_code code = config_read(options->config_file, &text, error);
  if (!code)
    code = json_parse(text.data, text.size, &document, error);
  const struct json *root = code ? NULL : json_root(document);
  if (root && root->type != JSON_OBJECT && root->count > 0)
    code = error_set(error, ERROR_INVALID, "%s: options have names, as in return { workers = 2 }",
                     options->config_file);
  if (root && !code)
    json_each(value, root) {
      struct reading reading = {options, value, error};
      code = read_option(&reading);
      if (code) {
        error_prefix(error, "%s", options->config_file);
        break;
      }
    }
  json_free(document);
  buffer_deinit(&text);
  return code;
}
