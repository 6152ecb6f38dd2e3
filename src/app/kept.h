/* What a daemon's store holds that its job files may need, for who loads them without it: pools and
 * calendars that were set at run time, and slots that were changed then. Main thread. */
#ifndef APP_KEPT_H
#define APP_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct kept_pool {
  char *name;
  int64_t slots;
  int64_t declared; /* what its script said last; -1: none did */
};

struct kept_calendar {
  char *name, *definition; /* JSON */
};

struct kept {
  struct kept_pool *pools;
  size_t pool_count;
  struct kept_calendar *calendars; /* without those of scripts, who declare them again */
  size_t calendar_count;
};

/* Reads the store in that folder, beside its daemon. Where none has run yet there is nothing, which
 * is no error; nor is NULL. */
enum error_code kept_read(struct kept *kept, const char *state_folder, struct error *error);
void kept_deinit(struct kept *kept);

/* Asks a scheduler for an operation; `params` stays the caller's. */
typedef enum error_code (*kept_asker)(void *context, const char *operation, const char *params,
                                      struct error *error);

/* Has the scheduler set all of it, so that scripts may use it. What cannot be set, a script that
 * needs it will say. */
void kept_set(const struct kept *kept, kept_asker ask, void *context);
enum error_code kept_set_pool(const char *name, int64_t slots, kept_asker ask, void *context,
                              struct error *error);

#endif
