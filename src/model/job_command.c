/* What `run = command { ... }` may say, read when the job is, so that a run does not have to find
 * out. The run takes the command itself from the job's JSON. */
#include <stdlib.h>
#include <string.h>

#include "model/job_field.h"
#include "model/job_internal.h"

struct command {
  char *shell, *cwd;
  bool clean_env;
  int64_t timeout_us, grace_us;
};

static bool has_nul(const struct json *text)
{
  return strlen(text->as.string.data) != text->as.string.size;
}

static enum error_code check_argv(void *owner, const struct json *value, struct error *error)
{
  (void)owner;
  json_each(word, value)
    if (has_nul(word))
      return error_set(error, ERROR_INVALID, "a word of a command holds a NUL byte");
  if (value->as.first->as.string.size == 0)
    return error_set(error, ERROR_INVALID, "the name of a command's program is empty");
  return ERROR_OK;
}

static enum error_code check_variable(const struct json *variable, struct error *error)
{
  bool is_text = variable->type == JSON_STRING && !has_nul(variable);
  bool is_number = variable->type == JSON_INTEGER || variable->type == JSON_NUMBER;
  bool is_removed = variable->type == JSON_BOOL && !variable->as.boolean;
  if ((is_text || is_number || is_removed) && *variable->key && !strchr(variable->key, '='))
    return ERROR_OK;
  return error_set(error, ERROR_INVALID,
                   "command.env.%s is no variable of an environment: its value must be a string "
                   "without NUL bytes, or false to remove it, its name without \"=\"",
                   variable->key);
}

static enum error_code check_env(void *owner, const struct json *value, struct error *error)
{
  (void)owner;
  if (value->type != JSON_OBJECT && !(value->type == JSON_ARRAY && value->count == 0))
    return field_want(value, "command.env", "a table of strings", error);
  json_each(variable, value)
    if (check_variable(variable, error))
      return ERROR_INVALID;
  return ERROR_OK;
}

static enum error_code check_stdin(void *owner, const struct json *value, struct error *error)
{
  (void)owner;
  return value->type == JSON_STRING ? ERROR_OK
                                    : field_want(value, "command.stdin", "a string", error);
}

enum error_code job_check_command(const struct json *run, struct error *error)
{
  static const struct field fields[] = {
      {"argv", FIELD_CUSTOM, 0, NULL, check_argv},
      {"clean_env", FIELD_BOOLEAN, offsetof(struct command, clean_env), NULL, NULL},
      {"cwd", FIELD_TEXT, offsetof(struct command, cwd), NULL, NULL},
      {"env", FIELD_CUSTOM, 0, NULL, check_env},
      {"grace", FIELD_DELAY, offsetof(struct command, grace_us), NULL, NULL},
      {"shell", FIELD_TEXT, offsetof(struct command, shell), NULL, NULL},
      {"stdin", FIELD_CUSTOM, 0, NULL, check_stdin},
      {"timeout", FIELD_DELAY, offsetof(struct command, timeout_us), NULL, NULL},
  };
  struct command command = {0};
  enum error_code code =
      fields_read(&command, fields, sizeof fields / sizeof fields[0], "command.", run, error);
  if (!code && command.shell && !command.shell[strspn(command.shell, " \t\r\n")])
    code = error_set(error, ERROR_INVALID, "the shell line of a command is empty");
  free(command.shell);
  free(command.cwd);
  return code;
}
