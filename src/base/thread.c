#include "base/thread.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

void thread_set_name(const char *format, ...)
{
  char name[16];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(name, sizeof name, format, arguments);
  va_end(arguments);
  pthread_setname_np(pthread_self(), name);
}
