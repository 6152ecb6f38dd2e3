/* raw.email_send for Lua: one message to one mail server by libcurl's SMTP, on the loop's client.
 * lua/moonbeat/email.lua has made the message and checked the addresses. The last refusal that the
 * server gave is kept, as it says more than curl does. On the worker's thread. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "vm/api_args.h"
#include "vm/api_http_client.h"
#include "vm/vm.h"
#include "vm/wait.h"

struct email_wait {
  struct wait wait; /* first */
  struct http_transfer transfer;
  struct curl_slist *recipients;
  struct buffer message;
  size_t sent;
  int reply_code;      /* of the line that was read last */
  bool is_reply_ended; /* by it */
  struct buffer reply; /* its text, from the first line on */
  int refusal_code;
  struct buffer refusal; /* the last reply from 400 on */
  char *server;          /* "smtp://host:25" */
  char problem[CURL_ERROR_SIZE];
};

static struct email_wait *email_of(struct http_transfer *transfer)
{
  return (struct email_wait *)((char *)transfer - offsetof(struct email_wait, transfer));
}

/* ---- the conversation ---- */

static size_t give_message(char *out, size_t one, size_t count, void *context)
{
  struct email_wait *email = context;
  size_t left = email->message.size - email->sent, size = one * count < left ? one * count : left;
  memcpy(out, email->message.data + email->sent, size);
  email->sent += size;
  return size;
}

/* "550-first line", "550 last line" */
static size_t take_reply(char *line, size_t one, size_t size, void *context)
{
  struct email_wait *email = context;
  (void)one;
  int code = size >= 4 && line[0] >= '2' && line[0] <= '5' ? atoi(line) : 0;
  if (code < 200)
    return size;
  size_t end = size;
  while (end > 4 && (line[end - 1] == '\r' || line[end - 1] == '\n'))
    end--;
  if (email->is_reply_ended || code != email->reply_code)
    buffer_clear(&email->reply);
  if (email->reply.size > 0)
    buffer_append_byte(&email->reply, ' ');
  if (email->reply.size < ERROR_TEXT_SIZE)
    text_append_visible(&email->reply, line + 4, end - 4);
  email->reply_code = code;
  email->is_reply_ended = line[3] != '-';
  if (email->is_reply_ended && code >= 400) {
    email->refusal_code = code;
    buffer_clear(&email->refusal);
    buffer_append(&email->refusal, email->reply.data ? email->reply.data : "", email->reply.size);
    buffer_append_byte(&email->refusal, '\0');
  }
  return size;
}

/* ---- waiting ---- */

static void on_done(struct http_transfer *transfer)
{
  wait_done(&email_of(transfer)->wait);
}

static void cancel(struct wait *wait)
{
  struct email_wait *email = (struct email_wait *)wait;
  if (!email->transfer.client)
    return;
  http_client_remove(&email->transfer);
  wait_done(wait);
}

static enum error_code describe(const struct email_wait *email, struct error *error)
{
  CURLcode result = email->transfer.result;
  bool is_login = result == CURLE_LOGIN_DENIED || email->refusal_code / 10 == 53;
  if (email->refusal_code && result != CURLE_OPERATION_TIMEDOUT)
    return error_set(error,
                     is_login                     ? ERROR_PERMISSION
                     : email->refusal_code >= 500 ? ERROR_CONFLICT
                                                  : ERROR_UNAVAILABLE,
                     "%s: the server refuses %s: %d %s", email->server,
                     is_login ? "the login" : "the message", email->refusal_code,
                     email->refusal.data);
  if (result == CURLE_USE_SSL_FAILED)
    return error_set(error, ERROR_UNAVAILABLE, "%s: the server does not offer STARTTLS",
                     email->server);
  if (is_login)
    return error_set(error, ERROR_PERMISSION, "%s: the server offers no login that fits",
                     email->server);
  return http_client_describe(&email->transfer, email->server, email->problem, "smtp and smtps",
                              error);
}

static int finish(lua_State *L, struct wait *wait) /* -> true | nil message code reply */
{
  struct email_wait *email = (struct email_wait *)wait;
  struct error error;
  if (email->transfer.result == CURLE_OK) {
    lua_pushboolean(L, true);
    return 1;
  }
  describe(email, &error);
  args_push_error(L, &error);
  lua_pushinteger(L, email->refusal_code);
  return 4;
}

static void release(struct wait *wait)
{
  struct email_wait *email = (struct email_wait *)wait;
  http_client_remove(&email->transfer);
  curl.easy_cleanup(email->transfer.easy);
  curl.slist_free_all(email->recipients);
  buffer_deinit(&email->message);
  buffer_deinit(&email->reply);
  buffer_deinit(&email->refusal);
  free(email->server);
  free(email);
}

static const struct wait_kind email_kind = {"email", cancel, finish, release, false, true};

/* ---- the request: a table at index 2, checked ---- */

/* The table keeps it. NULL for nil. */
static const char *text_field(lua_State *L, const char *name)
{
  const char *text = lua_getfield(L, 2, name) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1);
  return text;
}

/* Calls `each` with the texts of a list. */
static void for_texts(lua_State *L, const char *name, struct email_wait *email,
                      void (*each)(struct email_wait *email, const char *text, size_t size))
{
  lua_getfield(L, 2, name);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    size_t size;
    lua_rawgeti(L, -1, i);
    const char *text = lua_tolstring(L, -1, &size);
    each(email, text, size);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void add_part(struct email_wait *email, const char *text, size_t size)
{
  buffer_append(&email->message, text, size);
}

static void add_recipient(struct email_wait *email, const char *text, size_t size)
{
  (void)size;
  email->recipients = curl.slist_append(email->recipients, text);
}

static void set_options(lua_State *L, struct email_wait *email)
{
  CURL *easy = email->transfer.easy;
  const char *user = text_field(L, "user"), *starttls = text_field(L, "starttls");
  lua_getfield(L, 2, "verify");
  long verify = lua_toboolean(L, -1);
  lua_pop(L, 1);
  curl.easy_setopt(easy, CURLOPT_URL, email->server);
  /* A connection that is kept could have less encryption than this message asks for. */
  curl.easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl.easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl.easy_setopt(easy, CURLOPT_USE_SSL,
                   (long)(!strcmp(starttls, "required")  ? CURLUSESSL_ALL
                          : !strcmp(starttls, "offered") ? CURLUSESSL_TRY
                                                         : CURLUSESSL_NONE));
  if (user) {
    curl.easy_setopt(easy, CURLOPT_USERNAME, user);
    curl.easy_setopt(easy, CURLOPT_PASSWORD, text_field(L, "password"));
  }
  curl.easy_setopt(easy, CURLOPT_MAIL_FROM, text_field(L, "sender"));
  curl.easy_setopt(easy, CURLOPT_MAIL_RCPT, email->recipients);
  curl.easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl.easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)email->message.size);
  curl.easy_setopt(easy, CURLOPT_READFUNCTION, give_message);
  curl.easy_setopt(easy, CURLOPT_READDATA, email);
  curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_reply);
  curl.easy_setopt(easy, CURLOPT_HEADERDATA, email);
  curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, args_milliseconds(L, 2, "timeout"));
  curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, args_milliseconds(L, 2, "connect_timeout"));
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (text_field(L, "ca_file"))
    curl.easy_setopt(easy, CURLOPT_CAINFO, text_field(L, "ca_file"));
  curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, email->problem);
}

/* function request -> true | nil message code reply; waits */
static int l_send(lua_State *L)
{
  const char *function = luaL_checkstring(L, 1);
  struct error error;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  wait_check(L, function);
  if (curl_library_load(&error))
    return args_fail(L, "%s: %s", function, error.text);
  struct http_client *client = http_client_of(wait_loop(L));
  struct email_wait *email = memory_alloc(sizeof *email);
  email->transfer.done = on_done;
  email->transfer.easy = curl.easy_init();
  if (!email->transfer.easy)
    abort(); /* out of memory */
  email->server = memory_strdup(text_field(L, "server"));
  for_texts(L, "parts", email, add_part);
  for_texts(L, "recipients", email, add_recipient);
  set_options(L, email);
  http_client_add(client, &email->transfer);
  return wait_begin(L, &email->wait, &email_kind);
}

void api_email_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"email_send", l_send}, {NULL, NULL}};
  args_open(L);
  args_set_functions(L, functions);
}
