/* `moonbeat next --batch [FILE]`: lines in, answers out, in order.
 *
 * Input is read as it comes, in large blocks, and all whole lines of a block are answered before
 * the next one is read: a program that waits for its answer gets it, and a long file costs a write
 * per block. A line without end takes no memory beyond LINE_MAX_SIZE. */
#include "ctl/cli_next.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/batch.h"

enum { BLOCK_SIZE = 1 << 18, LINE_MAX_SIZE = 1 << 20 };

struct stream {
  struct cli *cli;
  int fd;
  struct buffer text;
  bool is_too_long; /* the rest of the line is thrown away */
};

static bool is_blank(const char *line, size_t size)
{
  return strspn(line, " \t\r") >= size;
}

static void answer_line(struct stream *stream, const char *line, size_t size)
{
  if (stream->is_too_long || size > LINE_MAX_SIZE)
    batch_refuse("the line is longer than 1 MiB", &stream->cli->out);
  else if (!is_blank(line, size))
    batch_answer(line, size, &stream->cli->out);
  stream->is_too_long = false;
}

/* Answers all whole lines of the text; what is left of it is the beginning of the next one. */
static void answer_lines(struct stream *stream)
{
  struct buffer *text = &stream->text;
  char *at = text->data, *end = text->data + text->size, *newline;
  while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
    *newline = '\0';
    answer_line(stream, at, (size_t)(newline - at));
    at = newline + 1;
    if (stream->cli->out.size >= BLOCK_SIZE)
      cli_flush(stream->cli);
  }
  buffer_remove_front(text, (size_t)(at - text->data));
  if (text->size > LINE_MAX_SIZE) {
    stream->is_too_long = true;
    buffer_clear(text);
  }
  cli_flush(stream->cli);
}

static enum error_code answer_stream(struct stream *stream, const char *name)
{
  struct buffer *text = &stream->text;
  for (;;) {
    buffer_reserve(text, BLOCK_SIZE);
    ssize_t size = read(stream->fd, text->data + text->size, BLOCK_SIZE);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return error_set_errno(&stream->cli->error, ERROR_IO, errno, "cannot read %s", name);
    if (size == 0)
      break;
    text->size += (size_t)size;
    text->data[text->size] = '\0';
    answer_lines(stream);
    if (ferror(stdout))
      return ERROR_OK; /* told at the end */
  }
  if (text->size > 0 || stream->is_too_long)
    answer_line(stream, text->data, text->size);
  return ERROR_OK;
}

enum error_code next_batch(struct cli *cli)
{
  const struct arguments *arguments = cli->arguments;
  const char *path = arguments->word_count > 0 ? arguments->words[0] : "-";
  bool is_input = strcmp(path, "-") == 0;
  if (arguments->word_count > 1)
    return error_set(&cli->error, ERROR_USAGE,
                     "\"%s\" is one argument too many: moonbeat next --batch [FILE]",
                     arguments->words[1]);
  struct stream stream = {.cli = cli, .fd = STDIN_FILENO};
  if (!is_input && (stream.fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
    return error_set_errno(&cli->error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, errno,
                           "cannot open %s", path);
  enum error_code code = answer_stream(&stream, is_input ? "standard input" : path);
  buffer_deinit(&stream.text);
  if (!is_input)
    close(stream.fd);
  return code;
}
