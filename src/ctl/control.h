/* The client's side of the control protocol (server.h): one connection, blocking, for the command
 * line and the REPL. One thread. */
#ifndef CTL_CONTROL_H
#define CTL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct control;

/* Connects to the daemon on a state folder. ERROR_UNAVAILABLE when there is none, with the sentence
 * that says how to start one, or that one runs which nobody can reach; ERROR_PERMISSION when
 * another user than this one or root runs it. */
enum error_code control_open(const char *state_folder, struct control **control,
                             struct error *error);

/* On a connected socket, which is taken over. */
struct control *control_adopt(int fd);

void control_close(struct control *control); /* NULL is fine */

int control_fd(const struct control *control); /* for poll() */

/* Sends a request without waiting; *id is what the answer will bear. `params` is a JSON object or
 * NULL. */
enum error_code control_send(struct control *control, const char *op, const char *params,
                             int64_t *id, struct error *error);

/* The next frame (an answer or a push), waiting up to `timeout_ms` (-1: without end, 0: only what
 * is there); *frame is NULL when the time is over or a signal came. ERROR_UNAVAILABLE when the
 * daemon has gone. */
enum error_code control_receive(struct control *control, int timeout_ms,
                                struct json_document **frame, struct error *error);

/* Whether control_receive would return a frame without reading from the socket: such frames are not
 * seen by poll(). */
bool control_has_frame(const struct control *control);

/* Sends and waits for the answer up to `timeout_ms` (ERROR_TIMEOUT; its late answer is then dropped
 * for ever). Pushes that come meanwhile are kept for control_receive. *answer is the frame, of
 * which control_result() is the content. The error of an error frame is given as `error`. */
enum error_code control_call(struct control *control, const char *op, const char *params,
                             int timeout_ms, struct json_document **answer, struct error *error);

/* The same without end of waiting. */
enum error_code control_request(struct control *control, const char *op, const char *params,
                                struct json_document **answer, struct error *error);

const struct json *control_result(const struct json_document *answer);

/* Of a frame: its id (0 for a push), its error (false when it is none; `text` is the frame's). */
int64_t control_frame_id(const struct json_document *frame);
bool control_frame_error(const struct json_document *frame, enum error_code *code,
                         const char **text);

#endif
