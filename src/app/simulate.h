/* `moonbeat simulate`: the job files are rehearsed (rehearsal/rehearsal.h) for a span of time, with
 * runs that take as long as they did in the past. Main thread. */
#ifndef APP_SIMULATE_H
#define APP_SIMULATE_H

#include "ctl/options.h"
#include "ctl/simulation.h"

/* Plays the jobs folder of a daemon with these options. Fills *simulation, which the caller
 * deinits, also after a failure. A script that does not load is no failure but stands in it. */
enum error_code simulate_jobs(const struct daemon_options *daemon,
                              const struct simulation_options *options,
                              struct simulation *simulation, struct error *error);

#endif
