/* What the files of the server share: server.c owns the lifetimes, server_connection.c moves bytes,
 * server_request.c knows the operations. Loop's thread. */
#ifndef CTL_SERVER_INTERNAL_H
#define CTL_SERVER_INTERNAL_H

#include "base/json.h"
#include "ctl/frame.h"
#include "ctl/server.h"

struct subscription {
  bool on;
  bool wants_all;
  char **events;
  size_t event_count;
  char *job, *run; /* NULL: any */
  int64_t lost;    /* events, since the client reads too slowly; it is told when it has caught up */
};

struct connection {
  struct server *server;
  struct connection *next, *previous;
  uv_pipe_t pipe;
  uint64_t session; /* never used again; 0 is none */
  uint64_t console; /* likewise, of its console: another when that had to begin anew */
  int worker;       /* address of the one that runs this connection's console; 0: none yet */
  int requests;     /* in flight */
  size_t asked;     /* bytes of them */
  bool has_asked;   /* a whole frame has come */
  struct frame_splitter in;
  bool is_reading;
  bool is_pumping; /* frames of `in` are being handled, further up the stack */
  bool has_ended_input;
  bool is_ending;    /* closes when all output is sent; input is ignored */
  bool is_closed;    /* uv_close was called */
  struct buffer out; /* waits for the loop's next turn */
  struct buffer writing;
  size_t writing_sent;
  uv_write_t write;
  bool is_writing;
  bool is_dirty; /* stands in the server's list of those with output */
  struct connection *next_dirty;
  int64_t active_us; /* monotonic time of the last whole frame */
  struct subscription subscription;
};

/* A request that somebody else will answer. The tag holds the place in the table and a generation,
 * so that a late answer to a place used again is recognised. */
struct pending {
  struct connection *connection; /* NULL: gone, or the server itself asked */
  char *id;                      /* JSON, as the client wrote it */
  size_t size;                   /* of its parameters */
  bool is_console;               /* its worker is to answer */
  uint32_t generation;
  uint32_t next_free;
  bool is_used;
};

struct server {
  struct server_options options;
  uv_pipe_t listener;
  bool is_listening;
  char *path;
  uint64_t path_inode, path_device;
  uv_prepare_t flush;
  uv_timer_t look; /* runs while there are connections that are not read from */
  struct connection *connections, *dirty;
  size_t connection_count;
  uint64_t last_session;
  int *workers; /* addresses of those that consoles are spread over */
  int next_worker;
  struct pending *pending;
  uint32_t pending_count, first_free;
  size_t subscribers;
  int open_handles; /* the server is freed when the last one is closed */
  bool is_closing;
};

/* ---- server_connection.c ---- */

/* Begins to serve a connected pipe; the connection belongs to the server's list. */
void connection_start(struct connection *connection);

/* Queue bytes and a line end; the loop's next turn sends them. A client that does not take what it
 * asked for is cut off: much later for answers, of which each was asked for, than for pushes. */
void connection_send(struct connection *connection, const char *frame, size_t size);
void connection_push(struct connection *connection, const char *frame, size_t size);

/* Whether so much waits to be read that nothing more is to be pushed; or about half of that. */
bool connection_is_full(const struct connection *connection);
bool connection_is_filling(const struct connection *connection);

/* Sends {"id":ID,"error":{...}}. */
void connection_send_error(struct connection *connection, const char *id, enum error_code code,
                           const char *text);

void connection_end(struct connection *connection);   /* when its output is sent */
void connection_close(struct connection *connection); /* now */
void connection_flush(struct connection *connection); /* what the client takes at once */
/* Whether the client is gone: it neither sends nor reads any more. */
bool connection_has_hung_up(const struct connection *connection);
/* Reads on if it may: called when a request was answered. */
void connection_pump(struct connection *connection);

/* ---- server_request.c ---- */

void request_handle(struct connection *connection, const char *frame, size_t size);
void request_reply(struct server *server, const struct message *message);
/* A worker is stuck: its consoles begin anew, as new sessions, on another. */
void request_move_consoles(struct server *server, const struct message *message);
/* Nobody waits for its answers any more; ends the console session and the subscription. */
void request_forget(struct connection *connection);
/* Asks the scheduler whether events shall come, without waiting for the answer. */
void request_watch_off(struct server *server);

/* ---- server_events.c ---- */

/* Reads {events?,job?,run?} into the connection's subscription, in place of the former. */
enum error_code subscription_set(struct connection *connection, const struct json *params,
                                 struct error *error);
void subscription_clear(struct connection *connection);
/* The client reads again: it is told what it has lost. */
void events_tell_lost(struct connection *connection);
void events_publish(struct server *server, const struct message *message);
void events_print(struct server *server, const struct message *message);
void events_print_to(struct connection *connection, const char *text);

/* ---- server.c ---- */

void server_forget_connection(struct connection *connection);
void server_mark_dirty(struct connection *connection);
/* A connection is not read from: from now on its end is looked for. */
void server_watch_unread(struct server *server);
void server_handle_closed(struct server *server);

#endif
