/* raw.http_request for Lua: one attempt of one request, from a table that lua/moonbeat/http.lua has
 * checked and completed, to the parts of a response. Redirects stay within http and https; the body
 * is cut off, with an error, at max_size. A successful response's body can go to a file; the
 * transfer is paused while the disk is behind. */
#include "vm/api_http.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/descriptors.h"
#include "base/memory.h"
#include "vm/api_args.h"
#include "vm/api_http_client.h"
#include "vm/api_http_file.h"
#include "vm/api_sqlite_files.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

struct http_wait {
  struct wait wait; /* first */
  struct http_transfer transfer;
  struct curl_slist *request_headers;
  struct buffer head; /* name NUL value NUL, of the last response */
  struct buffer body;
  size_t max_size;
  bool is_over_size;
  struct http_file *file; /* NULL: the body is kept in memory */
  bool is_paused;
  bool is_done; /* wait_done was called */
  char *shown;  /* "GET http://host/path" */
  char problem[CURL_ERROR_SIZE];
};

static struct http_wait *http_of(struct http_transfer *transfer)
{
  return (struct http_wait *)((char *)transfer - offsetof(struct http_wait, transfer));
}

/* ---- receiving ---- */

static bool is_success(const struct http_wait *http)
{
  long status = 0;
  curl.easy_getinfo(http->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

static size_t on_file_body(struct http_wait *http, const char *data, size_t size)
{
  http->is_over_size = size > http->max_size - http_file_size(http->file);
  if (http->is_over_size || http_file_error(http->file))
    return size == 0 ? 1 : 0;
  http->is_paused = !http_file_write(http->file, data, size);
  return http->is_paused ? CURL_WRITEFUNC_PAUSE : size;
}

static size_t on_body(char *data, size_t one, size_t size, void *context)
{
  struct http_wait *http = context;
  (void)one;
  if (http->file && is_success(http))
    return on_file_body(http, data, size);
  if (size > http->max_size - http->body.size) {
    http->is_over_size = true;
    return size == 0 ? 1 : 0;
  }
  buffer_append(&http->body, data, size);
  return size;
}

static bool is_blank(char byte)
{
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* A redirect by 301, 302 or 303 is followed with GET, or HEAD: curl does so for POST alone, and
 * sends any other word that stands in for it again. */
static void forget_method(const struct http_wait *http, const char *line, size_t size)
{
  const char *status = memchr(line, ' ', size);
  size_t left = status ? size - (size_t)(status - line) : 0;
  if (left >= 4 && (memcmp(status, " 301", 4) == 0 || memcmp(status, " 302", 4) == 0 ||
                    memcmp(status, " 303", 4) == 0))
    curl.easy_setopt(http->transfer.easy, CURLOPT_CUSTOMREQUEST, NULL);
}

/* One line; a status line begins a new response. */
static size_t on_header(char *data, size_t one, size_t size, void *context)
{
  struct http_wait *http = context;
  (void)one;
  if (size >= 5 && strncasecmp(data, "HTTP/", 5) == 0) {
    buffer_clear(&http->head);
    forget_method(http, data, size);
  }
  const char *colon = memchr(data, ':', size);
  if (!colon || http->head.size + size > http->max_size + (1 << 20))
    return size;
  for (const char *at = data; at < colon; at++)
    buffer_append_byte(&http->head, *at >= 'A' && *at <= 'Z' ? (char)(*at + 32) : *at);
  buffer_append_byte(&http->head, '\0');
  const char *begin = colon + 1, *end = data + size;
  while (begin < end && is_blank(*begin))
    begin++;
  while (end > begin && is_blank(end[-1]))
    end--;
  for (const char *at = begin; at < end; at++)
    if (*at)
      buffer_append_byte(&http->head, *at);
  buffer_append_byte(&http->head, '\0');
  return size;
}

/* (-- headers) */
static void push_headers(lua_State *L, const struct buffer *head)
{
  lua_newtable(L);
  for (size_t at = 0; at < head->size;) {
    const char *name = head->data + at, *value = name + strlen(name) + 1;
    at = (size_t)(value - head->data) + strlen(value) + 1;
    if (lua_getfield(L, -1, name) == LUA_TSTRING) {
      /* A cookie's own text may hold commas. */
      lua_pushstring(L, strcmp(name, "set-cookie") == 0 ? "\n" : ", ");
      lua_pushstring(L, value);
      lua_concat(L, 3);
    } else {
      lua_pop(L, 1);
      lua_pushstring(L, value);
    }
    lua_setfield(L, -2, name);
  }
}

/* ---- failing ---- */

static enum error_code describe(const struct http_wait *http, struct error *error)
{
  if (http->is_over_size)
    return error_set(error, ERROR_LIMIT, "%s: the body is over max_size, %zu bytes", http->shown,
                     http->max_size);
  return http_client_describe(&http->transfer, http->shown, http->problem, "http and https", error);
}

/* ---- waiting ---- */

static void end(struct http_wait *http)
{
  http->is_done = true;
  wait_done(&http->wait);
}

static void on_done(struct http_transfer *transfer)
{
  struct http_wait *http = http_of(transfer);
  if (http->file && transfer->result == CURLE_OK && is_success(http))
    http_file_finish(http->file);
  else
    end(http);
}

static void on_file_changed(void *context)
{
  struct http_wait *http = context;
  if (http->is_paused) {
    http->is_paused = false;
    curl.easy_pause(http->transfer.easy, CURLPAUSE_CONT);
  } else if (http_file_is_over(http->file) && !http->is_done) {
    end(http);
  }
}

static void cancel(struct wait *wait)
{
  struct http_wait *http = (struct http_wait *)wait;
  http_client_remove(&http->transfer);
  http->is_paused = false;
  if (!http->is_done)
    end(http);
}

static int finish(lua_State *L, struct wait *wait)
{
  struct http_wait *http = (struct http_wait *)wait;
  CURL *easy = http->transfer.easy;
  struct error error;
  long status = 0;
  char *url = NULL;
  curl_off_t elapsed_us = 0;
  if (http->file && http_file_error(http->file))
    return args_push_error(L, http_file_error(http->file));
  if (http->transfer.result != CURLE_OK) {
    describe(http, &error);
    return args_push_error(L, &error);
  }
  curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl.easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
  curl.easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &elapsed_us);
  lua_pushinteger(L, status);
  push_headers(L, &http->head);
  lua_pushlstring(L, http->body.data ? http->body.data : "", http->body.size);
  lua_pushstring(L, url);
  lua_pushnumber(L, (double)elapsed_us / 1e6);
  if (!http->file || !is_success(http))
    return 5;
  lua_pushinteger(L, (lua_Integer)http_file_size(http->file));
  return 6;
}

static void release(struct wait *wait)
{
  struct http_wait *http = (struct http_wait *)wait;
  http_client_remove(&http->transfer);
  http_file_release(http->file);
  curl.easy_cleanup(http->transfer.easy);
  curl.slist_free_all(http->request_headers);
  buffer_deinit(&http->head);
  buffer_deinit(&http->body);
  free(http->shown);
  free(http);
}

static const struct wait_kind http_kind = {"http", cancel, finish, release, false, true};

/* ---- the request: a table at index 2, checked ---- */

static const char *text_field(lua_State *L, int table, const char *name)
{
  const char *text = lua_getfield(L, table, name) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

static long integer_field(lua_State *L, const char *name)
{
  lua_getfield(L, 2, name);
  long value = (long)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* Without what may be secret: user and password, and the query. */
static char *shown_url(const char *method, const char *url)
{
  const char *host = strstr(url, "://");
  host = host ? host + 3 : url;
  size_t authority = strcspn(host, "/?#");
  const char *at = memrchr(host, '@', authority);
  const char *rest = at ? at + 1 : host;
  return memory_printf("%s %.*s%.*s", method, (int)(host - url), url, (int)strcspn(rest, "?#"),
                       rest);
}

static void set_method(CURL *easy, const char *method, const char *body, size_t size)
{
  if (body) {
    curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl.easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
  }
  if (strcmp(method, "HEAD") == 0)
    curl.easy_setopt(easy, CURLOPT_NOBODY, 1L);
  else if (body ? strcmp(method, "POST") != 0 : strcmp(method, "GET") != 0)
    curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_headers(lua_State *L, struct http_wait *http)
{
  lua_getfield(L, 2, "headers");
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    http->request_headers = curl.slist_append(http->request_headers, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  curl.easy_setopt(http->transfer.easy, CURLOPT_HTTPHEADER, http->request_headers);
}

static void set_auth(lua_State *L, CURL *easy)
{
  if (lua_getfield(L, 2, "auth") == LUA_TTABLE) {
    const char *bearer = text_field(L, lua_gettop(L), "bearer");
    const char *password = text_field(L, lua_gettop(L), "password");
    if (bearer) {
      curl.easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl.easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, bearer);
    } else {
      curl.easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl.easy_setopt(easy, CURLOPT_USERNAME, text_field(L, lua_gettop(L), "user"));
      curl.easy_setopt(easy, CURLOPT_PASSWORD, password ? password : "");
    }
  }
  lua_pop(L, 1);
}

static void set_options(lua_State *L, struct http_wait *http, const char *url)
{
  CURL *easy = http->transfer.easy;
  long follow = integer_field(L, "follow");
  lua_getfield(L, 2, "verify");
  long verify = lua_toboolean(L, -1);
  lua_pop(L, 1);
  curl.easy_setopt(easy, CURLOPT_URL, url);
  curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(easy, CURLOPT_USERAGENT, "moonbeat/" MOONBEAT_VERSION);
  curl.easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, follow > 0 ? 1L : 0L);
  curl.easy_setopt(easy, CURLOPT_MAXREDIRS, follow);
  curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, args_milliseconds(L, 2, "timeout"));
  curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, args_milliseconds(L, 2, "connect_timeout"));
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  curl.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (text_field(L, 2, "ca_file"))
    curl.easy_setopt(easy, CURLOPT_CAINFO, text_field(L, 2, "ca_file"));
  curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, http->problem);
  curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl.easy_setopt(easy, CURLOPT_WRITEDATA, http);
  curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl.easy_setopt(easy, CURLOPT_HEADERDATA, http);
}

/* The absolute path of the file to save the body to, on the heap, or NULL. (-- save_to) */
static char *push_save_to(lua_State *L, const char *function)
{
  if (lua_getfield(L, 2, "save_to") == LUA_TNIL)
    return NULL;
  sqlite_files_set_store(args_raw_string(L, lua_upvalueindex(1), "store_path"));
  return args_path(L, lua_upvalueindex(1), -1, function, "save_to");
}

/* function request -> status headers body url elapsed saved? | nil message code; waits */
static int l_request(lua_State *L)
{
  const char *function = luaL_checkstring(L, 1);
  size_t body_size = 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  wait_check(L, function);
  struct error error;
  if (curl_library_load(&error))
    return luaL_error(L, "%s", error.text);
  if (descriptors_ask(&error))
    return args_push_error(L, &error);
  const char *method = text_field(L, 2, "method"), *url = text_field(L, 2, "url");
  lua_getfield(L, 2, "body"); /* stays */
  const char *body = lua_tolstring(L, 3, &body_size);
  char *path = push_save_to(L, function); /* at 4 */
  struct http_client *client = http_client_of(wait_loop(L));

  struct http_wait *http = memory_alloc(sizeof *http);
  if (path)
    http->file =
        http_file_create(vm_of(L)->helpers, path, lua_tostring(L, 4), on_file_changed, http);
  free(path);
  http->transfer.done = on_done;
  http->transfer.easy = curl.easy_init();
  if (!http->transfer.easy)
    abort(); /* out of memory */
  http->max_size = (size_t)integer_field(L, "max_size");
  http->shown = shown_url(method, url);
  set_options(L, http, url);
  set_method(http->transfer.easy, method, body, body_size);
  set_headers(L, http);
  set_auth(L, http->transfer.easy);
  http_client_add(client, &http->transfer);
  return wait_begin(L, &http->wait, &http_kind);
}

void api_http_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"http_request", l_request}, {NULL, NULL}};
  args_open(L);
  args_set_functions(L, functions);
}
