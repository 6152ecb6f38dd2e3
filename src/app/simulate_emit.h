/* Events that somebody else would emit, at the times at which whoever asks says that they come, so
 * that jobs which wait for them are played too. Main thread. */
#ifndef APP_SIMULATE_EMIT_H
#define APP_SIMULATE_EMIT_H

#include "ctl/simulation.h"
#include "rehearsal/rehearsal.h"

struct emitter {
  const struct simulation_options *options;
  int64_t *next_us; /* of each of its emissions; INT64_MAX: never again */
};

void emitter_init(struct emitter *emitter, const struct simulation_options *options);
void emitter_deinit(struct emitter *emitter); /* {0} is fine */

/* When the next event comes; INT64_MAX: none does any more. */
int64_t emitter_next_us(const struct emitter *emitter);

/* Emits what is to come by now. */
enum error_code emitter_emit(struct emitter *emitter, struct rehearsal *rehearsal,
                             struct error *error);

#endif
