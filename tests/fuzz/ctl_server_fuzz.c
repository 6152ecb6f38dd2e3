/* A client that writes anything at all to the control socket: the server lives, every line that it
 * sends is JSON, and a good request behind the bad ones is still answered unless the connection was
 * ended. The scheduler and the worker are mailboxes that answer with what they were asked. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "ctl/frame.h"
#include "ctl/server.h"
#include "driver.h"

enum { ROUNDS = 6, INPUT_MAX = 4096 };

static const char *const seeds[] = {
    "{\"id\":1,\"op\":\"ping\"}\n",
    "{\"id\":\"a\",\"op\":\"list\",\"params\":{\"limit\":10}}\n{\"id\":null,\"op\":\"x\"}\n",
    "{\"id\":1,\"op\":\"subscribe\",\"params\":{\"events\":[\"job_*\"],\"job\":\"a\"}}\n",
    "{\"id\":1,\"op\":\"evaluate\",\"params\":{\"text\":\"1+1\"}}\n{\"id\":2,\"op\":\"interrupt\"}"
    "\n",
    "{\"id\":1,\"op\":\"complete\",\"params\":{\"text\":\"sch\"}}\n",
    "{\"id\":1,\"op\":\"unsubscribe\"}\n{\"op\":\"ping\"}\n[]\n{}\nnull\n\"\"\n",
    "{\"id\":1,\"op\":\"watch_events\",\"params\":{\"on\":true}}\n",
    "{\"id\":{\"a\":[1]},\"op\":\"ping\",\"more\":1}\n{\"id\":1,\"op\":7}\n",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

static uv_loop_t loop;
static struct bus *bus;
static struct server *server;

static void on_stop(void *context, int64_t grace_us)
{
  (void)context;
  (void)grace_us;
}

static void front_receives(void *context, struct message_list *messages)
{
  (void)context;
  struct message *message;
  while ((message = message_list_pop(messages)))
    if (!server_receive(server, message))
      message_destroy(message);
}

static void others_receive(void *context, struct message_list *messages)
{
  (void)context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_REQUEST)
      bus_post(bus, message_reply(message, memory_strdup("{}")));
    message_destroy(message);
  }
}

static void begin(void)
{
  if (server)
    return;
  uv_loop_init(&loop);
  bus = bus_create();
  struct server_options options = {.loop = &loop, .bus = bus, .workers = 1, .on_stop = on_stop};
  server = server_create(&options);
  bus_open(bus, ADDRESS_FRONT, &loop, front_receives, NULL);
  bus_open(bus, ADDRESS_SCHEDULER, &loop, others_receive, NULL);
  bus_open(bus, ADDRESS_WORKER, &loop, others_receive, NULL);
}

/* Reads what is there; true when the server has ended the connection. */
static bool read_answers(int fd, struct frame_splitter *answers, bool *has_pong)
{
  char bytes[65536], *line;
  size_t size;
  ssize_t got;
  while ((got = read(fd, bytes, sizeof bytes)) > 0)
    frame_push(answers, bytes, (size_t)got);
  while (frame_next(answers, &line, &size) == FRAME_READY) {
    struct json_document *document = NULL;
    struct error error;
    if (json_parse(line, size, &document, &error))
      fuzz_fail("an answer is no JSON: %s: %s", error.text, line);
    const char *id = json_text(json_get(json_root(document), "id"), "");
    *has_pong |= strcmp(id, "the last one") == 0;
    fuzz_accepted += json_get(json_root(document), "result") != NULL;
    json_free(document);
  }
  return got == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char ping[] = "\n{\"id\":\"the last one\",\"op\":\"ping\"}\n";
  struct frame_splitter answers = {.limit = 1 << 24};
  struct error error;
  int ends[2];
  begin();
  if (size > INPUT_MAX)
    size = INPUT_MAX;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
      server_adopt(server, ends[0], &error))
    fuzz_fail("no connection");
  if (write(ends[1], data, size) != (ssize_t)size ||
      write(ends[1], ping, sizeof ping - 1) != (ssize_t)sizeof ping - 1)
    fuzz_fail("the socket takes no %zu bytes", size);
  bool has_pong = false, has_ended = false;
  for (int i = 0; i < ROUNDS || (!has_pong && !has_ended && i < ROUNDS * 100); i++) {
    uv_run(&loop, UV_RUN_NOWAIT);
    has_ended |= read_answers(ends[1], &answers, &has_pong);
  }
  if (!has_pong && !has_ended)
    fuzz_fail("a good request behind %.*s is not answered", (int)size, (const char *)data);
  close(ends[1]);
  while (server_connection_count(server))
    uv_run(&loop, UV_RUN_NOWAIT);
  frame_splitter_deinit(&answers);
  return 0;
}
