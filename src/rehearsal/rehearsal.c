#include "rehearsal/rehearsal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "exec/worker.h"
#include "vm/embedded.h"

enum {
  STEADY_BEGINS_US = 1000000, /* 0 would mean that there is no such instant */
  KEEP_RUNS = 100000000,
};

#define KEEP_US (INT64_C(1000) * 365 * 86400 * 1000000) /* nothing is forgotten */

/* As many jobs are paged in as memory is meant for. */
#define HORIZON_US (INT64_C(400) * 86400 * 1000000)

struct watched {
  struct watched *next;
  char *key;
};

struct rehearsal {
  struct rehearsal_options options;
  char *folder;
  struct store *store;
  struct sim *sim;
  struct bus *bus;
  struct worker *worker;
  struct clock_source clock;
  struct random_source random;
  uint64_t drawn; /* the state of `random`; each rehearsal begins with the same */
  struct watched *watched;
  bool has_work;   /* the worker has, or may have */
  int64_t wake_us; /* what the sim was asked for; INT64_MAX: nothing */
  char *problem;   /* why it cannot go on; NULL: it can */
};

/* ---- time ---- */

static int64_t read_wall(void *context)
{
  return rehearsal_now_us(context);
}

static int64_t steady_us(const struct rehearsal *r)
{
  return rehearsal_now_us(r) - r->options.begins_us + STEADY_BEGINS_US;
}

static int64_t read_steady(void *context)
{
  return steady_us(context);
}

int64_t rehearsal_now_us(const struct rehearsal *r)
{
  return r->sim ? sim_now_us(r->sim) : r->options.begins_us;
}

/* ---- random numbers ---- */

/* splitmix64 */
static uint64_t draw(struct rehearsal *r)
{
  uint64_t x = r->drawn += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

static void fill(void *context, void *bytes, size_t size)
{
  for (char *at = bytes; size > 0;) {
    uint64_t number = draw(context);
    size_t part = size < sizeof number ? size : sizeof number;
    memcpy(at, &number, part);
    at += part;
    size -= part;
  }
}

/* Called around everything in which scripts may run. */
static void enter(struct rehearsal *r)
{
  clock_use(&r->clock);
  random_use(&r->random);
}

static enum error_code leave(struct rehearsal *r, enum error_code code, struct error *error)
{
  clock_use(NULL);
  random_use(NULL);
  if (!r->problem)
    return code;
  return error_set(error, ERROR_TIMEOUT, "%s", r->problem);
}

/* ---- runs, their ends, and what listeners hear ---- */

static void tell_end(const struct rehearsal *r, const struct message *finished)
{
  if (r->options.ends)
    r->options.ends(r->options.context, &finished->as.finished.attempt,
                    finished->as.finished.state);
}

static void model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate)
{
  const struct rehearsal *r = context;
  (void)sim;
  r->options.model(r->options.context, run, fate);
}

/* Of a modelled run. The worker knows who is to be asked before that is reported. */
static bool ended(void *context, struct sim *sim, struct message *run, struct message *finished)
{
  struct rehearsal *r = context;
  (void)sim;
  tell_end(r, finished);
  if (!run->as.run.decide)
    return false;
  r->has_work = true;
  worker_report(r->worker, run, finished);
  return true;
}

/* Fails at once. Takes both. */
static void refuse(struct rehearsal *r, struct message *run, char *why)
{
  struct message *m = message_create(MESSAGE_FINISHED, run->to, ADDRESS_SCHEDULER);
  m->as.finished.attempt = run->as.run.attempt;
  m->as.finished.state = RUN_FAILED;
  m->as.finished.started_us = rehearsal_now_us(r);
  m->as.finished.error = why;
  worker_report(r->worker, run, m);
}

/* Takes the message. */
static void run(struct rehearsal *r, struct message *message)
{
  char *why = NULL;
  if (r->options.begins)
    why = r->options.begins(r->options.context, message);
  message->as.run.isolate = false;
  if (why)
    refuse(r, message, why);
  else
    bus_post(r->bus, message);
}

static void answer_unheard(struct sim *sim, const struct message *event)
{
  struct message *m = message_create(MESSAGE_HEARD, event->to, ADDRESS_SCHEDULER);
  m->as.heard.generation = event->as.event.generation;
  m->as.heard.listener = event->as.event.listener;
  m->as.heard.round = event->as.event.round;
  m->as.heard.heard = 1;
  m->as.heard.heard_number = event->as.event.number;
  sim_tell(sim, m);
}

/* False: the message is for models. */
static bool give_to_worker(struct rehearsal *r, struct sim *sim, struct message *message)
{
  if (r->options.model && (message->kind == MESSAGE_RUN || message->kind == MESSAGE_CANCEL))
    return false;
  if (r->options.model && message->kind == MESSAGE_EVENT) {
    answer_unheard(sim, message);
    message_destroy(message);
    return true;
  }
  r->has_work = true;
  if (message->kind == MESSAGE_RUN)
    run(r, message);
  else
    bus_post(r->bus, message);
  return true;
}

/* ---- from the scheduler ---- */

static struct watched **find_watched(struct rehearsal *r, const char *key)
{
  struct watched **at = &r->watched;
  while (*at && strcmp((*at)->key, key) != 0)
    at = &(*at)->next;
  return at;
}

static void forget_watched(struct watched **at)
{
  struct watched *watched = *at;
  *at = watched->next;
  free(watched->key);
  free(watched);
}

static void sense(struct rehearsal *r, const struct message *message)
{
  struct watched **at = find_watched(r, message->as.sensor.key);
  if (*at && message->as.sensor.is_over) {
    forget_watched(at);
  } else if (!*at && !message->as.sensor.is_over) {
    *at = memory_alloc(sizeof **at);
    (*at)->next = NULL;
    (*at)->key = memory_strdup(message->as.sensor.key);
  }
}

/* What the front would do. */
static void take_as_front(struct rehearsal *r, struct sim *sim, const struct message *message)
{
  if (message->kind == MESSAGE_RESCAN) {
    struct message *scanned = message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
    scanned->tag = message->tag;
    sim_tell(sim, scanned);
  } else if (message->kind == MESSAGE_SENSE) {
    sense(r, message);
  } else if (message->kind == MESSAGE_EVENT && r->options.hear) {
    r->options.hear(r->options.context, message->as.event.name, message->as.event.json);
  }
}

static bool take(void *context, struct sim *sim, struct message *message)
{
  struct rehearsal *r = context;
  if (message->to >= ADDRESS_WORKER)
    return give_to_worker(r, sim, message);
  take_as_front(r, sim, message);
  message_destroy(message);
  return true;
}

/* ---- the worker ---- */

static void wake(void *context, struct sim *sim)
{
  struct rehearsal *r = context;
  (void)sim;
  r->has_work = true; /* which is done when the scheduler rests */
  r->wake_us = INT64_MAX;
}

/* Has time stop where something of the worker's is due. */
static void ask_for_wake(struct rehearsal *r, struct sim *sim)
{
  int64_t due_us = worker_due_us(r->worker), now_us = steady_us(r);
  if (due_us == INT64_MAX || due_us >= r->wake_us)
    return;
  r->wake_us = due_us;
  sim_call_later(sim, due_us > now_us ? due_us - now_us : 0, wake, r);
}

static void rest(void *context, struct sim *sim)
{
  struct rehearsal *r = context;
  if (r->problem || !r->worker || !r->has_work)
    return;
  worker_settle(r->worker, r->options.patience_us, &r->problem);
  struct message_list said = bus_take(r->bus, ADDRESS_SCHEDULER);
  struct message *message;
  while ((message = message_list_pop(&said))) {
    if (message->kind == MESSAGE_FINISHED && !r->options.model)
      tell_end(r, message);
    sim_tell(sim, message);
  }
  r->has_work = worker_is_busy(r->worker);
  ask_for_wake(r, sim);
}

/* Where nothing is run, what is asked shall change nothing. (raw -- raw) */
static void open_harmless(lua_State *L)
{
  embedded_module(L, lua_gettop(L), "simulated");
  lua_pop(L, 1);
}

static void open_worker(struct rehearsal *r)
{
  r->bus = bus_create();
  r->has_work = false;
  r->wake_us = INT64_MAX;
  r->worker = worker_open(
      &(struct worker_options){.bus = r->bus,
                               .address = ADDRESS_WORKER,
                               .jobs_folder = r->folder,
                               .memory_cap = (size_t)r->options.script_memory,
                               .opener = r->options.model ? open_harmless : r->options.opener,
                               .context = r->options.context});
}

static void close_worker(struct rehearsal *r)
{
  if (r->worker)
    worker_close(r->worker);
  if (r->bus)
    bus_destroy(r->bus);
  r->worker = NULL;
  r->bus = NULL;
}

void *rehearsal_context(lua_State *L)
{
  return worker_context(L);
}

/* ---- what the caller does ---- */

struct store *rehearsal_store(struct rehearsal *r)
{
  return r->store;
}

void rehearsal_tell(struct rehearsal *r, struct message *message)
{
  sim_tell(r->sim, message);
}

/* The same, and does what is to be done at this instant. */
static enum error_code tell_now(struct rehearsal *r, struct message *message, struct error *error)
{
  enter(r);
  sim_tell(r->sim, message);
  return leave(r, sim_advance(r->sim, rehearsal_now_us(r), error), error);
}

enum error_code rehearsal_source(struct rehearsal *r, const char *script, const char *path,
                                 const char *text, size_t size, struct error *error)
{
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup(script);
  m->as.source.path = memory_strdup(path);
  m->as.source.text = text ? memory_copy(text, size) : NULL;
  m->as.source.size = size;
  return tell_now(r, m, error);
}

char *rehearsal_ask(struct rehearsal *r, const char *operation, const char *params,
                    struct error *error)
{
  enter(r);
  char *text = sim_ask(r->sim, operation, params, error);
  if (leave(r, ERROR_OK, error)) {
    free(text);
    return NULL;
  }
  return text;
}

int64_t rehearsal_next_us(const struct rehearsal *r)
{
  return sim_next_us(r->sim);
}

enum error_code rehearsal_step(struct rehearsal *r, int64_t until_us, struct error *error)
{
  enter(r);
  int64_t next_us = sim_next_us(r->sim);
  enum error_code code =
      next_us <= until_us ? sim_step(r->sim, error) : sim_advance(r->sim, until_us, error);
  return leave(r, code, error);
}

enum error_code rehearsal_sense(struct rehearsal *r, const char *key, const char *events,
                                struct error *error)
{
  struct message *m = message_create(MESSAGE_SENSED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.sensor.key = memory_strdup(key);
  m->as.sensor.events = memory_strdup(events);
  return tell_now(r, m, error);
}

void rehearsal_each_key(const struct rehearsal *r, rehearsal_key_visitor visit, void *context)
{
  for (const struct watched *watched = r->watched; watched; watched = watched->next)
    visit(context, watched->key);
}

enum error_code rehearsal_scanned(struct rehearsal *r, struct error *error)
{
  return tell_now(r, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER), error);
}

enum error_code rehearsal_crash(struct rehearsal *r, struct error *error)
{
  enter(r);
  sim_crash(r->sim);
  close_worker(r);
  open_worker(r);
  while (r->watched)
    forget_watched(&r->watched);
  enum error_code code = sim_restart(r->sim, r->store, error);
  return leave(r, code, error);
}

/* ---- lifetime ---- */

static enum error_code create_sim(struct rehearsal *r, struct error *error)
{
  const struct sim_options options = {
      .sched = {.store = r->store,
                .workers = 1,
                .default_zone = "local",
                .horizon_us = HORIZON_US,
                .counted_us = r->options.keep_us,
                .retention = {.age_us = KEEP_US, .runs_per_job = KEEP_RUNS}},
      .callbacks = {.take = take,
                    .model = r->options.model ? model : NULL,
                    .ended = ended,
                    .rest = rest,
                    .context = r},
      .begins_us = r->options.begins_us,
      .keeps_no_house = r->options.model != NULL};
  return sim_create(&options, &r->sim, error);
}

enum error_code rehearsal_open(const struct rehearsal_options *options, struct rehearsal **opened,
                               struct error *error)
{
  struct rehearsal *r = *opened = memory_alloc(sizeof *r);
  r->options = *options;
  r->folder = memory_strdup(options->folder);
  r->clock = (struct clock_source){read_wall, read_steady, r};
  r->random = (struct random_source){fill, r};
  enter(r);
  enum error_code code = store_open(NULL, &r->store, error);
  if (!code)
    code = create_sim(r, error);
  if (!code)
    open_worker(r);
  code = leave(r, code, error);
  if (code) {
    rehearsal_close(r);
    *opened = NULL;
  }
  return code;
}

void rehearsal_close(struct rehearsal *r)
{
  if (!r)
    return;
  enter(r);
  close_worker(r);
  if (r->sim)
    sim_destroy(r->sim);
  if (r->store)
    store_close(r->store);
  leave(r, ERROR_OK, NULL);
  while (r->watched)
    forget_watched(&r->watched);
  free(r->folder);
  free(r->problem);
  free(r);
}
