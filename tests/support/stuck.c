/* A C function that blocks, for tests of what happens then: preloaded into the daemon, it makes
 * os.date("!%Y", T) of a T in the year 2999 sit still as long as there is a file of the name that
 * the variable STUCK_WHILE gives. And no thread can be made as long as there is one of the name
 * that STUCK_ALONE_WHILE gives. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static bool is_there(const char *variable)
{
  const char *path = getenv(variable);
  return path && access(path, F_OK) == 0;
}

typedef int (*pthread_create_function)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                                       void *);

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*start)(void *), void *restrict argument)
{
  pthread_create_function real;
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return is_there("STUCK_ALONE_WHILE") ? EAGAIN : real(thread, attributes, start, argument);
}

typedef size_t (*strftime_function)(char *, size_t, const char *, const struct tm *);

size_t strftime(char *out, size_t size, const char *format, const struct tm *tm)
{
  strftime_function real;
  *(void **)&real = dlsym(RTLD_NEXT, "strftime");
  while (tm->tm_year == 2999 - 1900 && is_there("STUCK_WHILE")) {
    struct timespec nap = {.tv_nsec = 1000000};
    nanosleep(&nap, NULL); /* which each tick interrupts */
  }
  return real(out, size, format, tm);
}
