/* A C function that blocks, for tests of what happens then: preloaded into the daemon, it makes
 * os.date("!%Y", T) sit still for so many seconds as T lies behind the year 2999's beginning. */
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>

typedef size_t (*strftime_function)(char *, size_t, const char *, const struct tm *);

static double now(void)
{
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

size_t strftime(char *out, size_t size, const char *format, const struct tm *tm)
{
  strftime_function real;
  *(void **)&real = dlsym(RTLD_NEXT, "strftime");
  if (tm->tm_year == 2999 - 1900)
    for (double until = now() + tm->tm_min * 60 + tm->tm_sec; now() < until;) {
      struct timespec nap = {.tv_nsec = 1000000};
      nanosleep(&nap, NULL); /* which each tick interrupts */
    }
  return real(out, size, format, tm);
}
