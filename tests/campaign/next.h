/* For libraries that are preloaded into the daemon and stand before libc's functions: NEXT(open)
 * declares next_open, the function that would have been called. Only where it is declared. */
#ifndef CAMPAIGN_NEXT_H
#define CAMPAIGN_NEXT_H

#include <dlfcn.h>
#include <stddef.h>

#define NEXT(name)                                                                                 \
  static __typeof__(&name) next_##name;                                                            \
  if (!next_##name)                                                                                \
  *(void **)&next_##name = dlsym(RTLD_NEXT, #name)

#endif
