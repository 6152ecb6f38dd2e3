/* A clock that can be set under a running daemon without touching the machine's: preloaded, it adds
 * what the file named by CLOCK_SHIM says to what the process reads.
 *
 * The file is `struct bend`: two slots of offsets in microseconds and a count of changes whose
 * lowest bit tells which slot is in force, so that offsets that belong together (a suspend moves
 * the wall clock and CLOCK_BOOTTIME at once) change in one store. Whoever bends the clock writes
 * the other slot first and the count last.
 *
 * clock_gettime, gettimeofday, time and timespec_get are reached through the PLT by the program, by
 * libuv and by SQLite alike, so overriding the symbols is enough; CLOCK_MONOTONIC is left alone, as
 * it is when somebody sets a clock and when a machine sleeps. A timerfd on the wall clock is armed
 * at the machine's time for the bent one, and when the clock is set a thread of ours makes those
 * with TFD_TIMER_CANCEL_ON_SET expire at once, where the kernel would have cancelled them, and sets
 * the others anew. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "next.h"

enum { ALARMS = 64, LOOK_NS = 2000000 };

struct bend {
  _Atomic uint64_t changes;
  struct offsets {
    _Atomic int64_t wall_us, boot_us;
  } slots[2];
};

static struct bend none, *bend = &none;

static struct {
  pthread_mutex_t lock;
  struct alarm {
    int fd; /* 0: free */
    int flags;
    struct itimerspec at; /* by the bent clock */
  } alarms[ALARMS];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t offset_us(bool of_wall)
{
  uint64_t changes = atomic_load(&bend->changes);
  struct offsets *slot = &bend->slots[changes & 1];
  return of_wall ? atomic_load(&slot->wall_us) : atomic_load(&slot->boot_us);
}

static void move(struct timespec *at, int64_t by_us)
{
  int64_t ns = at->tv_nsec + by_us % 1000000 * 1000;
  at->tv_sec += by_us / 1000000 + (ns >= 1000000000) - (ns < 0);
  at->tv_nsec = ns + (ns < 0 ? 1000000000 : 0) - (ns >= 1000000000 ? 1000000000 : 0);
}

/* ---- reading ---- */

int clock_gettime(clockid_t id, struct timespec *now)
{
  NEXT(clock_gettime);
  int status = next_clock_gettime(id, now);
  if (status == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI))
    move(now, offset_us(true));
  else if (status == 0 && (id == CLOCK_BOOTTIME || id == CLOCK_BOOTTIME_ALARM))
    move(now, offset_us(false));
  return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
  struct timespec at;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &at);
  *now = (struct timeval){.tv_sec = at.tv_sec, .tv_usec = at.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *now)
{
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  if (now)
    *now = at.tv_sec;
  return at.tv_sec;
}

int timespec_get(struct timespec *now, int base)
{
  return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

/* ---- alarms ---- */

static struct alarm *find_alarm(int fd)
{
  for (int i = 0; i < ALARMS; i++)
    if (table.alarms[i].fd == fd)
      return &table.alarms[i];
  return NULL;
}

int timerfd_create(int clock, int flags)
{
  NEXT(timerfd_create);
  int fd = next_timerfd_create(clock, flags);
  if (fd <= 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_ALARM))
    return fd;
  pthread_mutex_lock(&table.lock);
  struct alarm *alarm = find_alarm(0);
  if (!alarm)
    abort();
  *alarm = (struct alarm){.fd = fd};
  pthread_mutex_unlock(&table.lock);
  return fd;
}

int close(int fd)
{
  NEXT(close);
  pthread_mutex_lock(&table.lock);
  struct alarm *alarm = fd > 0 ? find_alarm(fd) : NULL;
  if (alarm)
    alarm->fd = 0;
  pthread_mutex_unlock(&table.lock);
  return next_close(fd);
}

static int set_timer(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
  NEXT(timerfd_settime);
  return next_timerfd_settime(fd, flags, at, old);
}

static int arm(const struct alarm *alarm, struct itimerspec *old)
{
  struct itimerspec at = alarm->at;
  bool is_armed = at.it_value.tv_sec != 0 || at.it_value.tv_nsec != 0;
  if (is_armed && (alarm->flags & TFD_TIMER_ABSTIME)) {
    move(&at.it_value, -offset_us(true));
    if (at.it_value.tv_sec < 0) /* long past */
      at.it_value = (struct timespec){.tv_nsec = 1};
  }
  return set_timer(alarm->fd, alarm->flags, &at, old);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
  pthread_mutex_lock(&table.lock);
  struct alarm *alarm = fd > 0 ? find_alarm(fd) : NULL;
  if (alarm) {
    alarm->flags = flags;
    alarm->at = *at;
  }
  int status = alarm ? arm(alarm, old) : set_timer(fd, flags, at, old);
  pthread_mutex_unlock(&table.lock);
  return status;
}

static void tell_alarm(const struct alarm *alarm)
{
  static const struct itimerspec at_once = {.it_value = {.tv_nsec = 1}};
  if (alarm->fd == 0 || !(alarm->flags & TFD_TIMER_ABSTIME))
    return;
  if (alarm->flags & TFD_TIMER_CANCEL_ON_SET)
    set_timer(alarm->fd, 0, &at_once, NULL);
  else
    arm(alarm, NULL);
}

static void *watch(void *context)
{
  uint64_t seen = atomic_load(&bend->changes);
  (void)context;
  for (;;) {
    struct timespec nap = {.tv_nsec = LOOK_NS};
    nanosleep(&nap, NULL);
    uint64_t changes = atomic_load(&bend->changes);
    if (changes == seen)
      continue;
    seen = changes;
    pthread_mutex_lock(&table.lock);
    for (int i = 0; i < ALARMS; i++)
      tell_alarm(&table.alarms[i]);
    pthread_mutex_unlock(&table.lock);
  }
  return NULL;
}

/* ---- the beginning ---- */

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("CLOCK_SHIM");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return;
  void *bytes = mmap(NULL, sizeof *bend, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED)
    abort();
  bend = bytes;
  pthread_t thread;
  pthread_create(&thread, NULL, watch, NULL);
  pthread_detach(thread);
}
