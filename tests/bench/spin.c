/* A spinning script on each worker, and beside it a script with a job that is due often: how late
 * its runs begin, and how long `status` takes. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

static const char spinner[] = "function f(run) end\n"
                              "job 'NAME' { run = function() while true do end end }\n";

/* The runs note how late they began; `report` gives percentiles in milliseconds. */
static const char victim[] =
    "local late = {}\n"
    "job 'NAME' { trigger = every '20ms', run = function(run)\n"
    "  late[#late + 1] = (time.now().us - run.scheduled_at.us) / 1000\n"
    "end }\n"
    "job 'NAME_report' { run = function()\n"
    "  table.sort(late)\n"
    "  local function at(part) return late[math.max(1, math.ceil(#late * part))] end\n"
    "  return { p50 = at(0.5), p99 = at(0.99), p999 = at(0.999) }\n"
    "end }\n";

static void write_script(const char *folder, const char *text, const char *name)
{
  char *path = memory_printf("%s/jobs/%s.lua", folder, name);
  FILE *file = fopen(path, "w");
  if (!file)
    bench_fail("cannot write %s", path);
  for (const char *next; (next = strstr(text, "NAME")); text = next + 4)
    fprintf(file, "%.*s%s", (int)(next - text), text, name);
  fputs(text, file);
  fclose(file);
  free(path);
}

static void run_now(struct moonbeat *moonbeat, const char *job)
{
  char *params = memory_printf("{\"job\":\"%s\"}", job);
  free(bench_ask(moonbeat, "run_now", params));
  free(params);
}

static double slowest_status_ms(struct moonbeat *moonbeat, unsigned seconds)
{
  double slowest_ms = 0;
  for (unsigned i = 0; i < seconds * 20; i++) {
    int64_t from_us = clock_monotonic_us();
    free(bench_ask(moonbeat, "status", NULL));
    double took_ms = (double)(clock_monotonic_us() - from_us) / 1e3;
    if (took_ms > slowest_ms)
      slowest_ms = took_ms;
    usleep(50000);
  }
  return slowest_ms;
}

/* The worst of all victims, by the result of their reports. */
static void report(struct moonbeat *moonbeat, int victims)
{
  static const char *const parts[] = {"p50", "p99", "p999"};
  double worst_ms[3] = {0};
  for (int i = 0; i < victims; i++) {
    char *job = memory_printf("b%d_report", i), *params = memory_printf("{\"job\":\"%s\"}", job);
    struct json_document *runs = NULL;
    const struct json *result = NULL;
    run_now(moonbeat, job);
    while (!result) {
      usleep(20000);
      json_free(runs);
      char *text = bench_ask(moonbeat, "runs", params);
      if (json_parse(text, strlen(text), &runs, NULL))
        bench_fail("the runs cannot be read: %s", text);
      free(text);
      json_each(run, json_get(json_root(runs), "runs"))
        result = json_get(json_get(run, "result"), "p50") ? json_get(run, "result") : NULL;
    }
    for (int part = 0; part < 3; part++) {
      double ms = json_number(json_get(result, parts[part]), 0);
      worst_ms[part] = ms > worst_ms[part] ? ms : worst_ms[part];
    }
    json_free(runs);
    free(job);
    free(params);
  }
  bench_report("beside a spinner on each worker, late, median", worst_ms[0], "ms");
  bench_report("beside a spinner on each worker, late, p99", worst_ms[1], "ms");
  bench_report("beside a spinner on each worker, late, p99.9", worst_ms[2], "ms");
}

void bench_spin(const struct bench_options *options)
{
  int workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
  unsigned seconds = options->scale > 1 ? 5 : 30;
  char *folder = bench_folder(options, "spin", "function f(run) end\n");
  for (int i = 0; i < workers; i++) { /* scripts go to workers in turn, by name */
    char *name = memory_printf("a%d", i);
    write_script(folder, spinner, name);
    name[0] = 'b';
    write_script(folder, victim, name);
    free(name);
  }
  struct moonbeat *moonbeat = bench_moonbeat(folder, true);
  for (int i = 0; i < workers; i++) {
    char *job = memory_printf("a%d", i);
    run_now(moonbeat, job);
    free(job);
  }
  bench_report("beside a spinner on each worker, slowest status",
               slowest_status_ms(moonbeat, seconds), "ms");
  report(moonbeat, workers);
  bench_finish(moonbeat);
  free(folder);
}
