#include "vm/preempt.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/process.h"
#include "bus/need.h"
#include "vm/gauge.h"

/* ThreadSanitizer holds back signals until the thread enters a function that it knows, which Lua's
 * loop never does; those of a fault are let through. */
#ifdef __SANITIZE_THREAD__
#define TICK_SIGNAL SIGTRAP
#else
#define TICK_SIGNAL SIGPROF
#endif

enum { REARM_TICKS = 8, STUCK_TICKS = GAUGE_STUCK_MS * 1000 / PREEMPT_TICK_US };

static void set_timer(struct preempt *preempt, long tick_us)
{
  struct timespec tick = {.tv_nsec = tick_us * 1000};
  struct itimerspec spec = {.it_interval = tick, .it_value = tick};
  timer_settime(preempt->timer, 0, &spec, NULL);
}

void preempt_now(struct preempt *preempt)
{
  lua_State *L = preempt->running;
  /* Setting a hook walks the whole call stack, so it is not repeated at each tick. Now and then it
   * is: Lua may just have decided that there is no hook and then forget the flag that we set. */
  if (L && (!lua_gethook(L) || preempt_age(preempt) % REARM_TICKS == 0))
    lua_sethook(L, preempt->hook, LUA_MASKCOUNT, 1);
}

static void on_tick(int number, siginfo_t *info, void *context)
{
  (void)number;
  (void)context;
  struct preempt *preempt = info->si_value.sival_ptr;
  if (info->si_code != SI_TIMER || !preempt)
    return;
  int saved_errno = errno;
  preempt->ticks++;
  if (!preempt->running) {
    preempt->ticking = false;
    set_timer(preempt, 0);
  } else if (preempt_age(preempt) >= PREEMPT_SLICE_TICKS) {
    preempt_now(preempt);
    if (preempt_age(preempt) % STUCK_TICKS == 0 && preempt->on_stuck)
      preempt->on_stuck(preempt);
  }
  errno = saved_errno;
}

static void install_handler(void)
{
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
  action.sa_sigaction = on_tick;
  sigemptyset(&action.sa_mask);
  sigaction(TICK_SIGNAL, &action, NULL);
}

enum error_code preempt_open(struct preempt *preempt, lua_Hook hook, struct error *error)
{
  static uv_once_t installed = UV_ONCE_INIT;
  uv_once(&installed, install_handler);
  *preempt = (struct preempt){.hook = hook};
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, TICK_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &wanted, NULL);

  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = TICK_SIGNAL;
  event.sigev_value.sival_ptr = preempt;
#ifdef sigev_notify_thread_id
  event.sigev_notify_thread_id = process_thread_id();
#else
  event._sigev_un._tid = process_thread_id();
#endif
  bool is_made = timer_create(CLOCK_MONOTONIC, &event, &preempt->timer) == 0;
  return need_ask(is_made ? 0 : -errno, "a worker's timer", error);
}

void preempt_close(struct preempt *preempt)
{
  preempt->running = NULL;
  timer_delete(preempt->timer);
}

void preempt_begin(struct preempt *preempt, lua_State *L)
{
  preempt->slice_began = preempt->ticks;
  /* In this order: the handler stops the timer only when nothing runs. */
  preempt->running = L;
  if (!preempt->ticking) {
    preempt->ticking = true;
    set_timer(preempt, PREEMPT_TICK_US);
  }
}

void preempt_catch_up(struct preempt *preempt)
{
  if (preempt_age(preempt) >= PREEMPT_SLICE_TICKS)
    preempt_now(preempt);
}

void preempt_end(struct preempt *preempt)
{
  preempt->running = NULL;
}
