/* The control server: a unix stream socket on which clients (the CLI, the REPL, other programs)
 * speak newline-delimited JSON.
 *
 *   -> {"id":7,"op":"list","params":{"limit":10}}
 *   <- {"id":7,"result":{...}}   or   {"id":7,"error":{"code":"not_found","message":"..."}}
 *   <- {"event":{...}} and {"print":"text"} at any time, once asked for
 *
 * Requests in flight are answered in the order in which they are done. Most operations are passed
 * on to the scheduler as MESSAGE_REQUEST; the server's own are
 *
 *   ping {}                          -> {}
 *   subscribe {events?,job?,run?}    -> {}   from now on events are pushed; replaces the former
 *   unsubscribe {}                   -> {}
 *   evaluate {text}                  -> {"results":text,"incomplete":bool}
 *   complete {text}                  -> [name...]
 *   interrupt {}                     -> {}   stops what `evaluate` runs
 *   stop {grace?}                    -> {}
 *
 * The connection is the console session: what is evaluated on it shares globals and prints to it.
 * A connection costs a bounded amount of memory: frames up to SERVER_FRAME_MAX; requests in flight
 * up to SERVER_REQUESTS_MAX, or a megabyte, beyond which it is read no further until some are
 * answered; output that it does not read up to SERVER_PUSHES_MAX for a push to be added,
 * SERVER_ANSWERS_MAX for an answer, or else it is cut off; of all connections together
 * SERVER_OUTPUT_MAX, or else the one is cut off that has most. Who has hung up is forgotten within
 * a second or so, whatever it still waits for; who has only ended its input gets its answers.
 * Clients are answered in fair order (sched/desk.c), so that one who asks for much does not keep
 * others waiting. All on the thread of the loop. */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include <uv.h>

#include "base/error.h"
#include "bus/bus.h"

enum {
  SERVER_FRAME_MAX = 1 << 20,
  SERVER_PUSHES_MAX = 8 << 20,
  SERVER_ANSWERS_MAX = 64 << 20,
  SERVER_OUTPUT_MAX = 256 << 20,
  SERVER_REQUESTS_MAX = 256,
  SERVER_CONNECTIONS_MAX = 256,
};

struct server;

struct server_options {
  uv_loop_t *loop;
  struct bus *bus; /* the caller opened ADDRESS_FRONT and hands what is ours to server_receive */
  int workers;     /* console sessions are spread over ADDRESS_WORKER .. + workers - 1 */
  /* A client asks the daemon to stop. grace_us is -1 when it gave none. */
  void (*on_stop)(void *context, int64_t grace_us);
  void *context;
};

/* Never fails; listens nowhere yet. `options` is copied. */
struct server *server_create(const struct server_options *options);

/* Listens on a socket of mode 0600 at `path`, in a folder that nobody else can enter. A socket file
 * left behind by a dead daemon is replaced: the caller holds the lock of the state folder. */
enum error_code server_listen(struct server *server, const char *path, struct error *error);

/* Serves a connected stream socket, which is taken over (a REPL in this process). */
enum error_code server_adopt(struct server *server, int fd, struct error *error);

/* Takes a REPLY, EVENT, PRINT or MOVED addressed to the front, and destroys it. False when the
 * message is none of the server's (another kind, or a REPLY whose tag the server did not give); it
 * is then still the caller's. The server's tags have SERVER_TAG_BIT set. */
#define SERVER_TAG_BIT (UINT64_C(1) << 63)
bool server_receive(struct server *server, struct message *message);

/* Accepts nobody any more and removes the socket file; connections stay. For the beginning of an
 * orderly stop. */
void server_stop_listening(struct server *server);

/* Sends what is queued as far as the clients take it at once, ends all connections and frees the
 * server while the loop runs on; the loop must run until its handles are closed. */
void server_close(struct server *server);

size_t server_connection_count(const struct server *server);

#endif
