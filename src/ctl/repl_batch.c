/* The REPL without a person: `-e CODE`, and lines from a pipe or a file. What is printed and the
 * results go to standard output; the first error goes to standard error and ends it. */
#include "ctl/repl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/chunk.h"

static void put_text(struct cli *cli, const char *text)
{
  if (text && *text)
    repl_append_text(cli, &cli->out, COLOR_NONE, text);
}

static void put_push(struct cli *cli, const struct json_document *frame)
{
  const char *print = json_text(json_get(json_root(frame), "print"), NULL);
  if (print && cli->wants_json)
    cli_put_json(cli, json_root(frame));
  else
    put_text(cli, print ? *print ? print : "\n" : NULL);
  cli_flush(cli);
}

/* JSON takes no other bytes; in Lua, "\xff" is one. */
static enum error_code send_chunk(struct cli *cli, const char *text, int64_t *id)
{
  size_t offset;
  if (!text_is_utf8(text, strlen(text), &offset))
    return error_set(&cli->error, ERROR_INVALID,
                     "this Lua is not UTF-8 at byte %zu: write \"\\x%02x\"", offset + 1,
                     (unsigned char)text[offset]);
  return repl_send(cli, text, id);
}

/* Waits for the answer; *is_incomplete tells that the chunk wants more lines. */
static int evaluate(struct cli *cli, const char *text, bool *is_incomplete)
{
  int64_t id;
  *is_incomplete = false;
  enum error_code code = send_chunk(cli, text, &id);
  while (code == ERROR_OK) {
    struct json_document *frame;
    const char *problem;
    code = control_receive(cli->control, -1, &frame, &cli->error);
    if (code || !frame)
      continue;
    if (control_frame_id(frame) != id && !json_get(json_root(frame), "error")) {
      put_push(cli, frame);
      json_free(frame);
      continue;
    }
    if (control_frame_error(frame, &code, &problem)) {
      error_set(&cli->error, code, "%s", problem);
    } else {
      const struct json *result = control_result(frame);
      *is_incomplete = json_boolean(json_get(result, "incomplete"), false);
      if (!*is_incomplete && cli->wants_json)
        cli_put_json(cli, result);
      else if (!*is_incomplete)
        put_text(cli, json_text(json_get(result, "results"), NULL));
      cli_flush(cli);
    }
    json_free(frame);
    return code ? cli_fail(cli) : 0;
  }
  return cli_fail(cli);
}

static int fail_incomplete(struct cli *cli)
{
  error_set(&cli->error, ERROR_SCRIPT, "the code ends in the middle of a statement");
  return cli_fail(cli);
}

static int evaluate_options(struct cli *cli)
{
  const struct arguments *arguments = cli->arguments;
  int status = 0;
  for (size_t i = 0; i < arguments->given_count && status == 0; i++) {
    bool is_incomplete;
    if (strcmp(arguments->given[i].option->name, "execute") != 0)
      continue;
    status = evaluate(cli, arguments->given[i].value, &is_incomplete);
    if (status == 0 && is_incomplete)
      status = fail_incomplete(cli);
  }
  return status;
}

/* What stands behind it would be passed over. */
static int fail_nul(struct cli *cli, size_t offset)
{
  error_set(&cli->error, ERROR_INVALID, "this Lua holds a NUL at byte %zu: write \"\\0\"",
            offset + 1);
  return cli_fail(cli);
}

/* What is typed of a statement. */
struct input {
  struct buffer text;
  struct chunk chunk;
};

/* Evaluates it if it may be whole, or is the last; what is no whole one stays. */
static int take_input(struct cli *cli, struct input *input, bool may_end)
{
  bool is_incomplete;
  if (!may_end || input->text.size == 0 || strspn(input->text.data, " \t\r\n") == input->text.size)
    return 0;
  int status = evaluate(cli, input->text.data, &is_incomplete);
  if (!is_incomplete) {
    buffer_clear(&input->text);
    input->chunk = (struct chunk){0};
  }
  return status;
}

/* A line at a time, as a person would type it, so that results come as early as they can. */
static int evaluate_input(struct cli *cli)
{
  struct input input = {0};
  char *line = NULL;
  size_t capacity = 0;
  ssize_t size;
  int status = 0;
  while (status == 0 && (size = getline(&line, &capacity, stdin)) >= 0) {
    size_t length = strlen(line);
    if (length < (size_t)size) {
      status = fail_nul(cli, input.text.size + length);
      break;
    }
    buffer_append(&input.text, line, length);
    status = take_input(cli, &input, chunk_may_end(&input.chunk, line, length));
  }
  if (status == 0)
    status = take_input(cli, &input, true);
  if (status == 0 && strspn(input.text.data ? input.text.data : "", " \t\r\n") < input.text.size)
    status = fail_incomplete(cli);
  free(line);
  buffer_deinit(&input.text);
  return status;
}

int repl_batch(struct cli *cli)
{
  return arguments_has(cli->arguments, "execute") ? evaluate_options(cli) : evaluate_input(cli);
}
