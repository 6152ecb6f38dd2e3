/* What a person would want to be told of a simulation without looking for it. Pure. */
#ifndef CTL_SIMULATION_WARN_H
#define CTL_SIMULATION_WARN_H

#include "ctl/simulation_digest.h"
#include "time/zone.h"

/* Kinds: "script" (does not load), "job_error", "paused", "never" (no fire in the span),
 * "same_minute", "longer_than_interval", "pool_full", "still_waiting". */
struct simulation_warning {
  const char *kind;
  char *message;
  size_t *jobs; /* whom it is about, by their place; may be none */
  size_t job_count;
};

struct simulation_warnings {
  struct simulation_warning *items;
  size_t count, capacity;
};

/* Times are told on the wall clock of the zone. */
void simulation_find_warnings(const struct simulation_digest *digest, const struct zone *zone,
                              struct simulation_warnings *warnings);
void simulation_warnings_deinit(struct simulation_warnings *warnings);

#endif
