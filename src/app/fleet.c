#include "app/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "bus/need.h"
#include "exec/worker.h"
#include "vm/gauge.h"

enum {
  FLEET_MAX = BUS_ADDRESSES_MAX - ADDRESS_WORKER,
  REPLACE_MS = 1000, /* stuck for so long */
};

struct member {
  struct worker *worker;
  struct gauge gauge;
  unsigned seen_ms; /* of the gauge */
  bool is_replaced;
  bool has_unread; /* it may have: it was replaced since the last fleet_return_unread() */
};

struct fleet {
  struct bus *bus;
  const struct moonbeat_options *options;
  const char *store_path;
  int alarm_fd;
  int count;
  struct member members[FLEET_MAX];
};

static void start_one(struct fleet *fleet)
{
  const struct moonbeat_options *o = fleet->options;
  struct member *member = &fleet->members[fleet->count];
  member->gauge.alarm_fd = fleet->alarm_fd;
  member->worker = worker_start(&(struct worker_options){
      .bus = fleet->bus,
      .address = ADDRESS_WORKER + fleet->count,
      .gauge = &member->gauge,
      .jobs_folder = o->jobs_folder,
      .isolate = {.program = o->program, .timezone = o->timezone, .store = fleet->store_path}});
  fleet->count++;
}

struct fleet *fleet_start(struct bus *bus, const struct moonbeat_options *options,
                          const char *store_path)
{
  struct fleet *fleet = memory_alloc(sizeof *fleet);
  fleet->bus = bus;
  fleet->options = options;
  fleet->store_path = store_path;
  fleet->alarm_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  need(fleet->alarm_fd < 0 ? -errno : 0, "the workers' alarm");
  while (fleet->count < options->workers)
    start_one(fleet);
  return fleet;
}

int fleet_count(const struct fleet *fleet)
{
  return fleet->count;
}

void fleet_stop(struct fleet *fleet)
{
  for (int i = 0; i < fleet->count; i++)
    bus_post(fleet->bus, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, ADDRESS_WORKER + i));
}

int fleet_alarm_fd(const struct fleet *fleet)
{
  return fleet->alarm_fd;
}

/* The address of the replacement; 0: not yet, not again, or there are no addresses left. */
static int replace(struct fleet *fleet, struct member *member)
{
  if (member->is_replaced || member->seen_ms < REPLACE_MS || fleet->count == FLEET_MAX)
    return 0;
  member->is_replaced = member->has_unread = true;
  start_one(fleet);
  return ADDRESS_WORKER + fleet->count - 1;
}

void fleet_look(struct fleet *fleet, struct message_list *out)
{
  uint64_t unused;
  ssize_t size = read(fleet->alarm_fd, &unused, sizeof unused);
  (void)size;
  for (int i = 0, count = fleet->count; i < count; i++) {
    struct member *member = &fleet->members[i];
    struct gauge *gauge = &member->gauge;
    unsigned stuck_ms = atomic_load(&gauge->stuck_ms);
    bool is_news = stuck_ms && stuck_ms != member->seen_ms;
    member->seen_ms = stuck_ms;
    if (!is_news)
      continue;
    struct message *m = message_create(MESSAGE_STUCK, ADDRESS_WORKER + i, ADDRESS_SCHEDULER);
    m->as.stuck.generation = atomic_load(&gauge->generation);
    m->as.stuck.attempt.key.job = atomic_load(&gauge->job);
    m->as.stuck.attempt.key.scheduled_us = atomic_load(&gauge->scheduled_us);
    m->as.stuck.attempt.fence = atomic_load(&gauge->fence);
    m->as.stuck.for_us = (int64_t)stuck_ms * 1000;
    m->as.stuck.replacement = replace(fleet, member);
    message_list_append(out, m);
  }
}

void fleet_return_unread(struct fleet *fleet)
{
  for (int i = 0; i < fleet->count; i++) {
    struct member *member = &fleet->members[i];
    if (!member->has_unread)
      continue;
    member->has_unread = false;
    struct message_list runs = bus_take_back(fleet->bus, ADDRESS_WORKER + i, MESSAGE_RUN);
    for (struct message *m = runs.first; m; m = m->next)
      m->to = ADDRESS_SCHEDULER;
    bus_post_list(fleet->bus, &runs);
  }
}

void fleet_join(struct fleet *fleet)
{
  for (int i = 0; i < fleet->count; i++)
    worker_join(fleet->members[i].worker);
  close(fleet->alarm_fd);
  free(fleet);
}
