#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ctl/frame.h"
#include "ctl/options.h"
#include "ctl/unix_socket.h"

/* A daemon of ours is trusted to answer with what it was asked for: this only bounds a mistake. */
enum { ANSWER_MAX = 256 << 20, READ_SIZE = 64 << 10 };

struct kept {
  struct kept *next;
  struct json_document *frame;
};

struct client {
  int fd;
  int64_t last_id;
  struct frame_splitter in;
  struct kept *first_kept, **last_kept; /* pushes that came while an answer was awaited */
  int64_t *dropped;                     /* ids whose answers nobody waits for any more */
  size_t dropped_count;
};

struct client *client_adopt(int fd)
{
  struct client *client = memory_alloc(sizeof *client);
  client->fd = fd;
  client->in.limit = ANSWER_MAX;
  client->last_kept = &client->first_kept;
  return client;
}

enum error_code client_open(const char *state_folder, struct client **client, struct error *error)
{
  char *path = options_socket_path(state_folder);
  int fd = unix_socket_connect(path);
  int why = errno;
  free(path);
  *client = NULL;
  if (fd < 0 && (why == ENOENT || why == ECONNREFUSED || why == ENOTDIR))
    return error_set(error, ERROR_UNAVAILABLE,
                     "no moonbeat is running on %s (start one with: moonbeat run jobs)",
                     state_folder);
  if (fd < 0)
    return error_set_errno(error, why == EACCES ? ERROR_PERMISSION : ERROR_UNAVAILABLE, why,
                           "cannot reach the moonbeat on %s", state_folder);
  *client = client_adopt(fd);
  return ERROR_OK;
}

void client_close(struct client *client)
{
  if (!client)
    return;
  close(client->fd);
  while (client->first_kept) {
    struct kept *kept = client->first_kept;
    client->first_kept = kept->next;
    json_free(kept->frame);
    free(kept);
  }
  frame_splitter_deinit(&client->in);
  free(client->dropped);
  free(client);
}

int client_fd(const struct client *client)
{
  return client->fd;
}

/* ---- sending ---- */

static enum error_code say_gone(struct error *error)
{
  return error_set(error, ERROR_UNAVAILABLE, "the moonbeat that was asked has gone");
}

static enum error_code send_all(struct client *client, const char *bytes, size_t size,
                                struct error *error)
{
  while (size > 0) {
    ssize_t sent = send(client->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    /* The daemon may have said why before it closed: receiving tells. */
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
      return ERROR_OK;
    if (sent < 0)
      return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot ask the moonbeat");
    bytes += sent;
    size -= (size_t)sent;
  }
  return ERROR_OK;
}

enum error_code client_send(struct client *client, const char *op, const char *params, int64_t *id,
                            struct error *error)
{
  struct buffer frame = {0};
  struct json_writer writer = {.out = &frame};
  int64_t this_id = ++client->last_id;
  json_begin_object(&writer);
  json_put_integer(&writer, "id", this_id);
  json_put_text(&writer, "op", op);
  if (params)
    json_put_raw(&writer, "params", params);
  json_end_object(&writer);
  buffer_append_byte(&frame, '\n');
  enum error_code code = send_all(client, frame.data, frame.size, error);
  buffer_deinit(&frame);
  if (id)
    *id = this_id;
  return code;
}

/* ---- receiving ---- */

/* True when bytes came, false at a time-out or a signal; *code tells a failure. */
static bool read_more(struct client *client, int timeout_ms, enum error_code *code,
                      struct error *error)
{
  struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
  if (poll(&poll_fd, 1, timeout_ms) <= 0)
    return false;
  char bytes[READ_SIZE];
  ssize_t size = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (size < 0 && (errno == EINTR || errno == EAGAIN))
    return false;
  if (size <= 0) {
    *code = say_gone(error);
    return false;
  }
  frame_push(&client->in, bytes, (size_t)size);
  return true;
}

/* A frame from the splitter; *frame is NULL when there is no whole one. */
static enum error_code take_frame(struct client *client, struct json_document **frame,
                                  struct error *error)
{
  char *text;
  size_t size;
  *frame = NULL;
  switch (frame_next(&client->in, &text, &size)) {
  case FRAME_NONE:
    return ERROR_OK;
  case FRAME_TOO_LONG:
    return error_set(error, ERROR_LIMIT, "the answer is larger than %d bytes", ANSWER_MAX);
  case FRAME_READY:
    break;
  }
  enum error_code code = json_parse(text, size, frame, error);
  if (code)
    error_prefix(error, "the answer makes no sense");
  return code;
}

static bool is_dropped(struct client *client, int64_t id)
{
  for (size_t i = 0; i < client->dropped_count; i++)
    if (id && client->dropped[i] == id) {
      client->dropped[i] = client->dropped[--client->dropped_count];
      return true;
    }
  return false;
}

static int left_ms(int timeout_ms, int64_t until_us)
{
  if (timeout_ms <= 0)
    return timeout_ms;
  int64_t left_us = until_us - clock_monotonic_us();
  return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

/* The next frame from the socket that somebody still waits for. */
static enum error_code next_frame(struct client *client, int timeout_ms,
                                  struct json_document **frame, struct error *error)
{
  int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
  for (;;) {
    enum error_code code = take_frame(client, frame, error);
    if (code)
      return code;
    if (*frame && !is_dropped(client, client_frame_id(*frame)))
      return ERROR_OK;
    if (*frame) {
      json_free(*frame);
      *frame = NULL;
      continue;
    }
    if (!read_more(client, left_ms(timeout_ms, until_us), &code, error))
      return code;
  }
}

enum error_code client_receive(struct client *client, int timeout_ms, struct json_document **frame,
                               struct error *error)
{
  struct kept *kept = client->first_kept;
  if (!kept)
    return next_frame(client, timeout_ms, frame, error);
  *frame = kept->frame;
  client->first_kept = kept->next;
  if (!client->first_kept)
    client->last_kept = &client->first_kept;
  free(kept);
  return ERROR_OK;
}

bool client_has_frame(const struct client *client)
{
  const struct frame_splitter *in = &client->in;
  size_t left = in->bytes.size - in->taken;
  return client->first_kept || (left > 0 && memchr(in->bytes.data + in->taken, '\n', left));
}

static void keep(struct client *client, struct json_document *frame)
{
  struct kept *kept = memory_alloc(sizeof *kept);
  kept->frame = frame;
  *client->last_kept = kept;
  client->last_kept = &kept->next;
}

static void drop_later(struct client *client, int64_t id)
{
  client->dropped =
      memory_resize(client->dropped, (client->dropped_count + 1) * sizeof *client->dropped);
  client->dropped[client->dropped_count++] = id;
}

/* An error frame without an id is about the connection as a whole, and so about us. */
static bool is_answer(const struct json_document *frame, int64_t id)
{
  int64_t frame_id = client_frame_id(frame);
  return frame_id == id || (frame_id == 0 && json_get(json_root(frame), "error"));
}

enum error_code client_call(struct client *client, const char *op, const char *params,
                            int timeout_ms, struct json_document **answer, struct error *error)
{
  int64_t id;
  *answer = NULL;
  enum error_code code = client_send(client, op, params, &id, error);
  int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
  while (code == ERROR_OK) {
    struct json_document *frame;
    code = next_frame(client, left_ms(timeout_ms, until_us), &frame, error);
    if (code)
      break;
    if (!frame && timeout_ms >= 0 && clock_monotonic_us() >= until_us) {
      drop_later(client, id);
      return error_set(error, ERROR_TIMEOUT, "no answer within %d ms", timeout_ms);
    }
    if (!frame)
      continue;
    if (!is_answer(frame, id)) {
      keep(client, frame);
      continue;
    }
    const char *text;
    if (client_frame_error(frame, &code, &text)) {
      error_set(error, code, "%s", text);
      json_free(frame);
      return code;
    }
    *answer = frame;
    return ERROR_OK;
  }
  return code;
}

enum error_code client_request(struct client *client, const char *op, const char *params,
                               struct json_document **answer, struct error *error)
{
  return client_call(client, op, params, -1, answer, error);
}

/* ---- frames ---- */

const struct json *client_result(const struct json_document *answer)
{
  return json_get(json_root(answer), "result");
}

int64_t client_frame_id(const struct json_document *frame)
{
  return json_integer(json_get(json_root(frame), "id"), 0);
}

bool client_frame_error(const struct json_document *frame, enum error_code *code, const char **text)
{
  const struct json *error = json_get(json_root(frame), "error");
  if (!error)
    return false;
  *code = error_from_name(json_text(json_get(error, "code"), ""));
  *text = json_text(json_get(error, "message"), "the moonbeat did not say what is wrong");
  return true;
}
