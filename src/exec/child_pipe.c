/* The pipes of a child: its output, gathered until somebody takes it, and its input, fed as fast as
 * the child reads. A child whose output is held back writes into a full pipe and waits. */
#include "exec/child_internal.h"

#include <errno.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 << 10,
  READS_PER_TURN = 16, /* so that a child that never stops writing leaves the loop to others */
};

void child_close_stream(struct child_stream *stream)
{
  if (stream->fd < 0)
    return;
  child_close_handle(&stream->poll);
  close(stream->fd);
  stream->fd = -1;
  stream->is_held = false;
}

bool child_has_output(const struct child *child)
{
  return child->streams[1].fd >= 0 || child->streams[2].fd >= 0;
}

/* ---- output ---- */

static void keep(struct child_stream *stream, const char *bytes, size_t size)
{
  struct child *child = stream->child;
  if (!child->changed)
    return;
  if (child->is_drop && stream->data.size + size > CHILD_OUTPUT_MAX) {
    size = stream->data.size < CHILD_OUTPUT_MAX ? CHILD_OUTPUT_MAX - stream->data.size : 0;
    child->was_truncated = true;
  }
  buffer_append(&stream->data, bytes, size);
}

bool child_read_stream(struct child_stream *stream)
{
  char bytes[READ_SIZE];
  bool has_news = false;
  for (int i = 0; i < READS_PER_TURN && stream->fd >= 0; i++) {
    if (!stream->child->is_drop && stream->data.size >= CHILD_HOLD_SIZE) {
      uv_poll_stop(&stream->poll);
      stream->is_held = true;
      break;
    }
    ssize_t size = read(stream->fd, bytes, sizeof bytes);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0 && errno == EAGAIN)
      break;
    has_news = true;
    if (size <= 0)
      child_close_stream(stream);
    else
      keep(stream, bytes, (size_t)size);
    if (size < (ssize_t)sizeof bytes && stream->child->state == CHILD_RUNNING)
      break; /* most likely empty now: saves a call */
  }
  return has_news;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  (void)events;
  struct child *child = poll->data;
  struct child_stream *stream = &child->streams[poll == &child->streams[1].poll ? 1 : 2];
  if (status < 0)
    child_close_stream(stream);
  else if (!child_read_stream(stream))
    return;
  if (child->state == CHILD_LINGERING && !child->was_terminated && !child->has_left &&
      !child_has_output(child))
    child_finish(child);
  else
    child_tell(child);
}

struct buffer *child_output(struct child *child, int stream)
{
  return &child->streams[stream].data;
}

bool child_was_truncated(const struct child *child)
{
  return child->was_truncated;
}

void child_drop_output(struct child *child)
{
  child->is_drop = true;
  child_resume(child);
}

void child_resume(struct child *child)
{
  for (int i = 1; i < 3; i++) {
    struct child_stream *stream = &child->streams[i];
    if (stream->is_held && (child->is_drop || stream->data.size < CHILD_HOLD_SIZE)) {
      stream->is_held = false;
      uv_poll_start(&stream->poll, UV_READABLE, on_readable);
    }
  }
}

void child_close_output(struct child *child, int stream)
{
  child->awaits_output = false;
  child_close_stream(&child->streams[stream]);
}

/* ---- input ---- */

static void on_writable(uv_poll_t *poll, int status, int events);

/* Writes what the pipe takes. */
static void feed(struct child *child)
{
  struct child_stream *input = &child->streams[0];
  size_t done = 0;
  while (input->fd >= 0 && done < input->data.size) {
    ssize_t size = write(input->fd, input->data.data + done, input->data.size - done);
    if (size > 0) {
      done += (size_t)size;
    } else if (errno == EAGAIN) {
      buffer_remove_front(&input->data, done);
      uv_poll_start(&input->poll, UV_WRITABLE, on_writable);
      return;
    } else if (errno != EINTR) {
      child_close_stream(input); /* nobody reads any more */
    }
  }
  buffer_clear(&input->data);
  if (child->input_ends)
    child_close_stream(input);
  else if (input->fd >= 0)
    uv_poll_stop(&input->poll);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
  (void)events;
  struct child *child = poll->data;
  if (status < 0) {
    child_close_stream(&child->streams[0]);
    buffer_clear(&child->streams[0].data);
  } else {
    feed(child);
  }
  if (child_is_drained(child))
    child_tell(child);
}

bool child_write(struct child *child, const char *data, size_t size)
{
  struct child_stream *input = &child->streams[0];
  if (input->fd < 0 || child->input_ends)
    return false;
  bool was_empty = input->data.size == 0;
  buffer_append(&input->data, data, size);
  if (was_empty)
    feed(child);
  return input->fd >= 0;
}

void child_end_input(struct child *child)
{
  child->input_ends = true;
  if (child->streams[0].data.size == 0)
    child_close_stream(&child->streams[0]);
}

bool child_is_drained(const struct child *child)
{
  return child->streams[0].fd < 0 || child->streams[0].data.size == 0;
}

int child_watch_streams(struct child *child, int fds[3])
{
  for (int i = 0; i < 3; i++) {
    struct child_stream *stream = &child->streams[i];
    if (fds[i] < 0)
      continue;
    int result = uv_poll_init(child->loop, &stream->poll, fds[i]);
    if (result < 0)
      return -result;
    stream->fd = fds[i];
    fds[i] = -1;
    child_own_handle(child, &stream->poll);
    if (i > 0)
      uv_poll_start(&stream->poll, UV_READABLE, on_readable);
  }
  return 0;
}
