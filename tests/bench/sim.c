/* A simulated day with a million fires: jobs that each fire at instants of their own, runs that
 * take up to two seconds of virtual time, the store in memory. On one core. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "sim/sim.h"

#define SECOND INT64_C(1000000)
#define DAY    (24 * 60 * 60 * SECOND)
#define BEGINS                                                                                     \
  (INT64_C(1774742400) * SECOND) /* 2026-03-29T00:00:00Z: clocks go forward in Europe */

enum {
  INTERVAL_JOBS = 1000, /* each 90 s: 960 fires a day */
  INTERVAL_S = 90,
  MINUTE_JOBS = 28, /* 1440 */
};

struct day {
  uint64_t random_state;
  int64_t runs;
};

static int64_t draw(struct day *day, int64_t below)
{
  day->random_state =
      day->random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int64_t)((day->random_state >> 33) % (uint64_t)below);
}

static void model(void *context, struct sim *sim, const struct message *run, struct sim_fate *fate)
{
  struct day *day = context;
  (void)sim, (void)run;
  day->runs++;
  fate->lasts_us = draw(day, 2 * SECOND);
}

static void add(struct sim *sim, int number, const char *trigger)
{
  struct error error;
  char *params = memory_printf("{\"id\":\"j%d\",\"run\":{\"argv\":[\"true\"]},\"trigger\":%s}",
                               number, trigger);
  char *reply = sim_ask(sim, "add_job", params, &error);
  if (!reply)
    bench_fail("%s", error.text);
  free(reply);
  free(params);
}

static void advance(struct sim *sim, int64_t until_us)
{
  struct error error;
  if (sim_advance(sim, until_us, &error))
    bench_fail("%s", error.text);
}

static double cpu_s(void)
{
  return (double)clock_thread_us() / 1e6;
}

void bench_sim(const struct bench_options *options)
{
  struct day day = {.random_state = 1};
  struct store *store;
  struct sim *sim;
  struct error error;
  if (store_open(NULL, &store, &error))
    bench_fail("%s", error.text);
  struct sim_options sim_options = {
      .sched = {.store = store,
                .workers = 2,
                .retention = {.age_us = 30 * DAY, .runs_per_job = 1000}},
      .callbacks = {.model = model, .context = &day},
      .begins_us = BEGINS};
  if (sim_create(&sim_options, &sim, &error))
    bench_fail("%s", error.text);
  double begun_s = cpu_s();
  for (int i = 0; i < MINUTE_JOBS; i++)
    add(sim, INTERVAL_JOBS + i,
        i % 2 ? "\"* * * * *\""
              : "{\"kind\":\"cron\",\"expression\":\"* * * * *\",\"timezone\":\"Europe/Berlin\"}");
  for (int i = 0; i < INTERVAL_JOBS; i++) {
    add(sim, i, "\"every 90s\"");
    advance(sim, BEGINS + (i + 1) * INTERVAL_S * SECOND / INTERVAL_JOBS);
  }
  int64_t until_us = BEGINS + DAY / options->scale + INTERVAL_S * SECOND;
  advance(sim, until_us);
  double seconds = cpu_s() - begun_s;
  sim_destroy(sim);
  store_close(store);
  int64_t expected = 1000000 / options->scale;
  if (day.runs < expected)
    bench_fail("%lld runs of %lld", (long long)day.runs, (long long)expected);
  bench_report("a simulated day with 1,000,000 fires", seconds * options->scale, "s");
}
