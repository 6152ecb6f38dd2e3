/* The client's side of the control protocol (server.h): one connection, blocking, for the command
 * line and the REPL. One thread. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct client;

/* Connects to the daemon on a state folder. ERROR_UNAVAILABLE when there is none, with the sentence
 * that says how to start one. */
enum error_code client_open(const char *state_folder, struct client **client, struct error *error);

/* On a connected socket, which is taken over. */
struct client *client_adopt(int fd);

void client_close(struct client *client); /* NULL is fine */

int client_fd(const struct client *client); /* for poll() */

/* Sends a request without waiting; *id is what the answer will bear. `params` is a JSON object or
 * NULL. */
enum error_code client_send(struct client *client, const char *op, const char *params, int64_t *id,
                            struct error *error);

/* The next frame (an answer or a push), waiting up to `timeout_ms` (-1: without end, 0: only what
 * is there); *frame is NULL when the time is over or a signal came. ERROR_UNAVAILABLE when the
 * daemon has gone. */
enum error_code client_receive(struct client *client, int timeout_ms, struct json_document **frame,
                               struct error *error);

/* Whether client_receive would return a frame without reading from the socket: such frames are not
 * seen by poll(). */
bool client_has_frame(const struct client *client);

/* Sends and waits for the answer up to `timeout_ms` (ERROR_TIMEOUT; its late answer is then dropped
 * for ever). Pushes that come meanwhile are kept for client_receive. *answer is the frame, of which
 * client_result() is the content. The error of an error frame is given as `error`. */
enum error_code client_call(struct client *client, const char *op, const char *params,
                            int timeout_ms, struct json_document **answer, struct error *error);

/* The same without end of waiting. */
enum error_code client_request(struct client *client, const char *op, const char *params,
                               struct json_document **answer, struct error *error);

const struct json *client_result(const struct json_document *answer);

/* Of a frame: its id (0 for a push), its error (false when it is none; `text` is the frame's). */
int64_t client_frame_id(const struct json_document *frame);
bool client_frame_error(const struct json_document *frame, enum error_code *code,
                        const char **text);

#endif
