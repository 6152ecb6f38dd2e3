/* Commands that change jobs: add job, remove, pause, resume. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"
#include "ctl/job_warning.h"

/* "{job}" and "{1}-{2}" are what such keys are made of, and no JSON. */
static bool is_pattern(const char *option)
{
  return option && strcmp(option, "concurrency_key") == 0;
}

/* Puts text that is JSON as such, and any other as a string. What begins like JSON must be JSON: a
 * forgotten quote is not to become a string. */
static enum error_code put_loose(struct json_writer *writer, const char *key, const char *text,
                                 struct error *error)
{
  struct json_document *document;
  enum error_code code = json_parse(text, strlen(text), &document, error);
  if (key)
    json_key(writer, key);
  if (code == ERROR_OK)
    json_write_tree(writer, json_root(document));
  else if (!strchr("{[\"", text[0]) || text[0] == '\0' || is_pattern(key))
    json_write_text(writer, text);
  else
    return error_prefix(error, "%s", text);
  json_free(document);
  return ERROR_OK;
}

enum error_code cli_put_loose(struct json_writer *writer, const char *text, struct error *error)
{
  return put_loose(writer, NULL, text, error);
}

/* tags=a,b: commas are no part of a tag that is typed so. */
static void put_tags(struct json_writer *writer, const char *text)
{
  json_key(writer, "tags");
  json_begin_array(writer);
  for (const char *end; *text; text = *end ? end + 1 : end) {
    end = text + strcspn(text, ",");
    char *tag = memory_copy(text, (size_t)(end - text));
    json_write_text(writer, tag);
    free(tag);
  }
  json_end_array(writer);
}

/* Whether --option NAME=VALUE is among the options that are given before `end`. */
static bool has_pair(const struct arguments *arguments, const char *name, size_t end)
{
  size_t size = strlen(name);
  for (size_t i = 0; i < end; i++) {
    const char *text = arguments->given[i].value;
    if (strcmp(arguments->given[i].option->name, "option") == 0 && strncmp(text, name, size) == 0 &&
        text[size] == '=')
      return true;
  }
  return false;
}

/* Where the command line gives this member of the job in front of its --option at `index`, too;
 * NULL: nowhere. */
static const char *find_rival(const struct arguments *arguments, const char *name, size_t index)
{
  static const struct {
    const char *member, *option, *text;
  } rivals[] = {{"func", "func", "--func"},
                {"trigger", "trigger", "--trigger"},
                {"timezone", "timezone", "--timezone"},
                {"args", "args", "--args"},
                {"run", "command", "--command"}};
  if (strcmp(name, "id") == 0)
    return "the ID in front";
  for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
    if (strcmp(name, rivals[i].member) == 0 && arguments_has(arguments, rivals[i].option))
      return rivals[i].text;
  return has_pair(arguments, name, index) ? "another --option" : NULL;
}

static enum error_code put_option(struct cli *cli, struct json_writer *writer, const char *name,
                                  const char *value, size_t index)
{
  const char *rival = find_rival(cli->arguments, name, index);
  enum error_code code = ERROR_OK;
  if (rival)
    return error_set(&cli->error, ERROR_USAGE, "--option %s: it is given twice, by %s too", name,
                     rival);
  if (strcmp(name, "tags") == 0 && value[0] != '[')
    put_tags(writer, value);
  else
    code = put_loose(writer, name, value, &cli->error);
  return code ? error_prefix(&cli->error, "--option %s", name) : ERROR_OK;
}

/* --option NAME=VALUE, each time it is given. */
static enum error_code put_options(struct cli *cli, struct json_writer *writer)
{
  const struct arguments *arguments = cli->arguments;
  for (size_t i = 0; i < arguments->given_count; i++) {
    if (strcmp(arguments->given[i].option->name, "option") != 0)
      continue;
    const char *text = arguments->given[i].value, *equals = strchr(text, '=');
    if (!equals || equals == text)
      return error_set(&cli->error, ERROR_USAGE, "--option %s: write it NAME=VALUE", text);
    char *name = memory_copy(text, (size_t)(equals - text));
    enum error_code code = put_option(cli, writer, name, equals + 1, i);
    free(name);
    if (code)
      return code;
  }
  return ERROR_OK;
}

static enum error_code put_args(struct cli *cli, struct json_writer *writer)
{
  const char *args = arguments_value(cli->arguments, "args", NULL);
  struct json_document *document;
  if (!args)
    return ERROR_OK;
  enum error_code code = json_parse(args, strlen(args), &document, &cli->error);
  if (code)
    return error_prefix(&cli->error, "--args");
  bool is_list = json_root(document)->type == JSON_ARRAY;
  json_key(writer, "args");
  json_write_tree(writer, json_root(document));
  json_free(document);
  return is_list ? ERROR_OK
                 : error_set(&cli->error, ERROR_USAGE,
                             "--args must be a JSON list, as in --args '[42, \"x\"]'");
}

static enum error_code put_spec(struct cli *cli, struct json_writer *writer)
{
  static const char *const plain[] = {"func", "trigger", "timezone"};
  const struct arguments *arguments = cli->arguments;
  const char *command = arguments_value(arguments, "command", NULL);
  json_put_text(writer, "id", arguments->words[0]);
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    const char *value = arguments_value(arguments, plain[i], NULL);
    if (value)
      json_put_text(writer, plain[i], value);
  }
  if (command) {
    json_key(writer, "run");
    json_begin_object(writer);
    json_put_text(writer, "shell", command);
    json_end_object(writer);
  }
  enum error_code code = put_args(cli, writer);
  return code ? code : put_options(cli, writer);
}

/* "added order-42, next in 15m". */
static void put_change(struct cli *cli, const char *verb, const struct json *job, const char *id)
{
  if (cli->wants_json) {
    cli_put_json(cli, job);
    return;
  }
  const char *next = cli_when(cli, json_get(job, "next_run_at"));
  buffer_printf(&cli->out, "%s ", verb);
  cli_put_visible(cli, COLOR_BOLD, json_text(json_get(job, "id"), id));
  if (next && strcmp(verb, "removed") != 0)
    buffer_printf(&cli->out, ", next %s", next);
  buffer_append_byte(&cli->out, '\n');
}

static void put_added(struct cli *cli, const struct json *job)
{
  int64_t now_us = cli->screen.now_us;
  if (cli->wants_json) {
    struct buffer line = {0};
    job_warning_put(&(struct json_writer){.out = &line}, job, now_us);
    buffer_append_byte(&line, '\n');
    cli_append_safe_json(&cli->out, line.data, line.size);
    buffer_deinit(&line);
    return;
  }
  char *warning = job_warning(job, now_us);
  put_change(cli, "added", job, cli->arguments->words[0]);
  if (warning) {
    screen_append(&cli->screen, &cli->out, COLOR_YELLOW, "warning: ");
    buffer_printf(&cli->out, "%s\n", warning);
  }
  free(warning);
}

int cli_do_add_job(struct cli *cli)
{
  struct params spec;
  struct json_document *answer = NULL;
  if (!arguments_has(cli->arguments, "func") && !arguments_has(cli->arguments, "command")) {
    error_set(&cli->error, ERROR_USAGE,
              "add job: say what runs, with --func SCRIPT.FUNCTION or --command TEXT");
    return cli_fail(cli);
  }
  params_begin(&spec);
  enum error_code code = put_spec(cli, &spec.writer);
  const char *text = params_end(&spec);
  if (code == ERROR_OK)
    code = cli_ask(cli, "add_job", text, &answer);
  if (code == ERROR_OK) {
    const struct json *job = control_result(answer);
    bool existed = json_boolean(json_get(job, "existing"), false);
    if (existed)
      put_change(cli, "pending already:", job, cli->arguments->words[0]);
    else
      put_added(cli, job);
  }
  json_free(answer);
  params_deinit(&spec);
  return code ? cli_fail(cli) : 0;
}

/* Each of the jobs named; one that fails does not keep the others from it. */
static int change_each(struct cli *cli, const char *op, const char *verb)
{
  int status = 0;
  for (size_t i = 0; i < cli->arguments->word_count; i++) {
    const char *id = cli->arguments->words[i];
    struct json_document *answer;
    if (cli_ask_about(cli, op, "job", id, &answer)) {
      status = cli_fail(cli);
      if (cli->error.code == ERROR_UNAVAILABLE)
        return status;
      continue;
    }
    put_change(cli, verb, control_result(answer), id);
    json_free(answer);
  }
  return status;
}

int cli_do_remove(struct cli *cli)
{
  return change_each(cli, "remove_job", "removed");
}

int cli_do_pause(struct cli *cli)
{
  return change_each(cli, "pause_job", "paused");
}

int cli_do_resume(struct cli *cli)
{
  return change_each(cli, "resume_job", "resumed");
}
