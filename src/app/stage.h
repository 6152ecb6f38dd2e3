/* A simulated scheduler whose scripts are real: they are loaded, and their triggers asked, by a
 * worker on a thread of its own, while runs are models (sim/sim.h). Time stands still until the
 * worker has answered, so what the simulation does depends on the scripts and not on how long they
 * took. Lua sees the simulation's time, too.
 *
 * One at a time in a process. All functions on the thread that opened it. */
#ifndef APP_STAGE_H
#define APP_STAGE_H

#include "sim/sim.h"

struct stage;

struct stage_options {
  const char *jobs_folder;
  const char *store_path; /* of the daemon of these scripts, who keep off it; NULL: there is none */
  int64_t begins_us;
  struct sim_callbacks callbacks; /* `take` is given what is for models, and is asked first */
};

/* Opens a store in memory, and reads the folder: when it returns, each script is loaded or has
 * failed. *stage is set before anything is called back. */
enum error_code stage_open(const struct stage_options *options, struct stage **stage,
                           struct error *error);
void stage_close(struct stage *stage); /* NULL is fine */

/* Both are the stage's. */
struct sim *stage_sim(struct stage *stage);
struct store *stage_store(struct stage *stage);

/* As sim_step(); also fails when the worker does not answer any more. */
enum error_code stage_step(struct stage *stage, struct error *error);

#endif
