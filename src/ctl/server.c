/* The lifetimes of the control server: the listening socket, who may connect, how many. When all
 * places are taken, a newcomer takes that of one who has never asked anything, or else that of the
 * client that was silent longest, if that one waits for nothing; so clients that forgot to leave,
 * or never say a word, cannot lock a person out, and no time-out has to cut off those who only
 * listen. */
#include "ctl/server_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "ctl/unix_socket.h"

enum { BACKLOG = 1024, EVICTABLE_AFTER_US = 10 * 1000 * 1000, LOOK_MS = 1000 };

static void on_flush(uv_prepare_t *prepare)
{
  struct server *server = prepare->data;
  while (server->dirty) {
    struct connection *connection = server->dirty;
    server->dirty = connection->next_dirty;
    connection->is_dirty = false;
    if (!connection->is_closed)
      connection_flush(connection);
  }
  if (!server->is_closing)
    uv_prepare_stop(&server->flush);
}

void server_mark_dirty(struct connection *connection)
{
  struct server *server = connection->server;
  if (connection->is_dirty || server->is_closing)
    return;
  connection->is_dirty = true;
  connection->next_dirty = server->dirty;
  server->dirty = connection;
  uv_prepare_start(&server->flush, on_flush);
}

/* The loop tells nothing of who is not read from, not even that it has gone. */
static void on_look(uv_timer_t *timer)
{
  struct server *server = timer->data;
  struct connection *connection, *next;
  bool is_any_left = false;
  for (connection = server->connections; connection; connection = next) {
    next = connection->next;
    if (connection->is_reading)
      continue;
    if (connection_has_hung_up(connection))
      connection_close(connection);
    else
      is_any_left = true;
  }
  if (!is_any_left)
    uv_timer_stop(timer);
}

void server_watch_unread(struct server *server)
{
  if (!server->is_closing && !uv_is_active((uv_handle_t *)&server->look))
    uv_timer_start(&server->look, on_look, LOOK_MS, LOOK_MS);
}

struct server *server_create(const struct server_options *options)
{
  struct server *server = memory_alloc(sizeof *server);
  server->options = *options;
  server->first_free = UINT32_MAX;
  server->workers = memory_alloc((size_t)options->workers * sizeof *server->workers);
  for (int i = 0; i < options->workers; i++)
    server->workers[i] = ADDRESS_WORKER + i;
  uv_prepare_init(options->loop, &server->flush);
  uv_timer_init(options->loop, &server->look);
  server->flush.data = server->look.data = server;
  server->open_handles = 2;
  return server;
}

void server_handle_closed(struct server *server)
{
  if (--server->open_handles > 0)
    return;
  for (uint32_t i = 0; i < server->pending_count; i++)
    free(server->pending[i].id);
  free(server->pending);
  free(server->workers);
  free(server->path);
  free(server);
}

/* ---- connections come and go ---- */

static struct connection *add_connection(struct server *server)
{
  struct connection *connection = memory_alloc(sizeof *connection);
  connection->server = server;
  connection->session = connection->console = ++server->last_session;
  connection->in.limit = SERVER_FRAME_MAX;
  connection->active_us = clock_monotonic_us();
  uv_pipe_init(server->options.loop, &connection->pipe, 0);
  connection->pipe.data = connection;
  connection->next = server->connections;
  if (connection->next)
    connection->next->previous = connection;
  server->connections = connection;
  server->connection_count++;
  server->open_handles++;
  return connection;
}

void server_forget_connection(struct connection *connection)
{
  struct server *server = connection->server;
  if (connection->previous)
    connection->previous->next = connection->next;
  else
    server->connections = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  server->connection_count--;
  struct connection **at = &server->dirty;
  while (connection->is_dirty && *at != connection)
    at = &(*at)->next_dirty;
  if (connection->is_dirty)
    *at = connection->next_dirty;
  connection->is_dirty = false;
}

/* What it has sent may not have been read yet; nor that it has left, which is no word. */
static bool has_words_waiting(struct connection *connection)
{
  uv_os_fd_t fd;
  char word;
  if (uv_fileno((uv_handle_t *)&connection->pipe, &fd) != 0)
    return false;
  return recv(fd, &word, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Of two who wait for nothing: who never asked, and then who was silent longer. */
static bool goes_before(const struct connection *a, const struct connection *b)
{
  if (a->has_asked != b->has_asked)
    return b->has_asked;
  return a->active_us < b->active_us;
}

/* Who has to go when there is no room: NULL when everybody is in use. The list has the newest
 * first, so among those who never asked the last one has had the longest time to do so. */
static struct connection *find_evictable(const struct connection *newcomer)
{
  struct connection *first = NULL;
  for (struct connection *c = newcomer->server->connections; c; c = c->next)
    if (c != newcomer && c->requests == 0 && !c->worker && !c->subscription.on &&
        (!first || goes_before(c, first)) && (c->has_asked || !has_words_waiting(c)))
      first = c;
  if (first && first->has_asked && clock_monotonic_us() - first->active_us < EVICTABLE_AFTER_US)
    return NULL;
  return first;
}

static void refuse(struct connection *connection, enum error_code code, const char *text)
{
  connection_send_error(connection, "null", code, text);
  connection_flush(connection);
  if (!connection->is_closed)
    connection_close(connection);
}

static bool admit(struct connection *connection)
{
  struct server *server = connection->server;
  uv_os_fd_t fd;
  uid_t uid;
  char text[160];
  if (uv_fileno((uv_handle_t *)&connection->pipe, &fd) != 0 || !unix_socket_peer(fd, &uid)) {
    refuse(connection, ERROR_PERMISSION, "cannot tell which user connects");
    return false;
  }
  if (!process_trusts(uid)) {
    snprintf(text, sizeof text, "this moonbeat belongs to user %u, and you are user %u",
             (unsigned)geteuid(), (unsigned)uid);
    refuse(connection, ERROR_PERMISSION, text);
    return false;
  }
  if (descriptors_are_scarce()) {
    refuse(
        connection, ERROR_LIMIT,
        "too many files are open in this moonbeat: raise its limit (ulimit -n, LimitNOFILE= of a "
        "service)");
    return false;
  }
  if (server->connection_count > SERVER_CONNECTIONS_MAX) {
    struct connection *idlest = find_evictable(connection);
    if (!idlest) {
      snprintf(text, sizeof text, "all %d connections are in use", SERVER_CONNECTIONS_MAX);
      refuse(connection, ERROR_BUSY, text);
      return false;
    }
    refuse(idlest, ERROR_BUSY, "closed to make room: it has asked nothing for the longest time");
  }
  return true;
}

static void on_connection(uv_stream_t *listener, int status)
{
  struct server *server = listener->data;
  if (status < 0) {
    log_warn("control socket: %s", uv_strerror(status));
    return;
  }
  struct connection *connection = add_connection(server);
  if (uv_accept(listener, (uv_stream_t *)&connection->pipe) != 0)
    connection_close(connection);
  else if (admit(connection))
    connection_start(connection);
}

enum error_code server_adopt(struct server *server, int fd, struct error *error)
{
  struct connection *connection = add_connection(server);
  int status = uv_pipe_open(&connection->pipe, fd);
  if (status != 0) {
    close(fd);
    connection_close(connection);
    return error_set_errno(error, ERROR_IO, -status, "cannot serve the connection");
  }
  connection_start(connection);
  return ERROR_OK;
}

/* ---- listening ---- */

static enum error_code remove_stale(const char *path, struct error *error)
{
  struct stat found;
  if (lstat(path, &found) != 0)
    return errno == ENOENT ? ERROR_OK
                           : error_set_errno(error, ERROR_IO, errno, "cannot look at %s", path);
  if (!S_ISSOCK(found.st_mode))
    return error_set(error, ERROR_EXISTS, "%s is in the way of the control socket: move it away",
                     path);
  if (unlink(path) != 0)
    return error_set_errno(error, ERROR_IO, errno, "cannot remove the old socket %s", path);
  return ERROR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
  server_handle_closed(handle->data);
}

enum error_code server_listen(struct server *server, const char *path, struct error *error)
{
  enum error_code code = remove_stale(path, error);
  if (code)
    return code;
  int fd = unix_socket_bind(path);
  if (fd < 0)
    return error_set_errno(error, ERROR_IO, errno, "cannot make the control socket %s", path);
  struct stat made;
  if (lstat(path, &made) == 0) {
    server->path_inode = made.st_ino;
    server->path_device = made.st_dev;
  }
  uv_pipe_init(server->options.loop, &server->listener, 0);
  server->listener.data = server;
  server->open_handles++;
  int status = uv_pipe_open(&server->listener, fd);
  if (status != 0)
    close(fd);
  else
    status = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
  if (status != 0) {
    uv_close((uv_handle_t *)&server->listener, on_handle_closed);
    unlink(path);
    return error_set_errno(error, ERROR_IO, -status, "cannot listen on %s", path);
  }
  server->is_listening = true;
  server->path = memory_strdup(path);
  return ERROR_OK;
}

void server_stop_listening(struct server *server)
{
  if (!server->is_listening)
    return;
  server->is_listening = false;
  struct stat found;
  /* Another daemon may have put its own there if somebody took our lock away by force. */
  if (lstat(server->path, &found) == 0 && found.st_ino == server->path_inode &&
      found.st_dev == server->path_device)
    unlink(server->path);
  uv_close((uv_handle_t *)&server->listener, on_handle_closed);
}

/* ---- the end ---- */

void server_close(struct server *server)
{
  server_stop_listening(server);
  server->is_closing = true;
  while (server->connections) {
    struct connection *connection = server->connections;
    connection_flush(connection);
    if (!connection->is_closed)
      connection_close(connection);
  }
  uv_close((uv_handle_t *)&server->look, on_handle_closed);
  uv_close((uv_handle_t *)&server->flush, on_handle_closed);
}

size_t server_connection_count(const struct server *server)
{
  return server->connection_count;
}

bool server_receive(struct server *server, struct message *message)
{
  switch (message->kind) {
  case MESSAGE_REPLY:
    if (!(message->tag & SERVER_TAG_BIT))
      return false;
    request_reply(server, message);
    break;
  case MESSAGE_EVENT:
    events_publish(server, message);
    break;
  case MESSAGE_MOVED:
    request_move_consoles(server, message);
    break;
  case MESSAGE_PRINT:
    events_print(server, message);
    break;
  default:
    return false;
  }
  message_destroy(message);
  return true;
}
