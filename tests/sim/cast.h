/* Who plays in a life: jobs of all policies, drawn. */
#ifndef SIM_CAST_H
#define SIM_CAST_H

#include "sim/book.h"
#include "sim/draw.h"

/* A rule of any kind that is due soon and often enough for a life of some days. */
void cast_rule(struct draw *draw, int64_t now_us, struct rule *rule);

/* A job with the id PREFIX and `number`, not yet anywhere. */
void cast_job(struct draw *draw, const char *prefix, int number, int64_t now_us,
              struct booked *job);

/* Its spec, JSON, which the caller frees; `is_declared`: as a script says it, else as a client
 * does. */
char *cast_spec(const struct booked *job, const struct rule *rule, int64_t revision);

#endif
