/* For libraries that are preloaded into the daemon and stand before libc's functions: NEXT(open)
 * declares next_open, the function that would have been called. Only where it is declared, with
 * _GNU_SOURCE. */
#ifndef CAMPAIGN_NEXT_H
#define CAMPAIGN_NEXT_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#define NEXT(name)                                                                                 \
  static __typeof__(&name) next_##name;                                                            \
  if (!next_##name)                                                                                \
  *(void **)&next_##name = dlsym(RTLD_NEXT, #name)

/* open() or one like it, in the place of which `by` is called, with the next one before its
 * arguments. The mode is there only with flags that need it. */
#define STAND_BEFORE_OPEN(name, by)                                                                \
  int name(const char *path, int flags, ...)                                                       \
  {                                                                                                \
    NEXT(name);                                                                                    \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                   \
    va_end(arguments);                                                                             \
    return by(next_##name, path, flags, mode);                                                     \
  }

#endif
