#include "ctl/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/process.h"
#include "ctl/frame.h"
#include "ctl/options.h"
#include "ctl/unix_socket.h"
#include "store/lock.h"

/* A daemon of ours is trusted to answer with what it was asked for: this only bounds a mistake. */
enum { ANSWER_MAX = 256 << 20, READ_SIZE = 64 << 10 };

struct kept {
  struct kept *next;
  struct json_document *frame;
};

struct control {
  int fd;
  int64_t last_id;
  struct frame_splitter in;
  struct kept *first_kept, **last_kept; /* pushes that came while an answer was awaited */
  int64_t *dropped;                     /* ids whose answers nobody waits for any more */
  size_t dropped_count;
};

struct control *control_adopt(int fd)
{
  struct control *control = memory_alloc(sizeof *control);
  control->fd = fd;
  control->in.limit = ANSWER_MAX;
  control->last_kept = &control->first_kept;
  return control;
}

/* Who serves a socket is told all that is asked: job arguments, values, scripts. */
static bool is_served_for_us(int fd, const char *state_folder, struct error *error)
{
  uid_t uid;
  if (!unix_socket_peer(fd, &uid)) {
    error_set(error, ERROR_PERMISSION, "cannot tell which user runs the moonbeat on %s",
              state_folder);
    return false;
  }
  if (process_trusts(uid))
    return true;
  error_set(error, ERROR_PERMISSION,
            "the moonbeat on %s is run by user %u, and you are user %u: ask it as that user "
            "(sudo -u '#%u' moonbeat ...)",
            state_folder, (unsigned)uid, (unsigned)geteuid(), (unsigned)uid);
  return false;
}

/* Nobody listens. A daemon may run all the same: its lock tells. */
static enum error_code say_unreachable(const char *state_folder, struct error *error)
{
  long pid;
  char *store = options_store_path(state_folder);
  bool is_held = lock_is_held(store, &pid);
  free(store);
  if (is_held && pid > 0)
    return error_set(error, ERROR_UNAVAILABLE,
                     "a moonbeat (pid %ld) runs on %s, but without the socket %s: it is starting "
                     "or ending, or somebody has removed that; if so, end it with kill %ld and "
                     "start it again",
                     pid, state_folder, OPTIONS_SOCKET_NAME, pid);
  return error_set(error, ERROR_UNAVAILABLE,
                   "no moonbeat is running on %s (start one with: moonbeat run jobs)",
                   state_folder);
}

enum error_code control_open(const char *state_folder, struct control **control,
                             struct error *error)
{
  char *path = options_socket_path(state_folder);
  int fd = unix_socket_connect(path);
  int why = errno;
  free(path);
  *control = NULL;
  if (fd < 0 && (why == ENOENT || why == ECONNREFUSED || why == ENOTDIR))
    return say_unreachable(state_folder, error);
  if (fd < 0)
    return error_set_errno(error, why == EACCES ? ERROR_PERMISSION : ERROR_UNAVAILABLE, why,
                           "cannot reach the moonbeat on %s", state_folder);
  if (!is_served_for_us(fd, state_folder, error)) {
    close(fd);
    return ERROR_PERMISSION;
  }
  *control = control_adopt(fd);
  return ERROR_OK;
}

void control_close(struct control *control)
{
  if (!control)
    return;
  close(control->fd);
  while (control->first_kept) {
    struct kept *kept = control->first_kept;
    control->first_kept = kept->next;
    json_free(kept->frame);
    free(kept);
  }
  frame_splitter_deinit(&control->in);
  free(control->dropped);
  free(control);
}

int control_fd(const struct control *control)
{
  return control->fd;
}

/* ---- sending ---- */

static enum error_code say_gone(struct error *error)
{
  return error_set(error, ERROR_UNAVAILABLE, "the moonbeat that was asked has gone");
}

static enum error_code send_all(struct control *control, const char *bytes, size_t size,
                                struct error *error)
{
  while (size > 0) {
    ssize_t sent = send(control->fd, bytes, size, MSG_NOSIGNAL);
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

enum error_code control_send(struct control *control, const char *op, const char *params,
                             int64_t *id, struct error *error)
{
  struct buffer frame = {0};
  struct json_writer writer = {.out = &frame};
  int64_t this_id = ++control->last_id;
  json_begin_object(&writer);
  json_put_integer(&writer, "id", this_id);
  json_put_text(&writer, "op", op);
  if (params)
    json_put_raw(&writer, "params", params);
  json_end_object(&writer);
  buffer_append_byte(&frame, '\n');
  enum error_code code = send_all(control, frame.data, frame.size, error);
  buffer_deinit(&frame);
  if (id)
    *id = this_id;
  return code;
}

/* ---- receiving ---- */

/* True when bytes came, false at a time-out or a signal; *code tells a failure. */
static bool read_more(struct control *control, int timeout_ms, enum error_code *code,
                      struct error *error)
{
  struct pollfd poll_fd = {.fd = control->fd, .events = POLLIN};
  if (poll(&poll_fd, 1, timeout_ms) <= 0)
    return false;
  char bytes[READ_SIZE];
  ssize_t size = recv(control->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (size < 0 && (errno == EINTR || errno == EAGAIN))
    return false;
  if (size <= 0) {
    *code = say_gone(error);
    return false;
  }
  frame_push(&control->in, bytes, (size_t)size);
  return true;
}

/* A frame from the splitter; *frame is NULL when there is no whole one. */
static enum error_code take_frame(struct control *control, struct json_document **frame,
                                  struct error *error)
{
  char *text;
  size_t size;
  *frame = NULL;
  switch (frame_next(&control->in, &text, &size)) {
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

static bool is_dropped(struct control *control, int64_t id)
{
  for (size_t i = 0; i < control->dropped_count; i++)
    if (id && control->dropped[i] == id) {
      control->dropped[i] = control->dropped[--control->dropped_count];
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
static enum error_code next_frame(struct control *control, int timeout_ms,
                                  struct json_document **frame, struct error *error)
{
  int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
  for (;;) {
    enum error_code code = take_frame(control, frame, error);
    if (code)
      return code;
    if (*frame && !is_dropped(control, control_frame_id(*frame)))
      return ERROR_OK;
    if (*frame) {
      json_free(*frame);
      *frame = NULL;
      continue;
    }
    if (!read_more(control, left_ms(timeout_ms, until_us), &code, error))
      return code;
  }
}

enum error_code control_receive(struct control *control, int timeout_ms,
                                struct json_document **frame, struct error *error)
{
  struct kept *kept = control->first_kept;
  if (!kept)
    return next_frame(control, timeout_ms, frame, error);
  *frame = kept->frame;
  control->first_kept = kept->next;
  if (!control->first_kept)
    control->last_kept = &control->first_kept;
  free(kept);
  return ERROR_OK;
}

bool control_has_frame(const struct control *control)
{
  const struct frame_splitter *in = &control->in;
  size_t left = in->bytes.size - in->taken;
  return control->first_kept || (left > 0 && memchr(in->bytes.data + in->taken, '\n', left));
}

static void keep(struct control *control, struct json_document *frame)
{
  struct kept *kept = memory_alloc(sizeof *kept);
  kept->frame = frame;
  *control->last_kept = kept;
  control->last_kept = &kept->next;
}

static void drop_later(struct control *control, int64_t id)
{
  control->dropped =
      memory_resize(control->dropped, (control->dropped_count + 1) * sizeof *control->dropped);
  control->dropped[control->dropped_count++] = id;
}

/* An error frame without an id is about the connection as a whole, and so about us. */
static bool is_answer(const struct json_document *frame, int64_t id)
{
  int64_t frame_id = control_frame_id(frame);
  return frame_id == id || (frame_id == 0 && json_get(json_root(frame), "error"));
}

enum error_code control_call(struct control *control, const char *op, const char *params,
                             int timeout_ms, struct json_document **answer, struct error *error)
{
  int64_t id;
  *answer = NULL;
  enum error_code code = control_send(control, op, params, &id, error);
  int64_t until_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
  while (code == ERROR_OK) {
    struct json_document *frame;
    code = next_frame(control, left_ms(timeout_ms, until_us), &frame, error);
    if (code)
      break;
    if (!frame && timeout_ms >= 0 && clock_monotonic_us() >= until_us) {
      drop_later(control, id);
      return error_set(error, ERROR_TIMEOUT, "no answer within %d ms", timeout_ms);
    }
    if (!frame)
      continue;
    if (!is_answer(frame, id)) {
      keep(control, frame);
      continue;
    }
    const char *text;
    if (control_frame_error(frame, &code, &text)) {
      error_set(error, code, "%s", text);
      json_free(frame);
      return code;
    }
    *answer = frame;
    return ERROR_OK;
  }
  return code;
}

enum error_code control_request(struct control *control, const char *op, const char *params,
                                struct json_document **answer, struct error *error)
{
  return control_call(control, op, params, -1, answer, error);
}

/* ---- frames ---- */

const struct json *control_result(const struct json_document *answer)
{
  return json_get(json_root(answer), "result");
}

int64_t control_frame_id(const struct json_document *frame)
{
  return json_integer(json_get(json_root(frame), "id"), 0);
}

bool control_frame_error(const struct json_document *frame, enum error_code *code,
                         const char **text)
{
  const struct json *error = json_get(json_root(frame), "error");
  if (!error)
    return false;
  *code = error_from_name(json_text(json_get(error, "code"), ""));
  *text = json_text(json_get(error, "message"), "the moonbeat did not say what is wrong");
  return true;
}
