/* HTTP as scripts see it, against a small server on the same loop: each path of it is one way for
 * a server to behave. */
#include "support/unit.h"

#include <dirent.h>
#include <netinet/in.h>
#include <unistd.h>

#include "support/scratch.h"
#include "support/vm_unit.h"
#include "vm/api_http.h"

/* ---- the server ---- */

struct client {
  uv_tcp_t tcp;
  uv_write_t write;
  struct buffer in, out;
  struct server *server;
  bool has_answered;
};

struct server {
  uv_tcp_t tcp;
  int port, connections, flaky_count;
  struct client *clients[64];
};

static void on_client_closed(uv_handle_t *handle)
{
  struct client *client = handle->data;
  buffer_deinit(&client->in);
  buffer_deinit(&client->out);
  free(client);
}

static void forget_client(struct client *client)
{
  for (int i = 0; i < 64; i++)
    if (client->server->clients[i] == client)
      client->server->clients[i] = NULL;
}

static void close_client(struct client *client)
{
  if (uv_is_closing((uv_handle_t *)&client->tcp))
    return;
  forget_client(client);
  uv_close((uv_handle_t *)&client->tcp, on_client_closed);
}

/* As a server does that closes while the next request is on its way. */
static void reset_client(struct client *client)
{
  forget_client(client);
  uv_tcp_close_reset(&client->tcp, on_client_closed);
}

static void on_written(uv_write_t *write, int status)
{
  if (status < 0)
    close_client(write->data);
}

static void reply(struct client *client, const char *head, const char *body, size_t size)
{
  buffer_clear(&client->out);
  buffer_printf(&client->out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, size);
  buffer_append(&client->out, body, size);
  client->write.data = client;
  uv_buf_t buffer = uv_buf_init(client->out.data, (unsigned)client->out.size);
  uv_write(&client->write, (uv_stream_t *)&client->tcp, &buffer, 1, on_written);
}

static bool has_path(const struct client *client, const char *path)
{
  const char *at = strchr(client->in.data, ' ');
  return at && strncmp(at + 1, path, strlen(path)) == 0;
}

static void answer(struct client *client)
{
  if (has_path(client, "/slow"))
    return;
  bool is_first = !client->has_answered;
  client->has_answered = true;
  if (has_path(client, "/reset-kept") && !is_first)
    reset_client(client);
  else if (has_path(client, "/hang-up"))
    close_client(client);
  else if (has_path(client, "/redirect"))
    reply(client, "302 Found\r\nX-Old: 1\r\nLocation: /echo?after", "", 0);
  else if (has_path(client, "/see"))
    reply(client, "303 See Other\r\nLocation: /echo", "", 0);
  else if (has_path(client, "/moved"))
    reply(client, "308 Permanent\r\nLocation: /echo", "", 0);
  else if (has_path(client, "/loop"))
    reply(client, "302 Found\r\nLocation: /loop", "", 0);
  else if (has_path(client, "/to-file"))
    reply(client, "302 Found\r\nLocation: file:///etc/passwd", "", 0);
  else if (has_path(client, "/fails") && client->server->flaky_count++ % 2 == 0)
    reply(client, "500 Oops", "", 0);
  else if (has_path(client, "/gone"))
    reply(client, "410 Gone", "", 0);
  else if (has_path(client, "/later") && client->server->flaky_count++ % 2 == 0)
    reply(client, "429 Too Many\r\nRetry-After: 100", "", 0);
  else if (has_path(client, "/json"))
    reply(client, "200 OK\r\nContent-Type: application/json", "{\"n\":9007199254740993}", 22);
  else if (has_path(client, "/missing"))
    reply(client, "404 Not Found\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c\r\nX-A: 1\r\nX-A: 2",
          "gone", 4);
  else if (has_path(client, "/cut"))
    reply(client, "200 OK\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n", 10);
  else if (has_path(client, "/huge")) {
    char *body = memory_alloc(24 << 20);
    memset(body, 'h', 24 << 20);
    reply(client, "200 OK", body, 24 << 20);
    free(body);
  } else if (has_path(client, "/big")) {
    char *body = memory_alloc(3 << 20);
    reply(client, "200 OK", body, 3 << 20);
    free(body);
  } else if (has_path(client, "/flaky") && client->server->flaky_count++ % 2 == 0)
    reply(client, "503 Later", "", 0);
  else
    reply(client, "200 OK", client->in.data, client->in.size);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
  static char bytes[65536];
  (void)handle, (void)size;
  *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
  struct client *client = stream->data;
  if (size < 0) {
    close_client(client);
    return;
  }
  buffer_append(&client->in, buffer->base, (size_t)size);
  const char *end = strstr(client->in.data, "\r\n\r\n");
  const char *length = strcasestr(client->in.data, "\r\nContent-Length:");
  size_t body = length && length < end ? (size_t)atol(length + 17) : 0;
  if (end && client->in.size >= (size_t)(end + 4 - client->in.data) + body) {
    answer(client);
    buffer_clear(&client->in);
  }
}

static void on_connection(uv_stream_t *stream, int status)
{
  struct server *server = stream->data;
  struct client *client = memory_alloc(sizeof *client);
  (void)status;
  client->server = server;
  client->tcp.data = client;
  uv_tcp_init(stream->loop, &client->tcp);
  uv_accept(stream, (uv_stream_t *)&client->tcp);
  server->clients[server->connections++ % 64] = client;
  uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read);
}

static void server_open(struct server *server, uv_loop_t *loop)
{
  struct sockaddr_in address;
  int size = sizeof address;
  *server = (struct server){0};
  uv_tcp_init(loop, &server->tcp);
  server->tcp.data = server;
  uv_ip4_addr("127.0.0.1", 0, &address);
  assert_int_equal(uv_tcp_bind(&server->tcp, (struct sockaddr *)&address, 0), 0);
  assert_int_equal(uv_listen((uv_stream_t *)&server->tcp, 64, on_connection), 0);
  uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&address, &size);
  server->port = ntohs(address.sin_port);
}

static void server_close(struct server *server)
{
  for (int i = 0; i < 64; i++)
    if (server->clients[i])
      close_client(server->clients[i]);
  uv_close((uv_handle_t *)&server->tcp, NULL);
}

/* ---- the tests ---- */

struct fixture {
  struct bench bench;
  struct server server;
};

static int set_up(void **state)
{
  struct fixture *fixture = memory_alloc(sizeof *fixture);
  bench_open(&fixture->bench);
  server_open(&fixture->server, &fixture->bench.loop);
  *state = fixture;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *fixture = *state;
  api_http_close(&fixture->bench.loop);
  server_close(&fixture->server);
  bench_close(&fixture->bench);
  free(fixture);
  return 0;
}

static void check(struct fixture *fixture, const char *source, const char *expected)
{
  char *whole = memory_printf("local U = 'http://127.0.0.1:%d' %s", fixture->server.port, source);
  char *text = evaluate_in(&fixture->bench, (struct vm_options){0}, whole, 0);
  char *wanted = memory_strdup(expected), *mark = strstr(wanted, "PORT");
  if (mark) {
    *mark = '\0';
    char *filled = memory_printf("%s%d%s", wanted, fixture->server.port, mark + 4);
    free(wanted);
    wanted = filled;
  }
  if (strncmp(text, wanted, strlen(wanted)) != 0)
    fail_msg("%s\n  gave     %s\n  expected %s", source, text, wanted);
  free(wanted);
  free(text);
  free(whole);
}

static void check_all(struct fixture *fixture, const struct eval_case *cases, size_t count)
{
  for (size_t i = 0; i < count; i++)
    check(fixture, cases[i].source, cases[i].expected);
}

#define CHECK_ALL(cases) check_all(*state, cases, sizeof cases / sizeof *cases)

#define FAILURE(call) "local r, m, c = " call " return tostring(r) .. ' ' .. m .. ' ' .. c"

static void test_answers(void **state)
{
  static const struct eval_case cases[] = {
      {"local r = http.get(U .. '/echo') return r.status .. tostring(r.ok) .. "
       "r.body:match('^[^\\r]+')",
       "200trueGET /echo HTTP/1.1"},
      {"return http.get(U .. '/e?x=1#f', { query = { b = 'a b&', a = { 1, 2 } } "
       "}).body:match('^[^\\r]+')",
       "GET /e?x=1&a=1&a=2&b=a%20b%26 HTTP/1.1"},
      {"local r = http.get(U .. '/missing') return r.status .. tostring(r.ok) .. r.body .. "
       "r.headers['x-a'] .. r.headers['set-cookie']",
       "404falsegone1, 2a=1, b\nc"},
      {"local r = http.get(U .. '/json') return r:json().n .. r.json().n .. "
       "r.headers['content-type']",
       "90071992547409939007199254740993application/json"},
      {"return select(2, http.get(U .. '/missing'):json()) ~= nil", "true"},
      {"local r = http.get(U .. '/redirect') return r.url .. tostring(r.headers['x-old'])",
       "http://127.0.0.1:PORT/echo?afternil"},
      {"return http.get(U .. '/redirect', { follow = false }).status", "302"},
      {"local t = {} for _, m in ipairs { 'delete', 'put', 'patch', 'post' } do "
       "for _, path in ipairs { '/redirect', '/see', '/moved' } do "
       "local b = http[m](U .. path, m ~= 'delete' and { body = 'xyz' } or nil).body "
       "t[#t + 1] = b:match('^%u+') .. #b:match('\\r\\n\\r\\n(.*)') end end return table.concat(t, "
       "' "
       "')",
       "GET0 GET0 DELETE0 GET0 GET0 PUT3 GET0 GET0 PATCH3 GET0 GET0 POST3"},
      {"local r = http.head(U .. '/see') return r.status .. '[' .. r.body .. ']'", "200[]"},
      {"return http.request { method = 'OPTIONS', url = U .. '/see' }.body:match('^%u+')", "GET"},
      {"return http.post(U .. '/e', { json = { a = 1 } }).body:gsub('\\r\\n', ' ')",
       "POST /e HTTP/1.1 Host: 127.0.0.1:PORT"},
      {"local b = http.post(U .. '/e', { json = { a = 1 } }).body return "
       "b:match('[Cc]ontent%-[Tt]ype: [^\\r]+') .. b:match('[^\\n]+$')",
       "content-type: application/json{\"a\":1}"},
      {"local b = http.put(U .. '/e', { form = { a = '1 2', b = true } }).body return "
       "b:match('^%u+') .. "
       "b:match('[^\\n]+$')",
       "PUTa=1%202&b=true"},
      {"local b = http.post(U .. '/e').body return b:match('Content%-Length: %d') .. "
       "tostring(b:match('[Tt]ype'))",
       "Content-Length: 0nil"},
      {"local b = http.patch(U .. '/e', { body = 'x\\0y', headers = { ['content-type'] = 'a/b' } "
       "}).body "
       "return b:match('^%u+') .. b:match('content%-type: [^\\r]+') .. "
       "#b:match('\\r\\n\\r\\n(.*)$')",
       "PATCHcontent-type: a/b3"},
      {"return #http.put(U .. '/e', { body = ('x'):rep(2000000) }).body > 2000000", "true"},
      {"return http.delete(U .. '/e').body:match('^%u+')", "DELETE"},
      {"local r = http.head(U .. '/e') return r.status .. '[' .. r.body .. ']'", "200[]"},
      {"return http.request { method = 'OPTIONS', url = U .. '/e' }.body:match('^%u+')", "OPTIONS"},
      {"return http.get(U .. '/e', { auth = { user = 'u', password = 'p' } }).body:match('Basic "
       "[^\\r]+')",
       "Basic dTpw"},
      {"return http.get(U .. '/e', { auth = { bearer = 'tok' } }).body:match('Authorization: "
       "[^\\r]+')",
       "Authorization: Bearer tok"},
      {"return http.get(U .. '/e', { headers = { ['X-Y'] = 5 } }).body:match('X%-Y: 5')", "X-Y: 5"},
      {"return http.get(U .. '/flaky', { retries = { attempts = 2, delay = 0.01 } }).status",
       "200"},
      {"return http.get(U .. '/flaky').status", "503"},
      {"return http.post(U .. '/flaky').status .. http.get(U .. '/flaky').status", "200503"},
      {"return http.post(U .. '/flaky', { retries = { delay = 0.01 } }).status", "200"},
      {"return http.post(U .. '/flaky', { retries = { delay = 0.01 } }).status", "503"},
      {"http.get(U .. '/flaky') return http.post(U .. '/flaky', { retries = { delay = 0.01, "
       "any_method = true } }).status",
       "200"},
      {"local t = time.now() "
       "local r = http.get(U .. '/later', { retries = { delay = 0.01, max_delay = 0.05 } }) "
       "return r.status .. tostring(time.now() - t >= 0.05)",
       "200true"},
      {"return #http.get(U .. '/big').body", "3145728"},
      {"return math.type(http.get(U .. '/e').elapsed)", "float"},
      {"local n = 0 for i = 1, 20 do n = n + assert(http.get(U .. '/reset-kept')).status end "
       "return n",
       "4000"},
  };
  CHECK_ALL(cases);
}

static void test_failures(void **state)
{
  static const struct eval_case cases[] = {
      {FAILURE("http.get('http://127.0.0.1:1/x?secret=1')"),
       "nil GET http://127.0.0.1:1/x: could not connect: Connection refused unavailable"},
      {FAILURE("http.get('http://u:p@127.0.0.1:1/')"), "nil GET http://127.0.0.1:1/: could not"},
      {FAILURE("http.get('http://no.such.host.invalid/')"),
       "nil GET http://no.such.host.invalid/: the host's name is not known"},
      {FAILURE("http.get(U .. '/slow', { timeout = 0.1 })"),
       "nil GET http://127.0.0.1:PORT/slow: timed out"},
      {FAILURE("http.get(U .. '/big', { max_size = '2MiB' })"),
       "nil GET http://127.0.0.1:PORT/big: the body is over max_size, 2097152 bytes limit"},
      {FAILURE("http.get(U .. '/loop')"), "nil GET http://127.0.0.1:PORT/loop: too many redirects"},
      {FAILURE("http.get(U .. '/to-file')"),
       "nil GET http://127.0.0.1:PORT/to-file: only http and https are known here invalid"},
      {FAILURE("http.get('file:///etc/passwd')"),
       "nil GET file:///etc/passwd: only http and https are known here invalid"},
      {FAILURE("http.get(U .. '/hang-up')"), "nil GET http://127.0.0.1:PORT/hang-up: "},
      {"http.get()", "!t.lua:1: http.get: url must be a string, got nil"},
      {"http.get('http://a b')", "!t.lua:1: http.get: url must not hold blanks"},
      {"http.get(U, { timeot = 1 })",
       "!t.lua:1: http.get: unknown option \"timeot\", did you mean \"timeout\"?"},
      {"http.get(U, { timeout = 'x' })", "!t.lua:1: http.get: timeout: "},
      {"http.get(U, { max_size = '5 apples' })", "!t.lua:1: http.get: max_size must be a number of "
                                                 "bytes or like \"16MiB\", got \"5 apples\""},
      {"http.get(U, { headers = { ['a b'] = 1 } })",
       "!t.lua:1: http.get: header name \"a b\" is not valid"},
      {"http.get(U, { headers = { a = 'x\\ny' } })",
       "!t.lua:1: http.get: header a must not hold a line break"},
      {"http.post(U, { body = 'x', json = 1 })",
       "!t.lua:1: http.post: give body or json, not both"},
      {"http.post(U, { json = print })", "!t.lua:1: http.post: json: a function"},
      {"http.get(U, { auth = { user = 'x', bearer = 'y' } })",
       "!t.lua:1: http.get: auth needs user and password, or bearer"},
      {"http.get(U, { auth = { bearer = 'tok\\r\\nX-Admin: yes' } })",
       "!t.lua:1: http.get: auth.bearer must not hold a line break"},
      {"http.get(U, { auth = { user = 'x', password = 'a\\0b' } })",
       "!t.lua:1: http.get: auth.password must not hold a line break"},
      {"http.get(U, { headers = { a = { 1 } } })",
       "!t.lua:1: http.get: header a must be a string, got table"},
      {"http.get(U, { query = { a = { 1, { 2 } } } })",
       "!t.lua:1: http.get: query.a must be a string, got table"},
      {"http.get(U, { method = 'PUT' })", "!t.lua:1: http.get: method is not an option here"},
      {"http.get(U, { follow = 'x' })", "!t.lua:1: http.get: follow must be"},
  };
  CHECK_ALL(cases);
}

static int count_files(const char *folder)
{
  int count = 0;
  DIR *directory = opendir(folder);
  for (struct dirent *entry; (entry = readdir(directory));)
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  closedir(directory);
  return count;
}

/* What goes wrong leaves the file as it was, and nothing beside it. */
static void test_files(void **state)
{
  struct fixture *fixture = *state;
  static const struct eval_case cases[] = {
      {"local r = http.get(U .. '/huge', { save_to = D .. '/a' }) local s = fs.read(D .. '/a') "
       "return r.size .. r.saved_to:sub(-2) .. #r.body .. ' ' .. #s .. s:sub(-3)",
       "25165824/a0 25165824hhh"},
      {"local r = http.get(U .. '/redirect', { save_to = D .. '/a' }) "
       "return fs.read(D .. '/a'):match('^[^\\r]+')",
       "GET /echo?after HTTP/1.1"},
      {"local r = http.get(U .. '/missing', { save_to = D .. '/a' }) "
       "return r.status .. r.body .. tostring(r.saved_to) .. fs.read(D .. '/a'):sub(1, 3)",
       "404gonenilGET"},
      {FAILURE("http.get(U .. '/huge', { save_to = D .. '/a', max_size = '2MiB' })"),
       "nil GET http://127.0.0.1:PORT/huge: the body is over max_size, 2097152 bytes limit"},
      {FAILURE("http.get(U .. '/huge', { save_to = D .. '/none/a' })"), "nil write "},
      {FAILURE("http.get(U .. '/json', { save_to = D })"), "nil write "},
      {FAILURE("http.get(U .. '/json', { save_to = D .. '/none/a' })"), "nil write "},
      {"return fs.read(D .. '/a'):sub(1, 3)", "GET"},
      {"http.head(U, { save_to = D })", "!t.lua:1: http.head: save_to is for what has a body"},
      {"http.get(U, { save_to = 5 })", "!t.lua:1: http.get: save_to must be a string, got number"},
  };
  const char *folder = scratch_folder();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *source = memory_printf("local D = '%s' %s", folder, cases[i].source);
    check(fixture, source, cases[i].expected);
    free(source);
  }
  assert_int_equal(count_files(folder), 1);

  char *source = memory_printf("http.get('http://127.0.0.1:%d/cut', { save_to = '%s/b' })",
                               fixture->server.port, folder);
  struct vm *vm = bench_vm(&fixture->bench);
  struct piece *piece = piece_start(vm, source, 100000);
  piece_wait(&fixture->bench, piece);
  assert_int_equal(piece->outcome, VM_TIMED_OUT);
  while (count_files(folder) > 1)
    uv_run(&fixture->bench.loop, UV_RUN_NOWAIT);
  piece_free(piece);
  vm_destroy(vm);
  free(source);
}

/* The message of the server's echo is verified, and the vector of the specification's own libraries
 * has the signature that they give it. */
static void test_webhooks(void **state)
{
  static const char setup[] =
      "local S = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' "
      "local function parts(echo) local headers = {} "
      "for name, value in echo:gmatch('\\n([%w-]+): ([^\\r]+)') do headers[name] = value end "
      "return headers, echo:match('\\r\\n\\r\\n(.*)$') end ";
  static const struct eval_case cases[] = {
      {"local r = webhook.send(U .. '/e', { a = 1 }, { secret = S, id = 'msg_1' }) "
       "local headers, body = parts(r.response.body) "
       "return r.id .. r.attempts .. r.status .. body .. headers['content-type'] .. "
       "webhook.verify(headers, body, S)",
       "msg_11200{\"a\":1}application/jsonmsg_1"},
      {"local r = webhook.send(U .. '/e', 'raw text', { secret = { S, ('k'):rep(20) }, headers = { "
       "['X-A'] = 1 } }) local headers, body = parts(r.response.body) "
       "return tostring(r.id:find('^msg_%x+%-') ~= nil) .. body .. headers['x-a'] .. "
       "tostring(webhook.verify(headers, body, ('k'):rep(20)) == r.id) .. "
       "tostring(webhook.verify(headers, body, S) == r.id)",
       "trueraw text1truetrue"},
      {"return webhook.send(U .. '/fails', {}, { secret = S, retries = { delay = 0.01 } "
       "}).attempts",
       "2"},
      {FAILURE("webhook.send(U .. '/gone?key=x', {}, { secret = S })"),
       "nil POST http://127.0.0.1:PORT/gone: the server answered 410, this hook is gone for good "
       "refused"},
      {FAILURE("webhook.send('http://127.0.0.1:1/', {}, { secret = S, retries = { attempts = 2, "
               "delay = 0.01 } })"),
       "nil POST http://127.0.0.1:1/: could not connect: Connection refused (attempt 2) "
       "unavailable"},
      {"webhook.send(U, {}, {})", "!t.lua:1: webhook.send: a secret is needed"},
      {"webhook.send(U, {}, { secret = 'short' })",
       "!t.lua:1: webhook.send: the secret is too short, 5 bytes; it must have 16 or more"},
      {"webhook.send(U, {}, { secret = 'whsec_*' })",
       "!t.lua:1: webhook.send: behind \"whsec_\" a secret must be base64"},
      {"webhook.send(U, print, { secret = S })", "!t.lua:1: webhook.send: payload: a function"},
      {"webhook.send(U, {}, { secret = S, id = 'a.b' })", "!t.lua:1: webhook.send: the id must be"},
      {"webhook.send(U, {}, { secret = S, headers = { ['Webhook-Id'] = 1 } })",
       "!t.lua:1: webhook.send: header Webhook-Id is made by the signature"},
      {"local h = { ['webhook-id'] = 'msg_p5jXN8AQM9LWM0D4loKWxJek', "
       "['Webhook-Timestamp'] = '1614265330', ['webhook-signature'] = "
       "'v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' } "
       "return webhook.verify(h, '{\"test\": 2432232314}', S, { tolerance = 4e9 }) .. "
       "select(2, webhook.verify(h, '{\"test\": 2432232314}', S)) .. "
       "select(2, webhook.verify(h, '{}', S, { tolerance = 4e9 }))",
       "msg_p5jXN8AQM9LWM0D4loKWxJekthe message is too oldno signature of the message is by this "
       "secret"},
      {FAILURE("webhook.verify({ ['webhook-id'] = 'x', ['webhook-timestamp'] = '1' }, '', S)"),
       "nil the message has no header webhook-signature invalid"},
      {FAILURE("webhook.verify({ ['webhook-id'] = 'x', ['webhook-timestamp'] = '-1', "
               "['webhook-signature'] = 'v1,x' }, '', S)"),
       "nil the header webhook-timestamp is no number of seconds invalid"},
      {FAILURE("webhook.verify({ ['webhook-id'] = 'x', ['webhook-timestamp'] = '99999999999', "
               "['webhook-signature'] = 'v1,x' }, '', S)"),
       "nil the message is from the future timeout"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *source = memory_printf("%s %s", setup, cases[i].source);
    check(*state, source, cases[i].expected);
    free(source);
  }
}

/* Killed calls and closed states leave no transfer behind. */
static void test_cancel(void **state)
{
  struct fixture *fixture = *state;
  char *source = memory_printf("http.get('http://127.0.0.1:%d/slow')", fixture->server.port);
  for (int i = 0; i < 3; i++) {
    struct vm *vm = bench_vm(&fixture->bench);
    struct piece *piece = piece_start(vm, source, 50000);
    piece_wait(&fixture->bench, piece);
    assert_int_equal(piece->outcome, VM_TIMED_OUT);
    piece_free(piece);
    vm_destroy(vm);
  }
  free(source);
}

static void test_many_at_once(void **state)
{
  enum { COUNT = 200, EACH = 20 };
  struct fixture *fixture = *state;
  struct piece *pieces[COUNT];
  struct vm *vm = bench_vm(&fixture->bench);
  char *source = memory_printf("local n = 0 for i = 1, %d do n = n + "
                               "http.get('http://127.0.0.1:%d/json'):json().n %% 2 end return n",
                               EACH, fixture->server.port);
  for (int i = 0; i < COUNT; i++)
    pieces[i] = piece_start(vm, source, 0);
  for (int i = 0; i < COUNT; i++) {
    piece_wait(&fixture->bench, pieces[i]);
    assert_string_equal(pieces[i]->result, "20");
    piece_free(pieces[i]);
  }
  vm_destroy(vm);
  free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_answers),  TEST(test_failures), TEST(test_files),
      TEST(test_webhooks), TEST(test_cancel),   TEST(test_many_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
