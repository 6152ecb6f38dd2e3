/* When the system gives no thread for a replacement, the work of the one that is stuck goes to one
 * of the others, which has the place of both until a thread can be made. Where there is no other,
 * the stuck worker keeps its work: it is not dismissed, since nobody else could do it. Both are a
 * shortage: it is told when it begins, changes and ends, and each second a worker is tried for. */
#include "app/fleet.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bus/need.h"
#include "exec/worker.h"
#include "vm/gauge.h"

enum {
  FLEET_MAX = BUS_ADDRESSES_MAX - ADDRESS_WORKER,
  REPLACE_MS = 1000, /* stuck for so long */
  AGAIN_US = 1000000,
};

struct member {
  struct worker *worker; /* NULL: nobody has this address */
  struct gauge gauge;
  unsigned seen_ms; /* of the gauge */
  bool is_replaced, is_given_up;
  bool has_stopped; /* it has said its last word */
  uint32_t lives;   /* of the address */
};

struct fleet {
  struct bus *bus;
  const struct moonbeat_options *options;
  const char *store_path;
  int alarm_fd;
  int shared;         /* places whose work another has besides its own */
  int told;           /* how large the shortage was when it was told of last */
  struct error error; /* why the last worker could not be made */
  int64_t again_us;   /* monotonic */
  struct member members[FLEET_MAX];
};

static struct member *find_place(struct fleet *fleet)
{
  for (struct member *member = fleet->members; member < fleet->members + FLEET_MAX; member++) {
    if (member->has_stopped && worker_has_ended(member->worker)) {
      worker_join(member->worker);
      gauge_deinit(&member->gauge);
      *member = (struct member){.lives = member->lives};
    }
    if (!member->worker)
      return member;
  }
  return NULL;
}

static int address_of(const struct fleet *fleet, const struct member *member)
{
  return ADDRESS_WORKER + (int)(member - fleet->members);
}

/* What the former worker of the address was sent in vain is none of the new one's business. */
static enum error_code start_one(struct fleet *fleet, struct member *member, struct error *error)
{
  const struct moonbeat_options *o = fleet->options;
  if (member->lives > 0)
    bus_clear(fleet->bus, address_of(fleet, member));
  gauge_init(&member->gauge, fleet->alarm_fd);
  member->worker = worker_start(
      &(struct worker_options){
          .bus = fleet->bus,
          .address = address_of(fleet, member),
          .first_number = (uint64_t)member->lives++ << 40,
          .gauge = &member->gauge,
          .jobs_folder = o->jobs_folder,
          .memory_cap = (size_t)o->script_memory,
          .isolate = {.program = o->program, .timezone = o->timezone, .store = fleet->store_path}},
      error);
  if (member->worker)
    return ERROR_OK;
  gauge_deinit(&member->gauge);
  return error->code;
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
  for (int i = 0; i < options->workers; i++)
    if (start_one(fleet, &fleet->members[i], &fleet->error))
      need_end(&fleet->error);
  return fleet;
}

int fleet_at_work(const struct fleet *fleet)
{
  int count = 0;
  for (int i = 0; i < FLEET_MAX; i++)
    count += fleet->members[i].worker && !fleet->members[i].has_stopped;
  return count;
}

static void stop_one(struct fleet *fleet, const struct member *member)
{
  bus_post(fleet->bus, message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, address_of(fleet, member)));
}

void fleet_stop(struct fleet *fleet)
{
  for (int i = 0; i < FLEET_MAX; i++)
    if (fleet->members[i].worker && !fleet->members[i].has_stopped)
      stop_one(fleet, &fleet->members[i]);
}

void fleet_stopped(struct fleet *fleet, int address)
{
  fleet->members[address - ADDRESS_WORKER].has_stopped = true;
}

int fleet_alarm_fd(const struct fleet *fleet)
{
  return fleet->alarm_fd;
}

/* ---- replacements ---- */

/* NULL with fleet->error. */
static struct member *start_another(struct fleet *fleet)
{
  struct member *place = find_place(fleet);
  if (!place)
    error_set(&fleet->error, ERROR_LIMIT,
              "%d workers are stuck in C functions, and more may not be",
              FLEET_MAX - fleet->options->workers);
  return place && !start_one(fleet, place, &fleet->error) ? place : NULL;
}

static unsigned stuck_ms(struct member *member)
{
  return member->worker && !member->has_stopped ? atomic_load(&member->gauge.stuck_ms) : 0;
}

/* One that does its own work, and can do another's besides. */
static struct member *find_other(struct fleet *fleet)
{
  for (struct member *member = fleet->members; member < fleet->members + FLEET_MAX; member++)
    if (member->worker && !member->has_stopped && !member->is_replaced && !stuck_ms(member))
      return member;
  return NULL;
}

/* The address of the replacement; 0: there is none, not now or not any more. */
static int replace(struct fleet *fleet, struct member *member)
{
  struct member *fresh = start_another(fleet), *successor = fresh ? fresh : find_other(fleet);
  if (!successor)
    return 0;
  if (!worker_dismiss(member->worker)) {
    if (fresh)
      stop_one(fleet, fresh);
    return 0;
  }
  member->is_replaced = true;
  fleet->shared += !fresh;
  return address_of(fleet, successor);
}

/* Those that should have been replaced. */
static int count_unreplaced(struct fleet *fleet)
{
  int count = 0;
  for (struct member *member = fleet->members; member < fleet->members + FLEET_MAX; member++)
    count += !member->is_replaced && stuck_ms(member) >= REPLACE_MS;
  return count;
}

/* `joined`: the address of a new worker that takes over a place that is shared, or 0. */
static void tell_shortage(struct fleet *fleet, int joined)
{
  int shortage = fleet->shared + count_unreplaced(fleet);
  if (shortage == fleet->told && !joined)
    return;
  struct message *m = message_create(MESSAGE_SHORTAGE, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.shortage.missing = fleet->told = shortage;
  m->as.shortage.joined = joined;
  m->as.shortage.text = memory_strdup(fleet->error.text);
  bus_post(fleet->bus, m);
}

void fleet_complete(struct fleet *fleet)
{
  int64_t now_us = clock_monotonic_us();
  if ((fleet->shared == 0 && fleet->told == 0) || now_us < fleet->again_us)
    return;
  fleet->again_us = now_us + AGAIN_US;
  struct member *fresh = fleet->shared > 0 ? start_another(fleet) : NULL;
  fleet->shared -= fresh != NULL;
  tell_shortage(fleet, fresh ? address_of(fleet, fresh) : 0);
}

/* ---- who is stuck ---- */

static bool give_up(const struct fleet *fleet, struct member *member)
{
  if (member->is_given_up || member->seen_ms < fleet->options->stuck_grace_us / 1000)
    return false;
  return member->is_given_up = worker_give_up(member->worker);
}

/* All that the worker itself has posted stands before it. */
static void tell(struct fleet *fleet, struct member *member)
{
  struct gauge *gauge = &member->gauge;
  struct message *m = message_create(MESSAGE_STUCK, address_of(fleet, member), ADDRESS_SCHEDULER);
  m->as.stuck.generation = atomic_load(&gauge->generation);
  m->as.stuck.attempt.key.job = atomic_load(&gauge->job);
  m->as.stuck.attempt.key.scheduled_us = atomic_load(&gauge->scheduled_us);
  m->as.stuck.attempt.fence = atomic_load(&gauge->fence);
  m->as.stuck.for_us = (int64_t)member->seen_ms * 1000;
  if (!member->is_replaced && member->seen_ms >= REPLACE_MS)
    m->as.stuck.replacement = replace(fleet, member);
  else if (member->is_replaced)
    m->as.stuck.is_given_up = give_up(fleet, member);
  bus_post(fleet->bus, m);
}

void fleet_look(struct fleet *fleet)
{
  uint64_t unused;
  ssize_t size = read(fleet->alarm_fd, &unused, sizeof unused);
  (void)size;
  for (struct member *member = fleet->members; member < fleet->members + FLEET_MAX; member++) {
    unsigned ms = stuck_ms(member);
    bool is_news = ms && ms != member->seen_ms;
    member->seen_ms = ms;
    if (is_news)
      tell(fleet, member);
  }
  tell_shortage(fleet, 0);
}

int fleet_alive(const struct fleet *fleet, int *number)
{
  int count = 0;
  for (int i = 0; i < FLEET_MAX; i++)
    if (fleet->members[i].worker && !worker_has_ended(fleet->members[i].worker)) {
      *number = i + 1;
      count++;
    }
  return count;
}

void fleet_join(struct fleet *fleet)
{
  for (struct member *member = fleet->members; member < fleet->members + FLEET_MAX; member++)
    if (member->worker) {
      worker_join(member->worker);
      gauge_deinit(&member->gauge);
    }
  close(fleet->alarm_fd);
  free(fleet);
}
