/* Pools that scripts declare. See pool.c; what pools do is in gate.h. Private to src/sched. */
#ifndef SCHED_POOL_H
#define SCHED_POOL_H

#include "sched/state.h"

/* In force, or declared by the script whose jobs are read now. */
bool pool_exists(struct sched *s, const char *name);
/* "there is no pool ...", with the nearest name. */
enum error_code pool_refuse_unknown(struct sched *s, const char *name, struct error *error);
/* Memory becomes what the store says: at the start, and when a turn is taken back. */
void pools_recover(struct sched *s);

/* Checks what a script declares, so that its jobs may name it; then settles it in any case. */
enum error_code pools_declare(struct sched *s, struct script_entry *script,
                              const struct json *pools, struct error *error);
void pools_settle(struct sched *s, const struct script_entry *script, const struct json *pools,
                  bool is_good);
/* Removes those of the script that are not among `pools` and that no job uses. */
void pools_drop(struct sched *s, const char *script, const struct json *pools);

#endif
