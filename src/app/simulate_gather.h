/* What a simulated scheduler knows when its span is over: its jobs, the due times that it skipped
 * and those that wait, its pools, and the scripts that do not load. Main thread. */
#ifndef APP_SIMULATE_GATHER_H
#define APP_SIMULATE_GATHER_H

#include "ctl/simulation.h"
#include "rehearsal/rehearsal.h"

/* Fills all but the attempts; of the jobs all but how long they take. */
enum error_code simulate_gather(struct rehearsal *rehearsal, struct simulation *simulation,
                                struct error *error);

#endif
