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

static int64_t ask_sum(struct moonbeat *moonbeat, const char *operation, const char *const *fields)
{
  char *answer = bench_ask(moonbeat, operation, NULL);
  int64_t sum = 0;
  for (; *fields; fields++)
    sum += bench_number(answer, *fields);
  free(answer);
  return sum;
}

/* `status` walks all whose progress is not folded yet, so it is asked only when nothing seems left:
 * the figure is the scheduler's, not the watcher's. */
static void wait_until_done(struct moonbeat *moonbeat)
{
  static const char *const open[] = {"pending", "running", NULL};
  static const char *const left[] = {"jobs.active", "runs.pending", "runs.running", NULL};
  do
    usleep(4000);
  while (ask_sum(moonbeat, "pulse", open) != 0 || ask_sum(moonbeat, "status", left) != 0);
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
  wait_until_done(moonbeat);
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
