/* One-shot jobs that are all due at one second: how fast they are claimed, run and finished. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

static void check_none_lost(const char *folder, int count)
{
  int64_t runs = bench_query(folder, "SELECT count(*) FROM runs");
  int64_t good = bench_query(folder, "SELECT count(DISTINCT job) FROM runs WHERE state = 2"
                                     " AND attempt = 1");
  if (runs != count || good != count)
    bench_fail("of %d jobs %lld runs are stored and %lld succeeded at once", count, (long long)runs,
               (long long)good);
}

static const char empty[] = "function f(run) end\n";

/* None of the events passes a filter of these. */
static const char filtered[] =
    "function f(run) end\n"
    "for i = 1, 100 do on('job_*', { job = 'x' .. i, state = { 'failed' } }, print) end\n";

static const char durable[] = "function f(run) end\n"
                              "on('job_executed', function() end, { durable = true })\n";

static void drain(const struct bench_options *options, bool memory, const char *script,
                  const char *name)
{
  int count = 100000 / options->scale;
  char *folder = bench_folder(options, "drain", script);
  struct moonbeat *moonbeat = bench_moonbeat(folder, memory);
  /* Far enough away for the filling, near enough to be the same turn for all. */
  int64_t due_us = (clock_wall_us() / 1000000 + 4 + count / 25000) * 1000000;
  bench_fill(moonbeat, count, due_us);
  if (clock_wall_us() > due_us)
    bench_fail("filling took longer than expected");
  usleep((useconds_t)(due_us - clock_wall_us()));
  int64_t open = 1;
  while (open != 0) {
    usleep(50000);
    char *status = bench_ask(moonbeat, "status", NULL);
    open = bench_number(status, "jobs.active") + bench_number(status, "runs.pending") +
           bench_number(status, "runs.running");
    free(status);
  }
  double seconds = (double)(clock_wall_us() - due_us) / 1e6;
  bench_finish(moonbeat);
  if (!memory)
    check_none_lost(folder, count);
  bench_report(name, count / seconds, "runs/s");
  free(folder);
}

void bench_drain(const struct bench_options *options)
{
  drain(options, false, empty, "drain, file, FULL");
  drain(options, true, empty, "drain, memory");
  drain(options, true, filtered, "... 100 listeners whose filters match nothing");
  drain(options, false, durable, "... file, and a durable listener hears of each run");
}
