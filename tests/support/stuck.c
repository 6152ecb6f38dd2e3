/* A C function that blocks, for tests of what happens then: preloaded into the daemon, it makes
 * os.date("!%Y", T) of a T in the year 2999 sit still as long as there is a file of the name that
 * the variable STUCK_WHILE gives. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef size_t (*strftime_function)(char *, size_t, const char *, const struct tm *);

size_t strftime(char *out, size_t size, const char *format, const struct tm *tm)
{
  strftime_function real;
  *(void **)&real = dlsym(RTLD_NEXT, "strftime");
  const char *path = getenv("STUCK_WHILE");
  while (tm->tm_year == 2999 - 1900 && path && access(path, F_OK) == 0) {
    struct timespec nap = {.tv_nsec = 1000000};
    nanosleep(&nap, NULL); /* which each tick interrupts */
  }
  return real(out, size, format, tm);
}
