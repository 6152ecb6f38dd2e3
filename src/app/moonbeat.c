/* Wires everything and owns all lifetimes. */
#include "app/moonbeat.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/fleet.h"
#include "app/folders.h"
#include "app/front.h"
#include "app/scheduler.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "ctl/options.h"
#include "store/lock.h"
#include "time/zone.h"
#include "vm/api_sqlite_files.h"
#include "vm/helper.h"
#include "vm/secret.h"

enum {
  WORKERS_MAX = 64,
  LOOPS_END_US = 3000000, /* from the end of the scheduler; enough for what can be cancelled */
  LOOK_AGAIN_US = 1000,
};

struct moonbeat {
  struct moonbeat_options options;
  char *store_path; /* NULL: in memory */
  char *status_json;
  int lock; /* of a state whose store is in memory; else -1 */
  struct bus *bus;
  struct scheduler *scheduler;
  struct front *front;
  struct fleet *fleet;
};

static enum error_code open_store(struct moonbeat *m, struct store **store, struct error *error)
{
  const struct moonbeat_options *o = &m->options;
  enum error_code code = ERROR_OK;
  if (o->state_folder) {
    if ((code = folders_make_state(o->state_folder, error)))
      return code;
    m->store_path = options_store_path(o->state_folder);
    sqlite_files_set_store(m->store_path); /* scripts keep off it */
    if (o->memory)
      code = lock_take(m->store_path, &m->lock, error);
  }
  if (code)
    return code;
  return store_open(o->memory ? NULL : m->store_path, store, error);
}

/* What `status` tells of where things are; what is to be warned of is logged too. */
static char *describe(const struct moonbeat *m)
{
  char *doubt = m->options.jobs_folder ? folders_doubt_jobs(m->options.jobs_folder) : NULL;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  char *socket = m->options.serve && m->options.state_folder
                     ? options_socket_path(m->options.state_folder)
                     : NULL;
  json_begin_object(&writer);
  json_put_integer(&writer, "pid", process_id());
  json_put_text(&writer, "jobs_folder", m->options.jobs_folder);
  json_put_text(&writer, "store", m->options.memory ? "memory" : m->store_path);
  json_put_text(&writer, "socket", socket);
  if (doubt) {
    log_warn("%s", doubt);
    json_put_text(&writer, "warning", doubt);
  }
  json_end_object(&writer);
  free(doubt);
  free(socket);
  return buffer_take(&out);
}

static int core_count(void)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (int)cores;
}

static enum error_code create_sched(struct moonbeat *m, struct store *store, struct sched **sched,
                                    struct error *error)
{
  m->status_json = describe(m);
  return sched_create(
      &(struct sched_options){.store = store,
                              .workers = m->options.workers,
                              .default_zone = "local",
                              .retention = {.age_us = m->options.keep_us,
                                            .runs_per_job = m->options.keep_runs,
                                            .log_bytes_per_job = m->options.keep_logs},
                              .hold = m->options.check_only,
                              .status_json = m->status_json},
      clock_wall_us(), sched, error);
}

static void set_secrets_folder(const struct moonbeat *m)
{
  char *path = folders_secrets(m->options.secrets_folder, m->options.state_folder);
  secret_set_folder(path);
  free(path);
}

static void destroy(struct moonbeat *m)
{
  if (m->options.handle_signals)
    signals_let_go();
  if (m->bus)
    bus_destroy(m->bus);
  if (m->lock >= 0)
    close(m->lock);
  free(m->store_path);
  free(m->status_json);
  free(m);
}

struct moonbeat *moonbeat_start(const struct moonbeat_options *options, struct error *error)
{
  struct store *store = NULL;
  struct sched *sched = NULL;
  struct moonbeat *m = memory_alloc(sizeof *m);
  m->options = *options;
  if (m->options.handle_signals)
    signals_hold();
  m->lock = -1;
  if (m->options.workers < 1 || m->options.workers > WORKERS_MAX)
    m->options.workers = core_count();
  if ((m->options.timezone && zone_set_local(m->options.timezone, error)) ||
      open_store(m, &store, error) || create_sched(m, store, &sched, error)) {
    if (store)
      store_close(store);
    destroy(m);
    return NULL;
  }
  set_secrets_folder(m);
  m->bus = bus_create();
  m->fleet = fleet_start(m->bus, &m->options, m->store_path);
  if (front_start(m->bus, &m->options, &m->front, error)) {
    fleet_stop(m->fleet);
    fleet_join(m->fleet);
    sched_destroy(sched);
    store_close(store);
    destroy(m);
    return NULL;
  }
  m->scheduler = scheduler_start(m->bus, sched, store, m->fleet);
  return m;
}

enum error_code moonbeat_request(struct moonbeat *m, const char *operation, const char *params,
                                 char **result, struct error *error)
{
  return front_request(m->front, operation, params, result, error);
}

void moonbeat_stop(struct moonbeat *m, int64_t grace_us)
{
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  stop->as.stop.grace_us = grace_us;
  bus_post(m->bus, stop);
}

static void say_who_hangs(const struct moonbeat *m)
{
  int number = 0, count = fleet_alive(m->fleet, &number);
  char *scripts = helpers_describe();
  if (scripts)
    log_warn("a file or a database of script %s does not answer; leaving it", scripts);
  else if (count > 0)
    log_warn("worker %d%s waits for a database or a process that does not answer; leaving it",
             number, count > 1 ? ", among others," : "");
  else
    log_warn("a file that is watched does not answer; leaving it");
  free(scripts);
}

/* What was begun in the pool or in the system, and neither ends nor can be cancelled, keeps a
 * loop. */
static void await_threads(const struct moonbeat *m)
{
  int number;
  for (int64_t until_us = clock_monotonic_us() + LOOPS_END_US; clock_monotonic_us() < until_us;) {
    if (front_has_ended(m->front) && fleet_alive(m->fleet, &number) == 0)
      return;
    clock_sleep_us(LOOK_AGAIN_US);
  }
  say_who_hangs(m);
  _exit(0);
}

int moonbeat_wait(struct moonbeat *m)
{
  int status = scheduler_join(m->scheduler);
  if (status < 0) {
    /* A worker sits in a C function and cannot be joined: the process must not wait for it, and
     * the store is closed. */
    _exit(0);
  }
  await_threads(m);
  front_join(m->front);
  fleet_join(m->fleet);
  destroy(m);
  return status;
}
