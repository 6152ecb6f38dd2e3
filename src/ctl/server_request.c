/* The operations. A few are the server's own; every other becomes a message to the scheduler or to
 * the worker that runs the client's console, and the answer finds its way back by a tag: the place
 * in a table of pending requests and a generation, since an answer may come when its client is gone
 * and the place has been given to another. */
#include "ctl/server_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "time/duration.h"

enum { ID_SIZE_MAX = 256 };

/* ---- pending requests ---- */

#define NO_FREE UINT32_MAX

static uint64_t add_pending(struct server *server, struct connection *connection, const char *id,
                            size_t size)
{
  if (server->first_free == NO_FREE) {
    uint32_t old = server->pending_count, grown = old ? old * 2 : 64;
    server->pending = memory_resize(server->pending, grown * sizeof *server->pending);
    for (uint32_t i = old; i < grown; i++)
      server->pending[i] = (struct pending){.next_free = i + 1 < grown ? i + 1 : NO_FREE};
    server->pending_count = grown;
    server->first_free = old;
  }
  uint32_t place = server->first_free;
  struct pending *pending = &server->pending[place];
  server->first_free = pending->next_free;
  pending->connection = connection;
  pending->id = memory_strdup(id);
  pending->size = size;
  pending->is_used = true;
  if (connection) {
    connection->requests++;
    connection->asked += size;
  }
  return SERVER_TAG_BIT | (uint64_t)(pending->generation & 0x7fffffff) << 32 | place;
}

static struct pending *find_pending(struct server *server, uint64_t tag)
{
  uint32_t place = (uint32_t)tag, generation = (uint32_t)(tag >> 32) & 0x7fffffff;
  if (place >= server->pending_count)
    return NULL;
  struct pending *pending = &server->pending[place];
  return pending->is_used && (pending->generation & 0x7fffffff) == generation ? pending : NULL;
}

static void release_pending(struct server *server, struct pending *pending)
{
  if (pending->connection) {
    pending->connection->requests--;
    pending->connection->asked -= pending->size;
  }
  free(pending->id);
  uint32_t place = (uint32_t)(pending - server->pending);
  *pending =
      (struct pending){.generation = pending->generation + 1, .next_free = server->first_free};
  server->first_free = place;
}

static void tell_left(const struct connection *connection)
{
  struct message *message = message_create(MESSAGE_LEFT, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  message->tag = connection->session;
  bus_post(connection->server->options.bus, message);
}

static void end_session(struct connection *connection)
{
  struct message *message = message_create(MESSAGE_END_SESSION, ADDRESS_FRONT, connection->worker);
  message->tag = message->as.console.session = connection->console;
  bus_post(connection->server->options.bus, message);
}

void request_forget(struct connection *connection)
{
  struct server *server = connection->server;
  if (connection->requests > 0)
    tell_left(connection);
  for (uint32_t i = 0; connection->requests > 0 && i < server->pending_count; i++)
    if (server->pending[i].connection == connection) {
      server->pending[i].connection = NULL;
      connection->requests--;
    }
  bool was_on = connection->subscription.on;
  subscription_clear(connection);
  if (was_on && server->subscribers == 0)
    request_watch_off(server);
  if (connection->worker)
    end_session(connection);
}

/* ---- answers ---- */

static void send_result(struct connection *connection, const char *id, const char *json)
{
  struct buffer frame = {0};
  buffer_printf(&frame, "{\"id\":%s,\"result\":", id);
  size_t from = frame.size;
  buffer_append_text(&frame, json && *json ? json : "null");
  buffer_append_byte(&frame, '}');
  /* JSON that a person wrote may hold line ends between its tokens; a frame must not. */
  for (char *end = frame.data + from; (end = strpbrk(end, "\r\n"));)
    *end = ' ';
  connection_send(connection, frame.data, frame.size);
  buffer_deinit(&frame);
}

void request_reply(struct server *server, const struct message *message)
{
  struct pending *pending = find_pending(server, message->tag);
  if (!pending)
    return;
  struct connection *connection = pending->connection;
  if (connection) {
    if (message->as.reply.code)
      connection_send_error(connection, pending->id, message->as.reply.code,
                            message->as.reply.text ? message->as.reply.text : "");
    else
      send_result(connection, pending->id, message->as.reply.text);
  }
  release_pending(server, pending);
  if (connection)
    connection_pump(connection);
}

/* ---- consoles whose worker is stuck ---- */

/* What the old session listens to, it does not hear any more. */
static void stop_listening(const struct connection *connection)
{
  struct message *message = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  message->as.request.op = memory_strdup("unlisten");
  message->as.request.generation = connection->console | GENERATION_OF_CONSOLE;
  bus_post(connection->server->options.bus, message);
}

/* Whether there were any. A late answer finds its place used by others, or by nobody. */
static bool fail_evaluations(struct connection *connection, const char *text)
{
  struct server *server = connection->server;
  bool any = false;
  for (uint32_t i = 0; i < server->pending_count; i++) {
    struct pending *pending = &server->pending[i];
    if (!pending->is_used || pending->connection != connection || !pending->is_console)
      continue;
    any = true;
    connection_send_error(connection, pending->id, ERROR_UNAVAILABLE, text);
    release_pending(server, pending);
  }
  return any;
}

static void move_console(struct connection *connection, int worker, const char *text)
{
  stop_listening(connection);
  end_session(connection);
  connection->worker = worker;
  connection->console = ++connection->server->last_session;
  if (!fail_evaluations(connection, text))
    events_print_to(connection, text);
  if (!connection->is_closed)
    connection_pump(connection);
}

void request_move_consoles(struct server *server, const struct message *message)
{
  struct connection *connection, *next;
  for (int i = 0; i < server->options.workers; i++)
    if (server->workers[i] == message->as.moved.worker)
      server->workers[i] = message->as.moved.replacement;
  for (connection = server->connections; connection; connection = next) {
    next = connection->next; /* what is sent may close it */
    if (connection->worker == message->as.moved.worker)
      move_console(connection, message->as.moved.replacement, message->as.moved.text);
  }
}

/* ---- passing on ---- */

/* Takes `params` over. `client` 0: at once. */
static void ask_scheduler(struct server *server, const char *op, char *params, uint64_t client,
                          uint64_t tag)
{
  struct message *message = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  message->tag = tag;
  message->as.request.op = memory_strdup(op);
  message->as.request.params = params;
  message->as.request.client = client;
  bus_post(server->options.bus, message);
}

void request_watch_off(struct server *server)
{
  ask_scheduler(server, "watch_events", memory_strdup("{\"on\":false}"), 0,
                add_pending(server, NULL, "null", 0));
}

static char *copy_params(const struct json *params)
{
  if (!params || params->type == JSON_NULL)
    return NULL;
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  json_write_tree(&writer, params);
  return buffer_take(&text);
}

/* ---- the server's own operations ---- */

typedef enum error_code (*operation)(struct connection *connection, const char *id,
                                     const struct json *params, struct error *error);

static enum error_code do_ping(struct connection *connection, const char *id,
                               const struct json *params, struct error *error)
{
  (void)params;
  (void)error;
  char text[96];
  snprintf(text, sizeof text, "{\"pid\":%d,\"version\":\"%s\"}", process_id(), MOONBEAT_VERSION);
  send_result(connection, id, text);
  return ERROR_OK;
}

/* The answer is that of the scheduler, after which no event is missed. */
static enum error_code do_subscribe(struct connection *connection, const char *id,
                                    const struct json *params, struct error *error)
{
  struct server *server = connection->server;
  enum error_code code = subscription_set(connection, params, error);
  if (code == ERROR_OK)
    ask_scheduler(server, "watch_events", memory_strdup("{\"on\":true}"), 0,
                  add_pending(server, connection, id, 0));
  return code;
}

static enum error_code do_unsubscribe(struct connection *connection, const char *id,
                                      const struct json *params, struct error *error)
{
  (void)params;
  (void)error;
  bool was_on = connection->subscription.on;
  subscription_clear(connection);
  if (was_on && connection->server->subscribers == 0)
    request_watch_off(connection->server);
  send_result(connection, id, "{}");
  return ERROR_OK;
}

/* To the worker that the session lives on, chosen in turn at its first use. */
static void ask_console(struct connection *connection, enum message_kind kind, const char *text,
                        uint64_t tag)
{
  struct server *server = connection->server;
  if (!connection->worker)
    connection->worker = server->workers[server->next_worker++ % server->options.workers];
  struct message *message = message_create(kind, ADDRESS_FRONT, connection->worker);
  message->tag = tag;
  message->as.console.session = connection->console;
  message->as.console.text = memory_strdup(text);
  bus_post(server->options.bus, message);
}

static enum error_code ask_console_text(struct connection *connection, enum message_kind kind,
                                        const char *id, const struct json *params,
                                        struct error *error)
{
  const struct json *text = json_get(params, "text");
  if (!text || text->type != JSON_STRING)
    return error_set(error, ERROR_INVALID, "\"text\" must be a string");
  if (strlen(text->as.string.data) != text->as.string.size)
    return error_set(error, ERROR_INVALID, "\"text\" must not hold a NUL character");
  uint64_t tag = add_pending(connection->server, connection, id, text->as.string.size);
  find_pending(connection->server, tag)->is_console = true;
  ask_console(connection, kind, text->as.string.data, tag);
  return ERROR_OK;
}

static enum error_code do_evaluate(struct connection *connection, const char *id,
                                   const struct json *params, struct error *error)
{
  return ask_console_text(connection, MESSAGE_EVALUATE, id, params, error);
}

static enum error_code do_complete(struct connection *connection, const char *id,
                                   const struct json *params, struct error *error)
{
  return ask_console_text(connection, MESSAGE_COMPLETE, id, params, error);
}

static enum error_code do_interrupt(struct connection *connection, const char *id,
                                    const struct json *params, struct error *error)
{
  (void)params;
  (void)error;
  if (connection->worker)
    ask_console(connection, MESSAGE_INTERRUPT, NULL, connection->console);
  send_result(connection, id, "{}");
  return ERROR_OK;
}

static enum error_code do_stop(struct connection *connection, const char *id,
                               const struct json *params, struct error *error)
{
  const struct server_options *options = &connection->server->options;
  const struct json *grace = json_get(params, "grace");
  int64_t grace_us = -1;
  if (grace && grace->type != JSON_NULL) {
    enum error_code code = duration_from_json(grace, &grace_us, error);
    if (code) {
      error_prefix(error, "grace");
      return code;
    }
  }
  send_result(connection, id, "{}");
  connection_flush(connection);
  options->on_stop(options->context, grace_us);
  return ERROR_OK;
}

/* The server's way of switching off all events, not its clients'. */
static enum error_code refuse_watch_events(struct connection *connection, const char *id,
                                           const struct json *params, struct error *error)
{
  (void)connection;
  (void)id;
  (void)params;
  return error_set(error, ERROR_USAGE, "watch_events is the server's: ask for subscribe");
}

static operation find_operation(const char *op)
{
  static const struct {
    const char *name;
    operation function;
  } operations[] = {
      {"ping", do_ping},
      {"subscribe", do_subscribe},
      {"unsubscribe", do_unsubscribe},
      {"evaluate", do_evaluate},
      {"complete", do_complete},
      {"interrupt", do_interrupt},
      {"stop", do_stop},
      {"watch_events", refuse_watch_events},
  };
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    if (strcmp(operations[i].name, op) == 0)
      return operations[i].function;
  return NULL;
}

/* ---- a frame ---- */

static enum error_code check_members(const struct json *root, struct error *error)
{
  static const char *const known[] = {"id", "op", "params", NULL};
  if (root->type != JSON_OBJECT)
    return error_set(error, ERROR_INVALID, "a frame must be an object with \"id\" and \"op\"");
  json_each(member, root) {
    const char *const *name = known;
    while (*name && strcmp(*name, member->key) != 0)
      name++;
    char hint[128];
    if (!*name)
      return error_set(error, ERROR_INVALID, "unknown member \"%s\" of a frame%s", member->key,
                       text_did_you_mean(hint, member->key, known));
  }
  const struct json *op = json_get(root, "op"), *params = json_get(root, "params");
  if (!op || op->type != JSON_STRING || strlen(op->as.string.data) != op->as.string.size)
    return error_set(error, ERROR_INVALID, "\"op\" must be the name of an operation");
  if (params && params->type != JSON_OBJECT && params->type != JSON_NULL)
    return error_set(error, ERROR_INVALID, "\"params\" must be an object");
  return ERROR_OK;
}

/* As JSON; "null" when there is none. */
static enum error_code read_id(const struct json *root, struct buffer *id, struct error *error)
{
  const struct json *value = json_get(root, "id");
  struct json_writer writer = {.out = id};
  bool is_fine = !value || value->type == JSON_NULL || value->type == JSON_INTEGER ||
                 (value->type == JSON_STRING && value->as.string.size <= ID_SIZE_MAX);
  if (value && is_fine)
    json_write_tree(&writer, value);
  else
    json_write_null(&writer);
  if (!is_fine)
    return error_set(error, ERROR_INVALID, "\"id\" must be an integer or a short string");
  return ERROR_OK;
}

static enum error_code handle(struct connection *connection, const struct json *root,
                              struct buffer *id, struct error *error)
{
  enum error_code code = read_id(root, id, error);
  if (code || (code = check_members(root, error)))
    return code;
  const char *op = json_text(json_get(root, "op"), "");
  const struct json *params = json_get(root, "params");
  operation own = find_operation(op);
  if (own)
    return own(connection, id->data, params, error);
  char *asked = copy_params(params);
  ask_scheduler(connection->server, op, asked, connection->session,
                add_pending(connection->server, connection, id->data, asked ? strlen(asked) : 0));
  return ERROR_OK;
}

void request_handle(struct connection *connection, const char *frame, size_t size)
{
  struct error error;
  struct buffer id = {0};
  struct json_document *document = NULL;
  enum error_code code = json_parse(frame, size, &document, &error);
  if (code)
    error_prefix(&error, "not a frame");
  else
    code = handle(connection, json_root(document), &id, &error);
  if (code)
    connection_send_error(connection, id.data ? id.data : "null", code, error.text);
  buffer_deinit(&id);
  json_free(document);
}
