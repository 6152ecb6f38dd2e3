/* When to wake: a timerfd on the wall clock for the moment itself (it also wakes when somebody sets
 * the clock), and a timer of a second for everything that may go wrong with that (a suspend, a
 * clock that a test has bent), so that a sleep is never longer and is always checked again. */
#include "app/scheduler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/fleet.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "bus/need.h"

enum {
  LONGEST_SLEEP_MS = 1000,
  HOUSEKEEPING_MS = 20, /* from the last turn, so that it falls into gaps */
  TRIM_MS = 30000,      /* free memory goes back to the system, not more often, */
  QUIET_MS = 200,       /* and so long after a turn, as it delays the next by milliseconds */
  WORKERS_LAST_WORD_MS = 3000,
};

struct scheduler {
  struct bus *bus;
  struct sched *sched;
  struct store *store;
  struct fleet *fleet;
  uv_thread_t thread;
  uv_loop_t loop;
  int alarm_fd;
  uv_poll_t alarm, stuck;
  uv_timer_t bound, housekeeping, trim;
  uint64_t may_trim_ms; /* by the loop's clock */
  uv_idle_t at_once;
  struct message_list inbox;
  struct clock_watch clock;
  bool stopping_workers, ended;
  int status;
};

struct begun {
  int64_t wall_us, cpu_us;
};

static void end(struct scheduler *s)
{
  if (s->ended)
    return;
  s->ended = true;
  bus_close(s->bus, ADDRESS_SCHEDULER);
  uv_close((uv_handle_t *)&s->alarm, NULL);
  uv_close((uv_handle_t *)&s->stuck, NULL);
  uv_close((uv_handle_t *)&s->bound, NULL);
  uv_close((uv_handle_t *)&s->housekeeping, NULL);
  uv_close((uv_handle_t *)&s->trim, NULL);
  uv_close((uv_handle_t *)&s->at_once, NULL);
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  bus_post(s->bus, m);
}

static void fail(struct scheduler *s, const struct error *error)
{
  log_error("%s", error->text);
  s->status = error_exit_status(error->code);
  fleet_stop(s->fleet);
  end(s);
}

static void turn(struct scheduler *s);

static void on_at_once(uv_idle_t *idle)
{
  uv_idle_stop(idle);
  turn(idle->data);
}

static void on_bound(uv_timer_t *timer);

static void sleep_until_due(struct scheduler *s)
{
  int64_t now_us = clock_wall_us();
  int64_t wake_us = sched_wake_us(s->sched, now_us);
  if (wake_us <= now_us) {
    uv_idle_start(&s->at_once, on_at_once);
    return;
  }
  struct itimerspec at = {0};
  if (wake_us - now_us < LONGEST_SLEEP_MS * INT64_C(1000)) {
    at.it_value.tv_sec = wake_us / 1000000;
    at.it_value.tv_nsec = wake_us % 1000000 * 1000;
  }
  timerfd_settime(s->alarm_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
  uv_timer_start(&s->bound, on_bound, LONGEST_SLEEP_MS, 0);
}

/* From here on nobody else is served. */
static struct begun begin(void)
{
  return (struct begun){clock_monotonic_us(), clock_thread_us()};
}

static void took(struct scheduler *s, struct begun begun)
{
  sched_took(s->sched, clock_monotonic_us() - begun.wall_us, clock_thread_us() - begun.cpu_us);
}

static void on_housekeeping(uv_timer_t *timer)
{
  struct scheduler *s = timer->data;
  struct begun begun = begin();
  int64_t wait_us = sched_idle(s->sched, clock_wall_us());
  took(s, begun);
  if (wait_us >= 0)
    uv_timer_start(timer, on_housekeeping, (uint64_t)(wait_us / 1000 + 1), 0);
  if (!s->stopping_workers)
    sleep_until_due(s); /* jobs may be due earlier than before */
}

static void on_trim(uv_timer_t *timer)
{
  struct scheduler *s = timer->data;
  uint64_t now_ms = uv_now(&s->loop);
  if (now_ms < s->may_trim_ms) {
    uv_timer_start(timer, on_trim, s->may_trim_ms - now_ms, 0);
    return;
  }
  s->may_trim_ms = now_ms + TRIM_MS;
  memory_trim();
}

/* A worker that sits in a C function may never say its last word. */
static void on_no_last_word(uv_timer_t *timer)
{
  struct scheduler *s = timer->data;
  int count = fleet_at_work(s->fleet);
  log_warn("%d %s; leaving %s", count, count == 1 ? "worker does not stop" : "workers do not stop",
           count == 1 ? "it" : "them");
  s->status = -1;
  end(s);
}

/* True when it was set: the scheduler is to hear of it. */
static bool look_at_clock(struct scheduler *s)
{
  int64_t step_us = clock_watch_look(&s->clock);
  if (step_us == 0)
    return false;
  log_warn("the clock was set by %+.3f s", (double)step_us / 1e6);
  struct message *m = message_create(MESSAGE_CLOCK, ADDRESS_SCHEDULER, ADDRESS_SCHEDULER);
  m->as.clock.step_us = step_us;
  message_list_append(&s->inbox, m);
  return true;
}

static void turn(struct scheduler *s)
{
  struct message_list out = {0};
  struct error error = {0};
  if (s->ended || s->stopping_workers)
    return;
  look_at_clock(s);
  struct begun begun = begin();
  if (sched_turn(s->sched, clock_wall_us(), &s->inbox, &out, &error)) {
    message_list_deinit(&out);
    fail(s, &error);
    return;
  }
  bus_post_list(s->bus, &out);
  took(s, begun);
  if (sched_stopped(s->sched)) {
    s->stopping_workers = true;
    fleet_stop(s->fleet); /* also those that it has not heard of yet */
    uv_timer_start(&s->bound, on_no_last_word, WORKERS_LAST_WORD_MS, 0);
    return;
  }
  if (!uv_is_active((uv_handle_t *)&s->housekeeping) ||
      uv_timer_get_due_in(&s->housekeeping) > HOUSEKEEPING_MS)
    uv_timer_start(&s->housekeeping, on_housekeeping, HOUSEKEEPING_MS, 0);
  uv_timer_start(&s->trim, on_trim, QUIET_MS, 0);
  sleep_until_due(s);
}

static void on_bound(uv_timer_t *timer)
{
  struct scheduler *s = timer->data;
  int64_t now_us = clock_wall_us();
  if (!s->stopping_workers && !s->ended)
    fleet_complete(s->fleet);
  if (look_at_clock(s) || sched_wake_us(s->sched, now_us) <= now_us)
    turn(s);
  else if (!s->stopping_workers)
    sleep_until_due(s);
}

static void on_alarm(uv_poll_t *alarm, int status, int events)
{
  uint64_t expirations;
  struct scheduler *s = alarm->data;
  (void)status;
  (void)events;
  if (read(s->alarm_fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED)
    log_debug("somebody has set the clock");
  on_bound(&s->bound);
}

static void on_stuck(uv_poll_t *stuck, int status, int events)
{
  struct scheduler *s = stuck->data;
  (void)status;
  (void)events;
  if (!s->stopping_workers && !s->ended)
    fleet_look(s->fleet);
}

static void receive(void *context, struct message_list *messages)
{
  struct scheduler *s = context;
  struct message *message;
  while ((message = message_list_pop(messages))) {
    if (message->kind == MESSAGE_STOPPED)
      fleet_stopped(s->fleet, message->from);
    if (s->stopping_workers) {
      message_destroy(message);
    } else {
      message_list_append(&s->inbox, message);
    }
  }
  if (s->stopping_workers && fleet_at_work(s->fleet) == 0)
    end(s);
  else
    turn(s);
}

static void run_thread(void *context)
{
  struct scheduler *s = context;
  thread_set_name("scheduler");
  uv_run(&s->loop, UV_RUN_DEFAULT);
  uv_loop_close(&s->loop);
  close(s->alarm_fd);
  message_list_deinit(&s->inbox);
  sched_destroy(s->sched);
  store_close(s->store);
}

struct scheduler *scheduler_start(struct bus *bus, struct sched *sched, struct store *store,
                                  struct fleet *fleet)
{
  struct scheduler *s = memory_alloc(sizeof *s);
  s->bus = bus;
  s->sched = sched;
  s->store = store;
  s->fleet = fleet;
  s->alarm_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  need(s->alarm_fd < 0 ? -errno : 0, "the scheduler's alarm");
  need(uv_loop_init(&s->loop), "the scheduler's event loop");
  need(uv_poll_init(&s->loop, &s->alarm, s->alarm_fd), "the scheduler's alarm");
  uv_timer_init(&s->loop, &s->bound);
  uv_timer_init(&s->loop, &s->housekeeping);
  uv_timer_init(&s->loop, &s->trim);
  uv_idle_init(&s->loop, &s->at_once);
  s->alarm.data = s->bound.data = s->housekeeping.data = s->at_once.data = s;
  s->trim.data = s;
  uv_poll_start(&s->alarm, UV_READABLE, on_alarm);
  need(uv_poll_init(&s->loop, &s->stuck, fleet_alarm_fd(fleet)), "the workers' alarm");
  s->stuck.data = s;
  uv_poll_start(&s->stuck, UV_READABLE, on_stuck);
  bus_open(bus, ADDRESS_SCHEDULER, &s->loop, receive, s);
  uv_idle_start(&s->at_once, on_at_once);
  need(uv_thread_create(&s->thread, run_thread, s), "the scheduler's thread");
  return s;
}

int scheduler_join(struct scheduler *s)
{
  uv_thread_join(&s->thread);
  int status = s->status;
  free(s);
  return status;
}
