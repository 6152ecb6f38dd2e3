/* What a simulated scheduler has that its scripts do not declare, or with other slots than they
 * say: what a daemon has kept, and pools that are asked for. Main thread. */
#ifndef APP_SIMULATE_POOLS_H
#define APP_SIMULATE_POOLS_H

#include "app/kept.h"
#include "ctl/simulation.h"
#include "rehearsal/rehearsal.h"

/* Before the scripts are loaded, which may use them. */
enum error_code simulate_set_kept(struct rehearsal *rehearsal, const struct kept *kept,
                                  const struct simulation_options *options, struct error *error);

/* When they are: what they declare is as it would be in the daemon. */
enum error_code simulate_settle_pools(struct rehearsal *rehearsal, const struct kept *kept,
                                      const struct simulation_options *options,
                                      struct error *error);

#endif
