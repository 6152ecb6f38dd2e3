/* What a state, a run that sleeps and pre-emption cost. */
#include "bench/bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "support/scratch.h"

enum { PAIRS_MAX = 60 };

/* Of the CPU only: calls, loops, tables, methods, closures. Seconds of CPU time. */
#define WORK                                                                                       \
  "local function work()\n"                                                                        \
  "  local from = os.clock()\n"                                                                    \
  "  local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end\n"                    \
  "  fib(28)\n"                                                                                    \
  "  local sum, t = 0, {}\n"                                                                       \
  "  for i = 1, 5000000 do sum = sum + i % 7 end\n"                                                \
  "  for i = 1, 800000 do t[i % 1000 + 1] = i end\n"                                               \
  "  local object = { n = 0 }\n"                                                                   \
  "  function object:add(x) self.n = self.n + x return self end\n"                                 \
  "  for i = 1, 1200000 do object:add(i) end\n"                                                    \
  "  return os.clock() - from\n"                                                                   \
  "end\n"

static const char script[] =
    WORK "function f(run) sleep(600) end\n"
         "job 'work' { run = function() return { value = work() } end }\n"
         "job 'size' { run = function() collectgarbage() collectgarbage()\n"
         "  return { value = collectgarbage('count') } end }\n";

/* Runs the job and gives the `member` of its `part`; NULL: of the run itself. */
static double value_of(struct moonbeat *moonbeat, const char *job, const char *part,
                       const char *member)
{
  char *params = memory_printf("{\"job\":\"%s\"}", job);
  char *before = bench_ask(moonbeat, "runs", params);
  free(bench_ask(moonbeat, "run_now", params));
  double value = -1;
  for (bool is_new = false; value < 0;) {
    usleep(10000);
    struct json_document *runs;
    char *text = bench_ask(moonbeat, "runs", params);
    is_new |= strcmp(text, before) != 0;
    if (json_parse(text, strlen(text), &runs, NULL))
      bench_fail("the runs cannot be read: %s", text);
    const struct json *list = json_get(json_root(runs), "runs");
    const struct json *newest = list && list->count > 0 ? list->as.first : NULL;
    if (is_new && newest)
      value = json_number(json_get(part ? json_get(newest, part) : newest, member), -1);
    json_free(runs);
    free(text);
  }
  free(before);
  free(params);
  return value;
}

static double stock_seconds(void)
{
  static const char text[] = WORK "print(work())";
  char line[64] = "";
  const char *path = scratch_path("work.lua");
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file) != 0)
    bench_fail("cannot write %s", path);
  char *command = memory_printf("lua5.4 %s", path);
  FILE *pipe = popen(command, "r");
  if (!pipe || !fgets(line, sizeof line, pipe))
    bench_fail("lua5.4 does not run");
  pclose(pipe);
  free(command);
  return atof(line);
}

/* Short and often and in turns, so that both meet the same machine; the lower quartile of each,
 * because neighbours only ever slow one down. */
static void compare_with_stock(struct moonbeat *moonbeat, int pairs)
{
  double ours[PAIRS_MAX], theirs[PAIRS_MAX];
  for (int i = 0; i < pairs; i++) {
    theirs[i] = stock_seconds();
    /* Not os.clock(), which counts the other threads of the process too. */
    ours[i] = value_of(moonbeat, "work", NULL, "cpu_us") / 1e6;
  }
  qsort(ours, (size_t)pairs, sizeof ours[0], bench_compare);
  qsort(theirs, (size_t)pairs, sizeof theirs[0], bench_compare);
  bench_report("Lua on the CPU, over stock lua5.4's time", ours[pairs / 4] / theirs[pairs / 4], "");
}

/* Without what is free, which an idle daemon gives back, and which would take others in for
 * nothing. */
static double resident_bytes(void)
{
  malloc_trim(0);
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*d %ld", &pages) != 1)
    bench_fail("/proc/self/statm cannot be read");
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void measure_sleepers(struct moonbeat *moonbeat)
{
  enum { SLEEPERS = 10000 };
  int64_t due_us = (clock_wall_us() / 1000000 + 3) * 1000000;
  bench_fill(moonbeat, SLEEPERS, due_us);
  double before = resident_bytes();
  for (int64_t running = 0; running < SLEEPERS; usleep(100000)) {
    char *status = bench_ask(moonbeat, "status", NULL);
    running = bench_number(status, "runs.running");
    free(status);
  }
  usleep(1000000); /* all have reached their sleep */
  bench_report("a run asleep, of 10,000", (resident_bytes() - before) / SLEEPERS / 1024, "KiB");
}

void bench_vm(const struct bench_options *options)
{
  char *folder = bench_folder(options, "vm", script);
  struct moonbeat *moonbeat = bench_moonbeat(folder, true);
  bench_report("a script's state", value_of(moonbeat, "size", "result", "value"), "KiB");
  compare_with_stock(moonbeat, options->scale > 1 ? 5 : PAIRS_MAX);
  measure_sleepers(moonbeat);
  bench_finish(moonbeat);
  free(folder);
}
