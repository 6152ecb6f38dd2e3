/* The control server against clients of every kind. The front loop runs in a thread of its own; the
 * scheduler and a worker are mailboxes that answer on that same loop. */
#include "support/unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ctl/control.h"
#include "ctl/options.h"
#include "ctl/server.h"
#include "ctl/unix_socket.h"
#include "store/lock.h"
#include "support/scratch.h"

/* Only what goes wrong waits so long, on however busy a machine. */
enum { WAIT_MS = 60000 };

static struct {
  uv_loop_t loop;
  uv_thread_t thread;
  uv_async_t end;
  struct bus *bus;
  struct server *server;
  char *folder;
  char *path;
  struct message *late;
  atomic_long stops, watch_on, watch_off, evaluations, ended_sessions, interrupts, left;
  atomic_bool is_held, is_holding; /* the loop stands still; somebody wants it to */
  _Atomic int64_t grace_us;
} house;

/* ---- the others in the house ---- */

static void answer_big(const struct message *message)
{
  char *text = memory_alloc((1 << 20) + 3);
  memset(text, 'x', (1 << 20) + 2);
  text[0] = text[(1 << 20) + 1] = '"';
  bus_post(house.bus, message_reply(message, text));
}

/* Answers `echo` with its parameters, `big` with a megabyte, `late` so too but at the next `echo`,
 * `never` not at all, `flood` with events, `hold` when it is let go, others as the scheduler does.
 * True when the message is kept. */
static bool answer_request(struct message *message)
{
  const char *op = message->as.request.op;
  const char *params = message->as.request.params ? message->as.request.params : "null";
  struct error error;
  if (strcmp(op, "never") == 0)
    return false;
  if (strcmp(op, "hold") == 0) {
    atomic_store(&house.is_held, true);
    while (atomic_load(&house.is_holding))
      usleep(1000);
    atomic_store(&house.is_held, false);
  }
  if (strcmp(op, "late") == 0) {
    house.late = message;
    return true;
  }
  if (strcmp(op, "echo") == 0 && house.late) {
    answer_big(house.late);
    message_destroy(house.late);
    house.late = NULL;
  }
  if (strcmp(op, "watch_events") == 0)
    atomic_fetch_add(strstr(params, "true") ? &house.watch_on : &house.watch_off, 1);
  if (strcmp(op, "flood") == 0) {
    for (int i = 0; i < 3000; i++) {
      struct message *event = message_create(MESSAGE_EVENT, ADDRESS_SCHEDULER, ADDRESS_FRONT);
      event->as.event.name = memory_strdup("job_log");
      event->as.event.json =
          memory_printf("{\"event\":\"job_log\",\"job\":\"%s\",\n\"text\":\"%04000d\"}",
                        i % 2 ? "odd" : "even", i);
      bus_post(house.bus, event);
    }
  }
  if (strcmp(op, "nosuch") == 0) {
    error_set(&error, ERROR_NOT_FOUND, "unknown operation \"nosuch\"");
    bus_post(house.bus, message_reply_error(message, &error));
  } else if (strcmp(op, "big") == 0) {
    answer_big(message);
  } else {
    bus_post(house.bus, message_reply(message, memory_strdup(params)));
  }
  return false;
}

static void scheduler_receives(void *context, struct message_list *messages)
{
  (void)context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_LEFT)
      atomic_fetch_add(&house.left, 1);
    else if (answer_request(message))
      continue;
    message_destroy(message);
  }
}

static void print_back(const struct message *message)
{
  struct message *print = message_create(MESSAGE_PRINT, ADDRESS_WORKER, ADDRESS_FRONT);
  print->tag = print->as.console.session = message->as.console.session;
  print->as.console.text = memory_strdup(message->as.console.text);
  bus_post(house.bus, print);
}

/* As if the line had stuck it, and been ended in vain. */
static void move_away(const struct message *message)
{
  struct message *moved = message_create(MESSAGE_MOVED, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  moved->as.moved.worker = ADDRESS_WORKER;
  moved->as.moved.replacement = ADDRESS_WORKER + 1;
  moved->as.moved.text = memory_strdup("it is stuck");
  bus_post(house.bus, moved);
  print_back(message);
}

/* Whatever begins with `wait` has no end. */
static void evaluate(const struct message *message)
{
  atomic_fetch_add(&house.evaluations, 1);
  if (strncmp(message->as.console.text, "wait", 4) == 0)
    return;
  if (strcmp(message->as.console.text, "stick") == 0)
    move_away(message);
  else
    print_back(message);
  bus_post(house.bus,
           message_reply(message, memory_printf("{\"results\":\"%llu\"}",
                                                (unsigned long long)message->as.console.session)));
}

static void worker_receives(void *context, struct message_list *messages)
{
  (void)context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_EVALUATE) {
      evaluate(message);
    } else if (message->kind == MESSAGE_COMPLETE) {
      bus_post(house.bus, message_reply(message, memory_strdup("[\"a\",\"b\"]")));
    } else if (message->kind == MESSAGE_END_SESSION) {
      atomic_fetch_add(&house.ended_sessions, 1);
    } else if (message->kind == MESSAGE_INTERRUPT) {
      atomic_fetch_add(&house.interrupts, 1);
    }
    message_destroy(message);
  }
}

static void front_receives(void *context, struct message_list *messages)
{
  (void)context;
  struct message *message;
  while ((message = message_list_pop(messages)))
    if (!server_receive(house.server, message))
      message_destroy(message);
}

static void on_stop(void *context, int64_t grace_us)
{
  (void)context;
  atomic_store(&house.grace_us, grace_us);
  atomic_fetch_add(&house.stops, 1);
}

/* ---- the house ---- */

static void on_end(uv_async_t *end)
{
  server_close(house.server);
  bus_close(house.bus, ADDRESS_SCHEDULER);
  bus_close(house.bus, ADDRESS_FRONT);
  bus_close(house.bus, ADDRESS_WORKER);
  bus_close(house.bus, ADDRESS_WORKER + 1);
  uv_close((uv_handle_t *)end, NULL);
}

static void run_loop(void *argument)
{
  (void)argument;
  uv_run(&house.loop, UV_RUN_DEFAULT);
}

static int open_house(void **state)
{
  (void)state;
  struct error error;
  memset(&house, 0, sizeof house);
  house.folder = scratch_folder();
  house.path = options_socket_path(house.folder);
  house.bus = bus_create();
  uv_loop_init(&house.loop);
  uv_async_init(&house.loop, &house.end, on_end);
  bus_open(house.bus, ADDRESS_SCHEDULER, &house.loop, scheduler_receives, NULL);
  bus_open(house.bus, ADDRESS_FRONT, &house.loop, front_receives, NULL);
  bus_open(house.bus, ADDRESS_WORKER, &house.loop, worker_receives, NULL);
  bus_open(house.bus, ADDRESS_WORKER + 1, &house.loop, worker_receives, NULL);
  house.server = server_create(&(struct server_options){
      .loop = &house.loop, .bus = house.bus, .workers = 1, .on_stop = on_stop});
  if (server_listen(house.server, house.path, &error))
    return -1;
  return uv_thread_create(&house.thread, run_loop, NULL);
}

static int close_house(void **state)
{
  (void)state;
  uv_async_send(&house.end);
  uv_thread_join(&house.thread);
  /* Every handle is closed, or this fails: nothing leaks, whatever the clients did. */
  int status = uv_loop_close(&house.loop);
  bus_destroy(house.bus);
  struct stat found;
  bool is_left = lstat(house.path, &found) == 0;
  free(house.path);
  return status != 0 || is_left ? -1 : 0;
}

/* ---- clients ---- */

static int connect_raw(void)
{
  int fd = unix_socket_connect(house.path);
  assert_true(fd >= 0);
  return fd;
}

static void send_raw(int fd, const char *bytes, size_t size)
{
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0)
      return; /* the server has had enough: what it said can still be read */
    bytes += sent;
    size -= (size_t)sent;
  }
}

/* All that comes until the server closes. */
static char *receive_raw(int fd)
{
  struct buffer all = {0};
  char bytes[65536];
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  while (poll(&poll_fd, 1, WAIT_MS) > 0) {
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size <= 0)
      break;
    buffer_append(&all, bytes, (size_t)size);
  }
  return buffer_take(&all);
}

/* Until there is such a text in it, and the end of a line. */
static char *receive_some(int fd, const char *wanted)
{
  struct buffer all = {0};
  char bytes[65536];
  bool is_found = false;
  while (!is_found || all.data[all.size - 1] != '\n') {
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    assert_true(size > 0);
    size_t searched = all.size < strlen(wanted) ? 0 : all.size - strlen(wanted);
    buffer_append(&all, bytes, (size_t)size);
    is_found = is_found || strstr(all.data + searched, wanted);
  }
  return buffer_take(&all);
}

static void expect_exchange(const char *sent, size_t size, const char *received)
{
  int fd = connect_raw();
  send_raw(fd, sent, size);
  shutdown(fd, SHUT_WR);
  char *answer = receive_raw(fd);
  assert_string_equal(answer, received);
  free(answer);
  close(fd);
}

/* The server still does its work, be it after it has noticed that a crowd has left. */
static void expect_alive(void)
{
  static const char frame[] = "{\"id\":1,\"op\":\"echo\",\"params\":{\"a\":[1]}}\n";
  for (int i = 0; i < WAIT_MS / 10; i++) {
    int fd = connect_raw();
    send_raw(fd, frame, sizeof frame - 1);
    shutdown(fd, SHUT_WR);
    char *answer = receive_raw(fd);
    bool is_busy = strstr(answer, "\"busy\"") != NULL;
    if (!is_busy)
      assert_string_equal(answer, "{\"id\":1,\"result\":{\"a\":[1]}}\n");
    free(answer);
    close(fd);
    if (!is_busy)
      return;
    usleep(10000);
  }
  fail_msg("no place is free again");
}

static struct control *open_client(void)
{
  struct control *control;
  struct error error;
  assert_int_equal(control_open(house.folder, &control, &error), ERROR_OK);
  return control;
}

static void expect_count(atomic_long *counter, long wanted)
{
  for (int i = 0; i < WAIT_MS && atomic_load(counter) != wanted; i++)
    usleep(1000);
  assert_int_equal(atomic_load(counter), wanted);
}

/* ---- tests ---- */

static void answers_and_refuses(void **state)
{
  (void)state;
#define BAD(id, text) "{\"id\":" id ",\"error\":{\"code\":\"invalid\",\"message\":\"" text "\"}}\n"
  static const struct {
    const char *sent, *received;
  } cases[] = {
      {"{\"op\":\"echo\"}\n", "{\"id\":null,\"result\":null}\n"},
      {"{\"id\":\"x\",\"op\":\"echo\",\"params\":{}}\r\n\n", "{\"id\":\"x\",\"result\":{}}\n"},
      {"{\"id\":1,\"op\":\"nosuch\"}\n", "{\"id\":1,\"error\":{\"code\":\"not_found\",\"message\":"
                                         "\"unknown operation \\\"nosuch\\\"\"}}\n"},
      {"hello\n", BAD("null", "not a frame: line 1, column 1: not a number")},
      {"[1]\n", BAD("null", "a frame must be an object with \\\"id\\\" and \\\"op\\\"")},
      {"{\"id\":1}\n", BAD("1", "\\\"op\\\" must be the name of an operation")},
      {"{\"id\":1,\"op\":7}\n", BAD("1", "\\\"op\\\" must be the name of an operation")},
      {"{\"id\":{},\"op\":\"echo\"}\n",
       BAD("null", "\\\"id\\\" must be an integer or a short string")},
      {"{\"id\":1,\"op\":\"echo\",\"params\":[]}\n", BAD("1", "\\\"params\\\" must be an object")},
      {"{\"id\":1,\"op\":\"echo\",\"parms\":{}}\n",
       BAD("1", "unknown member \\\"parms\\\" of a frame, did you mean \\\"params\\\"?")},
      {"{\"id\":1,\"op\":\"evaluate\"}\n", BAD("1", "\\\"text\\\" must be a string")},
      {"{\"id\":1,\"op\":\"evaluate\",\"params\":{\"text\":\"a\\u0000\"}}\n",
       BAD("1", "\\\"text\\\" must not hold a NUL character")},
      {"{\"id\":1,\"op\":\"subscribe\",\"params\":{\"events\":[\"job_eror\"]}}\n",
       BAD("1", "unknown event \\\"job_eror\\\", did you mean \\\"job_error\\\"?")},
      {"{\"id\":1,\"op\":\"subscribe\",\"params\":{\"job\":5}}\n",
       BAD("1", "job must be a string, not an integer")},
      {"{\"id\":1,\"op\":\"subscribe\",\"params\":{\"run\":[\"a\"]}}\n",
       BAD("1", "run must be a string, not an array")},
      {"{\"id\":1,\"op\":\"stop\",\"params\":{\"grace\":-1}}\n",
       BAD("1", "grace: a duration cannot be negative")},
      {"{\"id\":1,\"op\":\"stop\",\"params\":{\"grace\":\"15250000w\"}}\n",
       BAD("1", "grace: the duration is over 1000 years")},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_exchange(cases[i].sent, strlen(cases[i].sent), cases[i].received);
  expect_exchange("{\"id\":1,\0}\n", 11,
                  BAD("null", "not a frame: line 1, column 9: a key in quotes is missing"));
}

/* Answers and prints of the old session come too late. */
static void moves_consoles_of_a_stuck_worker(void **state)
{
  (void)state;
#define LINE(id, text) "{\"id\":" id ",\"op\":\"evaluate\",\"params\":{\"text\":\"" text "\"}}\n"
  static const char first[] = LINE("1", "a"), second[] = LINE("2", "stick"),
                    third[] = LINE("3", "b");
  int busy = connect_raw(), idle = connect_raw();
  char *answer;
  send_raw(idle, first, sizeof first - 1);
  answer = receive_some(idle, "}\n{\"id\":1,\"result\"");
  free(answer);
  send_raw(busy, second, sizeof second - 1);
  answer = receive_some(busy, "\n");
  assert_string_equal(
      answer, "{\"id\":2,\"error\":{\"code\":\"unavailable\",\"message\":\"it is stuck\"}}\n");
  free(answer);
  answer = receive_some(idle, "\n");
  assert_string_equal(answer, "{\"print\":\"it is stuck\"}\n");
  free(answer);
  expect_count(&house.ended_sessions, 2);
  send_raw(busy, third, sizeof third - 1);
  answer = receive_some(busy, "\"result\"");
  assert_non_null(strstr(answer, "{\"print\":\"b\"}\n{\"id\":3,\"result\""));
  assert_null(strstr(answer, "stick"));
  free(answer);
  close(busy);
  close(idle);
  expect_count(&house.ended_sessions, 4);
}

static void bounds_frames(void **state)
{
  (void)state;
  enum { SIZE = SERVER_FRAME_MAX + 100 };
  char *bytes = memory_alloc(SIZE);
  memset(bytes, 'a', SIZE);
  static const char refusal[] =
      "{\"id\":null,\"error\":{\"code\":\"limit\",\"message\":\"frame of more than 1048576 bytes: "
      "send less at once\"}}\n";
  expect_exchange(bytes, SIZE, refusal);
  bytes[SIZE - 1] = '\n';
  expect_exchange(bytes, SIZE, refusal);
  free(bytes);
  expect_alive();
}

static void survives_clients_that_leave(void **state)
{
  (void)state;
  static const char *const starts[] = {
      "",
      "{\"id\":1,\"op",
      "{\"id\":1,\"op\":\"never\"}\n",
      "{\"id\":1,\"op\":\"big\"}\n",
      "{\"id\":1,\"op\":\"evaluate\",\"params\":{\"text\":\"x\"}}\n",
      "{\"id\":1,\"op\":\"subscribe\"}\n{\"id\":2,\"op\":\"flood\"}\n"};
  for (int round = 0; round < 10; round++)
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
      int fd = connect_raw();
      send_raw(fd, starts[i], strlen(starts[i]));
      close(fd);
    }
  expect_alive();
}

#define WAIT_FRAME "{\"id\":1,\"op\":\"evaluate\",\"params\":{\"text\":\"wait\"}}\n"

/* Who is not read from, as it has said all that it wants to say, or all that it may for now. */
static void notices_that_who_waits_has_left(void **state)
{
  (void)state;
  struct buffer many = {0};
  for (int i = 0; i < SERVER_REQUESTS_MAX; i++)
    buffer_append_text(&many, WAIT_FRAME);
  int waits_still = connect_raw();
  send_raw(waits_still, WAIT_FRAME, strlen(WAIT_FRAME));
  shutdown(waits_still, SHUT_WR);
  for (int i = 1; i < SERVER_CONNECTIONS_MAX; i++) {
    bool is_flood = i % 2 == 1;
    int fd = connect_raw();
    send_raw(fd, many.data, is_flood ? many.size : strlen(WAIT_FRAME));
    if (!is_flood)
      shutdown(fd, SHUT_WR);
    usleep(2000);
    close(fd);
  }
  expect_count(&house.ended_sessions, SERVER_CONNECTIONS_MAX - 1);
  expect_alive();
  struct pollfd poll_fd = {.fd = waits_still, .events = POLLIN};
  assert_int_equal(poll(&poll_fd, 1, 0), 0);
  close(waits_still);
  expect_count(&house.ended_sessions, SERVER_CONNECTIONS_MAX);
  buffer_deinit(&many);
}

static void append_large(struct buffer *frames, int id, size_t size)
{
  buffer_printf(frames, "{\"id\":%d,\"op\":\"evaluate\",\"params\":{\"text\":\"wait%0*d\"}}\n", id,
                (int)size, 0);
}

/* A megabyte of what is asked for and not done is enough, and what comes to nothing counts no
 * more. */
static void bounds_what_a_console_is_asked(void **state)
{
  (void)state;
  struct buffer frames = {0};
  for (int i = 1; i <= 2; i++)
    append_large(&frames, i, 900 << 10);
  buffer_append_text(&frames, "{\"id\":3,\"op\":\"evaluate\",\"params\":{\"text\":\"x\"}}\n");
  int fd = connect_raw(), other = connect_raw();
  send_raw(fd, frames.data, frames.size);
  expect_count(&house.evaluations, 2);
  usleep(100000);
  assert_int_equal(atomic_load(&house.evaluations), 2);
  static const char stick[] = "{\"id\":4,\"op\":\"evaluate\",\"params\":{\"text\":\"stick\"}}\n";
  send_raw(other, stick, sizeof stick - 1);
  free(receive_some(fd, "\"id\":3"));
  close(fd);
  close(other);
  buffer_deinit(&frames);
}

static void answers_a_burst_in_full(void **state)
{
  (void)state;
  enum { COUNT = 5000 };
  struct buffer burst = {0};
  for (int i = 1; i <= COUNT; i++)
    buffer_printf(&burst, "{\"id\":%d,\"op\":\"echo\",\"params\":{\"n\":%d}}\n", i, i);
  struct buffer wanted = {0};
  for (int i = 1; i <= COUNT; i++)
    buffer_printf(&wanted, "{\"id\":%d,\"result\":{\"n\":%d}}\n", i, i);
  expect_exchange(burst.data, burst.size, wanted.data);
  buffer_deinit(&burst);
  buffer_deinit(&wanted);
}

/* It asks for 40 MB and reads nothing: it is not read from any more, and others are served. */
static void stops_reading_from_who_does_not_read(void **state)
{
  (void)state;
  int fd = connect_raw();
  for (int i = 0; i < 40; i++)
    send_raw(fd, "{\"id\":1,\"op\":\"big\"}\n", 20);
  expect_alive();
  shutdown(fd, SHUT_WR);
  char *all = receive_raw(fd);
  assert_int_equal(strlen(all), 40 * ((1 << 20) + 2 + strlen("{\"id\":1,\"result\":}\n")));
  free(all);
  close(fd);
}

/* 12 MB of events, and nobody takes them; then somebody does. */
static void tells_a_slow_subscriber_what_it_lost(void **state)
{
  (void)state;
  int fd = connect_raw();
  send_raw(fd, "{\"id\":1,\"op\":\"subscribe\"}\n", 26);
  expect_count(&house.watch_on, 1);
  send_raw(fd, "{\"id\":2,\"op\":\"flood\"}\n", 22);
  struct control *control = open_client(); /* another one is served all the time */
  struct json_document *answer;
  struct error error;
  assert_int_equal(control_request(control, "echo", "{}", &answer, &error), ERROR_OK);
  json_free(answer);
  control_close(control);
  char *all = receive_some(fd, "\"scheduler_events_lost\"");
  int got = 0, lost = 0;
  static const char start[] = "{\"event\":{\"event\":\"job_log\"";
  for (const char *line = all; *line; line = strchr(line, '\n') + 1)
    got += strncmp(line, start, sizeof start - 1) == 0;
  char *told = strstr(all, "\"scheduler_events_lost\"");
  assert_non_null(told);
  char *count = strstr(told, "\"count\":");
  assert_non_null(count);
  lost = atoi(count + strlen("\"count\":"));
  assert_int_equal(got + lost, 3000);
  assert_true(got > 1000 && lost > 100);
  free(all);
  close(fd);
  expect_count(&house.watch_off, 1);
  expect_alive();
}

static void pushes_what_was_subscribed_to(void **state)
{
  (void)state;
  struct control *control = open_client();
  struct json_document *answer, *frame;
  struct error error;
  assert_int_equal(control_request(control, "subscribe",
                                   "{\"events\":[\"job_log\",\"job_error\"],\"job\":\"odd\"}",
                                   &answer, &error),
                   ERROR_OK);
  json_free(answer);
  assert_int_equal(control_request(control, "flood", NULL, &answer, &error), ERROR_OK);
  json_free(answer);
  int count = 0;
  while (control_receive(control, 200, &frame, &error) == ERROR_OK && frame) {
    const struct json *event = json_get(json_root(frame), "event");
    assert_string_equal(json_text(json_get(event, "job"), ""), "odd");
    count++;
    json_free(frame);
  }
  assert_int_equal(count, 1500);
  assert_int_equal(control_request(control, "unsubscribe", NULL, &answer, &error), ERROR_OK);
  json_free(answer);
  control_close(control);
  expect_count(&house.watch_off, 1);
}

static void a_bad_subscribe_changes_nothing(void **state)
{
  (void)state;
  struct control *control = open_client();
  struct json_document *answer, *frame;
  struct error error;
  assert_int_equal(control_request(control, "subscribe", "{\"job\":\"odd\"}", &answer, &error),
                   ERROR_OK);
  json_free(answer);
  assert_int_not_equal(
      control_request(control, "subscribe", "{\"events\":[\"job_eror\"]}", &answer, &error),
      ERROR_OK);
  assert_int_equal(control_request(control, "flood", NULL, &answer, &error), ERROR_OK);
  json_free(answer);
  assert_int_equal(control_receive(control, WAIT_MS, &frame, &error), ERROR_OK);
  assert_non_null(frame);
  assert_string_equal(json_text(json_get(json_get(json_root(frame), "event"), "job"), ""), "odd");
  json_free(frame);
  control_close(control);
  expect_count(&house.watch_off, 1);
}

static void keeps_console_sessions_apart(void **state)
{
  (void)state;
  struct control *clients[2] = {open_client(), open_client()};
  char sessions[2][24];
  struct error error;
  for (int i = 0; i < 2; i++) {
    struct json_document *answer, *frame;
    assert_int_equal(control_request(clients[i], "evaluate", "{\"text\":\"hi\"}", &answer, &error),
                     ERROR_OK);
    snprintf(sessions[i], sizeof sessions[i], "%s",
             json_text(json_get(control_result(answer), "results"), ""));
    json_free(answer);
    assert_int_equal(control_receive(clients[i], WAIT_MS, &frame, &error), ERROR_OK);
    assert_string_equal(json_text(json_get(json_root(frame), "print"), ""), "hi");
    json_free(frame);
    assert_int_equal(control_request(clients[i], "interrupt", NULL, &answer, &error), ERROR_OK);
    json_free(answer);
  }
  assert_string_not_equal(sessions[0], sessions[1]);
  expect_count(&house.interrupts, 2);
  control_close(clients[0]);
  control_close(clients[1]);
  expect_count(&house.ended_sessions, 2);
}

static void a_late_answer_is_dropped(void **state)
{
  (void)state;
  struct control *control = open_client();
  struct json_document *answer;
  struct error error;
  assert_int_equal(control_call(control, "never", NULL, 20, &answer, &error), ERROR_TIMEOUT);
  assert_int_equal(control_call(control, "late", NULL, 0, &answer, &error), ERROR_TIMEOUT);
  assert_int_equal(control_request(control, "echo", "{\"a\":1}", &answer, &error), ERROR_OK);
  assert_int_equal(json_integer(json_get(control_result(answer), "a"), 0), 1);
  json_free(answer);
  control_close(control);
}

static void stops_when_asked(void **state)
{
  (void)state;
  static const char plain[] = "{\"id\":1,\"op\":\"stop\"}\n";
  static const char graceful[] = "{\"id\":1,\"op\":\"stop\",\"params\":{\"grace\":\"2s\"}}\n";
  expect_exchange(plain, sizeof plain - 1, "{\"id\":1,\"result\":{}}\n");
  assert_int_equal(atomic_load(&house.grace_us), -1);
  expect_exchange(graceful, sizeof graceful - 1, "{\"id\":1,\"result\":{}}\n");
  assert_int_equal(atomic_load(&house.grace_us), 2000000);
  assert_int_equal(atomic_load(&house.stops), 2);
}

static void fill_places(int fds[SERVER_CONNECTIONS_MAX], const char *with)
{
  for (int i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
    fds[i] = connect_raw();
    send_raw(fds[i], with, strlen(with));
  }
}

static void has_room_for_so_many(void **state)
{
  (void)state;
  int fds[SERVER_CONNECTIONS_MAX];
  fill_places(fds, "{\"op\":\"never\"}\n");
  usleep(50000);
  int one_more = connect_raw();
  char *answer = receive_raw(one_more);
  assert_string_equal(answer, "{\"id\":null,\"error\":{\"code\":\"busy\",\"message\":\"all 256 "
                              "connections are in use\"}}\n");
  free(answer);
  close(one_more);
  close(fds[0]);
  usleep(50000);
  expect_alive();
  for (int i = 1; i < SERVER_CONNECTIONS_MAX; i++)
    close(fds[i]);
}

/* However many there are: of those who have asked nothing, the one goes that came first. */
static void who_says_nothing_makes_room(void **state)
{
  (void)state;
  int fds[SERVER_CONNECTIONS_MAX];
  fill_places(fds, "");
  expect_alive();
  char *answer = receive_raw(fds[0]);
  assert_string_equal(
      answer, "{\"id\":null,\"error\":{\"code\":\"busy\",\"message\":\"closed to make room: "
              "it has asked nothing for the longest time\"}}\n");
  free(answer);
  for (int i = 0; i < SERVER_CONNECTIONS_MAX; i++)
    close(fds[i]);
}

/* Who has left holds no place, also when that has not been noticed yet. */
static void who_has_left_makes_room(void **state)
{
  (void)state;
  int fds[SERVER_CONNECTIONS_MAX];
  fill_places(fds, "{\"id\":1,");
  atomic_store(&house.is_holding, true);
  send_raw(fds[0], "\"op\":\"hold\"}\n", 14);
  while (!atomic_load(&house.is_held))
    usleep(1000);
  int newcomer = connect_raw();
  for (int i = 1; i < SERVER_CONNECTIONS_MAX; i++)
    close(fds[i]);
  send_raw(newcomer, "{\"id\":2,\"op\":\"echo\"}\n", 21);
  atomic_store(&house.is_holding, false);
  char *answer = receive_some(newcomer, "\"id\"");
  assert_string_equal(answer, "{\"id\":2,\"result\":null}\n");
  free(answer);
  close(newcomer);
  close(fds[0]);
}

static void nobody_else_may_use_the_socket(void **state)
{
  (void)state;
  struct stat found;
  assert_int_equal(stat(house.path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0600);
}

static void says_that_nobody_runs(void **state)
{
  (void)state;
  struct control *control;
  struct error error;
  assert_int_equal(control_open("/nonexistent/.moonbeat", &control, &error), ERROR_UNAVAILABLE);
  assert_string_equal(error.text, "no moonbeat is running on /nonexistent/.moonbeat (start one "
                                  "with: moonbeat run jobs)");
}

/* Its socket was removed, or is not there yet, or is gone already. */
static void says_that_one_runs_unreachable(void **state)
{
  (void)state;
  struct control *control;
  struct error error;
  int lock;
  char *folder = scratch_folder();
  char *store = options_store_path(folder);
  assert_int_equal(lock_take(store, &lock, &error), ERROR_OK);
  assert_int_equal(control_open(folder, &control, &error), ERROR_UNAVAILABLE);
  char *wanted =
      memory_printf("a moonbeat (pid %d) runs on %s, but without the socket control.sock: it is "
                    "starting or ending, or somebody has removed that; if so, end it with kill %d "
                    "and start it again",
                    (int)getpid(), folder, (int)getpid());
  assert_string_equal(error.text, wanted);
  close(lock);
  free(wanted);
  free(store);
}

static void long_paths_work(void **state)
{
  (void)state;
  char *deep = memory_printf("%s/%0150d", scratch_folder(), 0);
  assert_int_equal(mkdir(deep, 0700), 0);
  char *path = options_socket_path(deep);
  int listener = unix_socket_bind(path);
  assert_true(listener >= 0);
  assert_int_equal(listen(listener, 1), 0);
  int fd = unix_socket_connect(path);
  assert_true(fd >= 0);
  close(fd);
  close(listener);
  free(path);
  free(deep);
}

int main(void)
{
#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
  const struct CMUnitTest tests[] = {
      IN_HOUSE(answers_and_refuses),
      IN_HOUSE(moves_consoles_of_a_stuck_worker),
      IN_HOUSE(bounds_frames),
      IN_HOUSE(survives_clients_that_leave),
      IN_HOUSE(notices_that_who_waits_has_left),
      IN_HOUSE(bounds_what_a_console_is_asked),
      IN_HOUSE(answers_a_burst_in_full),
      IN_HOUSE(stops_reading_from_who_does_not_read),
      IN_HOUSE(tells_a_slow_subscriber_what_it_lost),
      IN_HOUSE(pushes_what_was_subscribed_to),
      IN_HOUSE(a_bad_subscribe_changes_nothing),
      IN_HOUSE(keeps_console_sessions_apart),
      IN_HOUSE(a_late_answer_is_dropped),
      IN_HOUSE(stops_when_asked),
      IN_HOUSE(has_room_for_so_many),
      IN_HOUSE(who_says_nothing_makes_room),
      IN_HOUSE(who_has_left_makes_room),
      IN_HOUSE(nobody_else_may_use_the_socket),
      cmocka_unit_test(says_that_nobody_runs),
      cmocka_unit_test(says_that_one_runs_unreachable),
      cmocka_unit_test(long_paths_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
