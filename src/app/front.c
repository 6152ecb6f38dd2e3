#include "app/front.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/service.h"
#include "app/signals.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/thread.h"
#include "bus/need.h"
#include "ctl/options.h"
#include "ctl/server.h"
#include "script/watch.h"
#include "sensor/sensor.h"
#include "time/zone.h"

/* A thread of the program that waits for the answer to a request of its own. */
struct waiter {
  struct waiter *next;
  uint64_t tag;
  struct message *reply;
  bool answered;
  uv_cond_t answered_cond;
};

enum { ZONES_MS = 3600000 }; /* updates come unasked, some times a year */

struct front {
  struct bus *bus;
  struct moonbeat_options options;
  uv_thread_t thread;
  uv_loop_t loop;
  struct server *server;
  struct watch *watch;
  struct sensors *sensors;
  struct service *service; /* NULL in a program that is none */
  uv_poll_t signals;
  uv_timer_t zones;
  bool stopping;
  atomic_bool has_ended; /* its thread */
  uv_mutex_t mutex;      /* guards what follows */
  struct waiter *waiters;
  uint64_t last_tag;
  bool ended;
};

static void ask_to_stop(void *context, int64_t grace_us)
{
  struct front *f = context;
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = grace_us < 0 ? f->options.grace_us : grace_us;
  bus_post(f->bus, m);
  if (f->service)
    service_stopping(f->service);
}

static void take_signal(struct front *f, int number)
{
  if (number == SIGHUP) {
    service_reload(f->service);
    return;
  }
  if (f->stopping)
    log_warn("%s again: cutting runs off", strsignal(number));
  ask_to_stop(f, f->stopping ? 0 : -1);
  f->stopping = true;
}

static void on_signals(uv_poll_t *handle, int status, int events)
{
  int number;
  (void)status, (void)events;
  while ((number = signals_take()))
    take_signal(handle->data, number);
}

static void answer_waiter(struct front *f, struct message *reply)
{
  uv_mutex_lock(&f->mutex);
  for (struct waiter *w = f->waiters; w; w = w->next)
    if (w->tag == reply->tag) {
      w->reply = reply;
      w->answered = true;
      reply = NULL;
      uv_cond_signal(&w->answered_cond);
      break;
    }
  uv_mutex_unlock(&f->mutex);
  message_destroy(reply);
}

static void end(struct front *f)
{
  if (f->options.handle_signals)
    uv_close((uv_handle_t *)&f->signals, NULL);
  service_close(f->service);
  watch_close(f->watch);
  sensors_close(f->sensors);
  uv_close((uv_handle_t *)&f->zones, NULL);
  server_stop_listening(f->server);
  server_close(f->server);
  bus_close(f->bus, ADDRESS_FRONT);
  uv_mutex_lock(&f->mutex);
  f->ended = true;
  for (struct waiter *w = f->waiters; w; w = w->next)
    if (!w->answered) {
      w->answered = true;
      uv_cond_signal(&w->answered_cond);
    }
  uv_mutex_unlock(&f->mutex);
}

static void report(void *context, const char *key, const struct sensor_news *news)
{
  struct front *f = context;
  struct message *m = message_create(MESSAGE_SENSED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.sensor.key = memory_strdup(key);
  m->as.sensor.events = memory_strdup(news->events);
  m->as.sensor.position = memory_strdup(news->position);
  m->as.sensor.problem = memory_strdup(news->problem);
  bus_post(f->bus, m);
}

/* A log of changes kept in our own store would change it at each commit. */
static bool is_own_store(const struct front *f, const char *key)
{
  struct json_document *source;
  if (!f->options.state_folder || json_parse(key, strlen(key), &source, NULL))
    return false;
  const char *database = json_text(json_get(json_root(source), "database"), NULL);
  char *path = database ? realpath(database, NULL) : NULL;
  char *store = options_store_path(f->options.state_folder);
  char *own = realpath(store, NULL);
  bool is_own = path && own && strcmp(path, own) == 0;
  json_free(source);
  free(path);
  free(store);
  free(own);
  return is_own;
}

/* The key of a topic is what its sensor is to watch. */
static void sense(struct front *f, const struct message *m)
{
  if (is_own_store(f, m->as.sensor.key))
    report(f, m->as.sensor.key,
           &(struct sensor_news){.problem = "it is this moonbeat's own store: on_event and "
                                            "after_job tell what happens in it"});
  else if (m->kind == MESSAGE_ACKNOWLEDGE)
    sensors_acknowledge(f->sensors, m->as.sensor.key, m->as.sensor.position);
  else
    sensors_set(f->sensors, m->as.sensor.key, m->as.sensor.is_over ? NULL : m->as.sensor.key,
                m->as.sensor.position);
}

/* Without a folder there is nothing to scan, which is told all the same. */
static void answer_scan(struct front *f, uint64_t tag)
{
  struct message *m = message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->tag = tag;
  bus_post(f->bus, m);
}

/* ---- time zones ---- */

static void look_at_zones(struct front *f)
{
  int count = zone_refresh();
  if (count == 0)
    return;
  struct message *m = message_create(MESSAGE_ZONES, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.zones.count = count;
  bus_post(f->bus, m);
}

static void on_zones(uv_timer_t *timer)
{
  look_at_zones(timer->data);
}

static void receive(void *context, struct message_list *messages)
{
  struct front *f = context;
  struct message *m;
  while ((m = message_list_pop(messages))) {
    if (m->kind == MESSAGE_STOP) {
      message_destroy(m);
      end(f);
      message_list_deinit(messages);
    } else if (m->kind == MESSAGE_RESCAN || m->kind == MESSAGE_MODULES) {
      if (m->kind == MESSAGE_RESCAN)
        look_at_zones(f);
      if (f->watch) {
        watch_receive(f->watch, m);
      } else {
        if (m->kind == MESSAGE_RESCAN)
          answer_scan(f, m->tag);
        message_destroy(m);
      }
    } else if (m->kind == MESSAGE_SENSE || m->kind == MESSAGE_ACKNOWLEDGE) {
      sense(f, m);
      message_destroy(m);
    } else if (!service_receive(f->service, m) && !server_receive(f->server, m)) {
      if (m->kind == MESSAGE_REPLY)
        answer_waiter(f, m);
      else
        message_destroy(m);
    }
  }
}

static void run_thread(void *context)
{
  struct front *f = context;
  thread_set_name("front");
  uv_run(&f->loop, UV_RUN_DEFAULT);
  uv_loop_close(&f->loop);
  atomic_store(&f->has_ended, true);
}

static void watch_signals(struct front *f)
{
  need(uv_poll_init(&f->loop, &f->signals, signals_fd()), "the way of signals");
  f->signals.data = f;
  uv_poll_start(&f->signals, UV_READABLE, on_signals);
}

static enum error_code open_parts(struct front *f, struct error *error)
{
  const struct moonbeat_options *o = &f->options;
  enum error_code code = ERROR_OK;
  if (o->serve && o->state_folder) {
    char *path = options_socket_path(o->state_folder);
    code = server_listen(f->server, path, error);
    free(path);
  }
  if (!code && o->control_fd >= 0)
    code = server_adopt(f->server, o->control_fd, error);
  if (!code && o->jobs_folder)
    code = watch_open(&f->loop, f->bus, o->jobs_folder, &f->watch, error);
  else if (!code)
    answer_scan(f, 0);
  return code;
}

/* By its store a daemon is known in the databases that it watches. */
static char *sensor_reader(const struct moonbeat_options *options)
{
  char *path = options->state_folder ? realpath(options->state_folder, NULL) : NULL;
  return path ? path : memory_printf("memory of process %d", process_id());
}

enum error_code front_start(struct bus *bus, const struct moonbeat_options *options,
                            struct front **front, struct error *error)
{
  struct front *f = memory_alloc(sizeof *f);
  f->bus = bus;
  f->options = *options;
  uv_mutex_init(&f->mutex);
  need(uv_loop_init(&f->loop), "the front's event loop");
  f->server = server_create(&(struct server_options){.loop = &f->loop,
                                                     .bus = bus,
                                                     .workers = options->workers,
                                                     .on_stop = ask_to_stop,
                                                     .context = f});
  char *reader = sensor_reader(options);
  f->sensors = sensors_open(&f->loop, reader, report, f);
  free(reader);
  bus_open(bus, ADDRESS_FRONT, &f->loop, receive, f);
  uv_timer_init(&f->loop, &f->zones);
  f->zones.data = f;
  uv_timer_start(&f->zones, on_zones, ZONES_MS, ZONES_MS);
  if (options->handle_signals) {
    f->service = service_open(&f->loop, bus);
    watch_signals(f);
  }
  enum error_code code = open_parts(f, error);
  if (code) {
    end(f);
    run_thread(f);
    uv_mutex_destroy(&f->mutex);
    free(f);
    return code;
  }
  need_pool(&f->loop);
  need(uv_thread_create(&f->thread, run_thread, f), "the front's thread");
  *front = f;
  return ERROR_OK;
}

bool front_has_ended(const struct front *f)
{
  return atomic_load(&f->has_ended);
}

void front_join(struct front *f)
{
  uv_thread_join(&f->thread);
  uv_mutex_destroy(&f->mutex);
  free(f);
}

static enum error_code take_reply(struct message *reply, char **result, struct error *error)
{
  enum error_code code = reply->as.reply.code;
  if (code) {
    error_set(error, code, "%s", reply->as.reply.text);
  } else {
    *result = reply->as.reply.text;
    reply->as.reply.text = NULL;
  }
  message_destroy(reply);
  return code;
}

enum error_code front_request(struct front *f, const char *operation, const char *params,
                              char **result, struct error *error)
{
  struct waiter waiter = {0};
  uv_cond_init(&waiter.answered_cond);
  uv_mutex_lock(&f->mutex);
  waiter.tag = ++f->last_tag;
  waiter.answered = f->ended;
  waiter.next = f->waiters;
  /* cppcheck-suppress autoVariables; it leaves the list before this returns */
  f->waiters = &waiter;
  if (!f->ended) {
    struct message *m = message_create(MESSAGE_REQUEST, ADDRESS_FRONT, ADDRESS_SCHEDULER);
    m->tag = waiter.tag;
    m->as.request.op = memory_strdup(operation);
    m->as.request.params = memory_strdup(params);
    bus_post(f->bus, m);
  }
  while (!waiter.answered)
    uv_cond_wait(&waiter.answered_cond, &f->mutex);
  struct waiter **at = &f->waiters;
  while (*at != &waiter)
    at = &(*at)->next;
  *at = waiter.next;
  uv_mutex_unlock(&f->mutex);
  uv_cond_destroy(&waiter.answered_cond);
  if (!waiter.reply)
    return error_set(error, ERROR_UNAVAILABLE, "the scheduler has stopped");
  return take_reply(waiter.reply, result, error);
}
