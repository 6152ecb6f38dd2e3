/* One client: bytes in, frames out. Output is gathered and written once per turn of the loop. A
 * client that sends faster than it reads is not read from until it has caught up; one that takes
 * what a console prints too slowly is cut off, since nobody else may wait for it, and one that
 * takes events too slowly loses some. */
#include "ctl/server_internal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum {
  READ_SIZE = 64 << 10,
  OUTPUT_HIGH = 256 << 10,
  ASKED_HIGH = 1 << 20,
  KEPT_CAPACITY = 256 << 10,
};

static size_t count_output(const struct connection *connection)
{
  return connection->out.size + connection->writing.size - connection->writing_sent;
}

static bool may_take_requests(const struct connection *connection)
{
  return !connection->is_ending && !connection->is_closed &&
         connection->requests < SERVER_REQUESTS_MAX && connection->asked < ASKED_HIGH &&
         count_output(connection) < OUTPUT_HIGH;
}

/* ---- reading ---- */

static void give_read_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
  /* The loop reads into it and calls on_read at once, so one per thread serves all connections. */
  static _Thread_local char bytes[READ_SIZE];
  (void)handle;
  (void)suggested;
  *buffer = uv_buf_init(bytes, sizeof bytes);
}

bool connection_has_hung_up(const struct connection *connection)
{
  uv_os_fd_t fd;
  if (uv_fileno((const uv_handle_t *)&connection->pipe, &fd) != 0)
    return true;
  struct pollfd poll_fd = {.fd = fd};
  return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR));
}

static void stop_reading(struct connection *connection)
{
  uv_read_stop((uv_stream_t *)&connection->pipe);
  connection->is_reading = false;
  server_watch_unread(connection->server);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
  struct connection *connection = stream->data;
  if (size == UV_EOF && !connection_has_hung_up(connection)) {
    /* It only said all that it wants to say: the answers are still awaited. */
    stop_reading(connection);
    connection->has_ended_input = true;
    connection_pump(connection);
  } else if (size < 0) {
    connection_close(connection);
  } else if (size > 0 && !connection->is_ending) {
    frame_push(&connection->in, buffer->base, (size_t)size);
    connection_pump(connection);
  }
}

static void set_reading(struct connection *connection, bool wanted)
{
  if (connection->is_reading == wanted || connection->has_ended_input)
    return;
  if (!wanted) {
    stop_reading(connection);
    return;
  }
  connection->is_reading = true;
  uv_read_start((uv_stream_t *)&connection->pipe, give_read_buffer, on_read);
}

static void end_too_long(struct connection *connection)
{
  char text[80];
  snprintf(text, sizeof text, "frame of more than %d bytes: send less at once", SERVER_FRAME_MAX);
  connection_send_error(connection, "null", ERROR_LIMIT, text);
  connection_end(connection);
}

void connection_pump(struct connection *connection)
{
  if (connection->is_pumping || connection->is_closed)
    return;
  connection->is_pumping = true;
  bool is_drained = false;
  while (!is_drained && may_take_requests(connection)) {
    char *frame;
    size_t size;
    switch (frame_next(&connection->in, &frame, &size)) {
    case FRAME_READY:
      connection->active_us = clock_monotonic_us();
      connection->has_asked = true;
      request_handle(connection, frame, size);
      break;
    case FRAME_TOO_LONG:
      end_too_long(connection);
      break;
    case FRAME_NONE:
      is_drained = true;
      break;
    }
  }
  connection->is_pumping = false;
  if (connection->is_closed)
    return;
  /* While it ends, what it still sends is read and dropped, so that it gets to read our answer. */
  set_reading(connection, is_drained || connection->is_ending);
  if (is_drained && connection->has_ended_input && connection->requests == 0)
    connection_end(connection);
}

void connection_start(struct connection *connection)
{
  set_reading(connection, true);
}

/* ---- writing ---- */

bool connection_is_full(const struct connection *connection)
{
  return count_output(connection) > SERVER_PUSHES_MAX;
}

bool connection_is_filling(const struct connection *connection)
{
  return count_output(connection) > SERVER_PUSHES_MAX / 2;
}

static void after_output(struct connection *connection)
{
  if (connection->is_closed)
    return;
  if (!connection->is_ending && connection->subscription.lost && !connection_is_filling(connection))
    events_tell_lost(connection);
  if (connection->is_ending && count_output(connection) == 0)
    connection_close(connection);
  else
    connection_pump(connection);
}

static void on_written(uv_write_t *write, int status)
{
  struct connection *connection = write->data;
  connection->is_writing = false;
  connection->writing_sent = connection->writing.size;
  if (status == UV_ECANCELED)
    return;
  if (status < 0) {
    connection_close(connection);
    return;
  }
  if (connection->out.size > 0)
    connection_flush(connection);
  else
    after_output(connection);
}

/* Puts what waits into `writing`, which must be all sent. */
static void take_output(struct connection *connection)
{
  struct buffer sent = connection->writing;
  connection->writing = connection->out;
  connection->writing_sent = 0;
  connection->out = sent;
  if (connection->out.capacity > KEPT_CAPACITY)
    buffer_deinit(&connection->out);
  buffer_clear(&connection->out);
}

/* A client may leave at any moment, and libuv writes without MSG_NOSIGNAL. The program around us
 * may want SIGPIPE for itself, so it is only kept from this thread. */
static void block_sigpipe(void)
{
  static _Thread_local bool is_blocked;
  if (is_blocked)
    return;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  is_blocked = true;
}

void connection_flush(struct connection *connection)
{
  block_sigpipe();
  if (connection->is_writing || connection->is_closed || connection->out.size == 0)
    return;
  uv_stream_t *stream = (uv_stream_t *)&connection->pipe;
  take_output(connection);
  uv_buf_t rest = uv_buf_init(connection->writing.data, (unsigned)connection->writing.size);
  int written = uv_try_write(stream, &rest, 1);
  if (written < 0 && written != UV_EAGAIN) {
    connection_close(connection);
    return;
  }
  if (written > 0)
    connection->writing_sent = (size_t)written;
  if (connection->writing_sent == connection->writing.size) {
    after_output(connection);
    return;
  }
  rest = uv_buf_init(connection->writing.data + connection->writing_sent,
                     (unsigned)(connection->writing.size - connection->writing_sent));
  connection->write.data = connection;
  connection->is_writing = true;
  if (uv_write(&connection->write, stream, &rest, 1, on_written) != 0) {
    connection->is_writing = false;
    connection_close(connection);
  }
}

static void cut_off(struct connection *connection)
{
  log_warn("control socket: a client does not read what it asked for; it is cut off");
  connection_close(connection);
}

/* Many who do not read must not fill the memory together: the one goes that for which most waits.
 */
static void bound_output(struct server *server)
{
  size_t sum = 0;
  struct connection *worst = NULL;
  for (struct connection *c = server->connections; c; c = c->next) {
    sum += count_output(c);
    if (!worst || count_output(c) > count_output(worst))
      worst = c;
  }
  if (sum > SERVER_OUTPUT_MAX)
    cut_off(worst);
}

static void add_output(struct connection *connection, const char *frame, size_t size, size_t most)
{
  if (connection->is_closed || connection->is_ending)
    return;
  if (count_output(connection) > most) {
    cut_off(connection);
    return;
  }
  buffer_append(&connection->out, frame, size);
  buffer_append_byte(&connection->out, '\n');
  server_mark_dirty(connection);
  if (count_output(connection) > OUTPUT_HIGH)
    bound_output(connection->server);
}

void connection_send(struct connection *connection, const char *frame, size_t size)
{
  add_output(connection, frame, size, SERVER_ANSWERS_MAX);
}

void connection_push(struct connection *connection, const char *frame, size_t size)
{
  add_output(connection, frame, size, SERVER_PUSHES_MAX);
}

void connection_send_error(struct connection *connection, const char *id, enum error_code code,
                           const char *text)
{
  struct buffer frame = {0};
  struct json_writer writer = {.out = &frame};
  json_begin_object(&writer);
  json_put_raw(&writer, "id", id);
  json_key(&writer, "error");
  json_begin_object(&writer);
  json_put_text(&writer, "code", error_name(code));
  json_put_text(&writer, "message", text);
  json_end_object(&writer);
  json_end_object(&writer);
  connection_send(connection, frame.data, frame.size);
  buffer_deinit(&frame);
}

/* ---- the end ---- */

void connection_end(struct connection *connection)
{
  connection->is_ending = true;
  if (count_output(connection) == 0)
    connection_close(connection);
}

static void on_closed(uv_handle_t *handle)
{
  struct connection *connection = handle->data;
  struct server *server = connection->server;
  frame_splitter_deinit(&connection->in);
  buffer_deinit(&connection->out);
  buffer_deinit(&connection->writing);
  free(connection);
  server_handle_closed(server);
}

void connection_close(struct connection *connection)
{
  if (connection->is_closed)
    return;
  connection->is_closed = true;
  request_forget(connection);
  server_forget_connection(connection);
  uv_close((uv_handle_t *)&connection->pipe, on_closed);
}
