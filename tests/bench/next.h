/* What the benchmark of fire times (next.c) and its comparison with others (next_peers.c) share. */
#ifndef BENCH_NEXT_H
#define BENCH_NEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "bench/bench.h"

enum { NEXT_ZONES_MAX = 16, NEXT_EXPRESSIONS_MAX = 256 };

/* What is asked for: the fires of each expression in each zone, `count` of them after the start. */
struct next_spec {
  int64_t start_s;
  int count;
  size_t zone_count, expression_count;
  const char *zones[NEXT_ZONES_MAX];
  const char *expressions[NEXT_EXPRESSIONS_MAX];
  struct json_document *document; /* whose texts these are; NULL: none */
};

/* From a file of the peers, spec/cron.json; NULL: our own of the same kind. */
void next_spec_read(const char *path, struct next_spec *spec);
void next_spec_deinit(struct next_spec *spec);

/* Runs the peers' benchmark of fire times and ours beside it, and reports how many times faster we
 * are. */
void next_run_peers(const struct bench_options *options, const struct next_spec *spec);

int64_t bench_now_ns(void);
struct trigger *bench_trigger(const char *expression, const char *zone);

#endif
