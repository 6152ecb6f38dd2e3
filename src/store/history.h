/* How long runs of jobs took, and which pools and calendars there are, read from a store that may
 * be in use by a daemon: nothing is written and no lock of the daemon's is taken. Any thread. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

/* The median of the job's latest succeeded runs, of which `count` were looked at. */
typedef void (*history_visitor)(void *context, const char *job_id, int64_t median_us,
                                int64_t count);

/* Visits the jobs that have such runs. `path` is the database file. ERROR_NOT_FOUND when there is
 * none or nothing in it, ERROR_CORRUPT, ERROR_NEWER. */
enum error_code history_each_duration(const char *path, history_visitor visit, void *context,
                                      struct error *error);

/* Visits the pools, and then the calendars. Errors as above. */
enum error_code history_each_kept(const char *path, store_pool_visitor visit_pool,
                                  store_calendar_visitor visit_calendar, void *context,
                                  struct error *error);

#endif
