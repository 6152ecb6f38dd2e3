/* Who plays in a life: jobs of all policies, drawn. */
#ifndef SIM_CAST_H
#define SIM_CAST_H

#include "sim/book.h"

struct life;

/* What a job's options promise, read without the scheduler's help. */
struct terms {
  const char *options;
  int attempts; /* 0: nothing is said of retrying */
  int64_t retry_delay_us;
  bool is_once;                        /* at_most_once */
  int64_t timeout_us, soft_timeout_us; /* 0: none */
  bool has_pool, has_key;
  int max_instances, max_interruptions;
  int64_t rate_period_us, replay_period_us; /* 0: none */
};

/* `options` as in struct booked, which stay. */
const struct terms *cast_terms(const char *options);
/* Between an attempt, with which so many have failed, and the next one. */
int64_t terms_retry_delay(const struct terms *terms, int failures);

/* A rule of any kind that is due soon and often enough for a life of some days. */
void cast_rule(struct life *life, struct rule *rule);

/* A job with the id PREFIX and `number`, not yet anywhere. */
void cast_job(struct life *life, const char *prefix, int number, struct booked *job);

/* Its spec, JSON, which the caller frees; `is_declared`: as a script says it, else as a client
 * does. */
char *cast_spec(const struct booked *job, const struct rule *rule, int64_t revision);

#endif
