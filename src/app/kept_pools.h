/* The pools in a daemon's store, for who loads its job files without it: those that were set at run
 * time, and slots that were changed then. Main thread. */
#ifndef APP_KEPT_POOLS_H
#define APP_KEPT_POOLS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct kept_pool {
  char *name;
  int64_t slots;
  int64_t declared; /* what its script said last; -1: none did */
};

struct kept_pools {
  struct kept_pool *items;
  size_t count;
};

/* Reads the store in that folder, beside its daemon. Where none has run yet there are none, which
 * is no error; nor is NULL. */
enum error_code kept_pools_read(struct kept_pools *pools, const char *state_folder,
                                struct error *error);
void kept_pools_deinit(struct kept_pools *pools);

/* The parameters of `set_pool`; a heap string of the caller's. */
char *kept_pools_params(const char *name, int64_t slots);

#endif
