/* `moonbeat emit EVENT [NAME=VALUE...|JSON]`: an event from outside, for shell scripts and other
 * programs: on("order", ...) hears of it, and jobs that wait with on_event("order") run.
 *
 * The event's members are words, of which numbers and booleans are such and anything else is text,
 * or one JSON object with whatever JSON has. When the daemon has answered, the event is durable for
 * all jobs that wait for it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/cli_common.h"

static enum error_code put_object(struct json_writer *writer, const char *text, struct error *error)
{
  struct json_document *document;
  enum error_code code = json_parse(text, strlen(text), &document, error);
  if (code)
    return error_prefix(error, "emit: %.60s", text);
  json_write_tree(writer, json_root(document)); /* it begins with a brace: it is an object */
  json_free(document);
  return ERROR_OK;
}

static void put_value(struct json_writer *writer, const char *text)
{
  struct json_document *document;
  bool is_scalar = false;
  if (json_parse(text, strlen(text), &document, NULL) == ERROR_OK) {
    enum json_type type = json_root(document)->type;
    is_scalar =
        type != JSON_NULL && type != JSON_STRING && type != JSON_OBJECT && type != JSON_ARRAY;
    if (is_scalar)
      json_write_tree(writer, json_root(document));
    json_free(document);
  }
  if (!is_scalar)
    json_write_text(writer, text);
}

static bool is_named_before(const char *const *words, size_t count, const char *name, size_t size)
{
  for (size_t i = 0; i < count; i++)
    if (strncmp(words[i], name, size) == 0 && words[i][size] == '=')
      return true;
  return false;
}

static enum error_code put_members(struct json_writer *writer, const char *const *words,
                                   size_t count, struct error *error)
{
  json_begin_object(writer);
  for (size_t i = 0; i < count; i++) {
    size_t size = strcspn(words[i], "=");
    if (size == 0 || words[i][size] == '\0')
      return error_set(error, ERROR_USAGE,
                       "emit: \"%.60s\" is not NAME=VALUE, and a JSON object stands alone",
                       words[i]);
    if (is_named_before(words, i, words[i], size))
      return error_set(error, ERROR_USAGE, "emit: %.*s is given twice", (int)size, words[i]);
    char *name = memory_copy(words[i], size);
    json_key(writer, name);
    free(name);
    put_value(writer, words[i] + size + 1);
  }
  json_end_object(writer);
  return ERROR_OK;
}

static void put_answer(struct cli *cli, const struct json *answer)
{
  int64_t jobs = json_integer(json_get(answer, "jobs"), 0);
  int64_t listeners = json_integer(json_get(answer, "listeners"), 0);
  if (cli->wants_json) {
    cli_put_json(cli, answer);
    return;
  }
  buffer_append_text(&cli->out, "emitted ");
  cli_put_visible(cli, COLOR_BOLD, cli->arguments->words[0]);
  if (listeners > 0)
    buffer_printf(&cli->out, ", %" PRId64 " listener%s of it", listeners,
                  listeners == 1 ? " hears" : "s hear");
  if (jobs > 0)
    buffer_printf(&cli->out, ", %" PRId64 " job%s for it", jobs, jobs == 1 ? " waits" : "s wait");
  if (listeners == 0 && jobs == 0)
    buffer_append_text(&cli->out, ", no listener hears of it and no job waits for it");
  buffer_append_byte(&cli->out, '\n');
}

int cli_do_emit(struct cli *cli)
{
  const char *name = cli->arguments->words[0], *const *words = cli->arguments->words + 1;
  size_t count = cli->arguments->word_count - 1;
  struct params params;
  struct json_document *answer = NULL;
  if (strchr(name, '=')) {
    error_set(&cli->error, ERROR_USAGE,
              "emit: \"%.60s\" is no event's name: write moonbeat emit EVENT %.60s", name, name);
    return cli_fail(cli);
  }
  params_begin(&params);
  json_put_text(&params.writer, "event", name);
  json_key(&params.writer, "data");
  enum error_code code = count == 1 && words[0][0] == '{'
                             ? put_object(&params.writer, words[0], &cli->error)
                             : put_members(&params.writer, words, count, &cli->error);
  if (!code)
    code = cli_ask(cli, "emit", params_end(&params), &answer);
  if (!code)
    put_answer(cli, control_result(answer));
  json_free(answer);
  params_deinit(&params);
  return code ? cli_fail(cli) : 0;
}
