/* What a process of its own costs a run: from nothing (the process is started for it), from a spare
 * process, which has to load the script, and by a warm one; and warm runs of a whole daemon, from
 * claim to end, beside those of a job that shares its state. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "exec/isolate_cell.h"
#include "time/instant.h"

enum { TIMES_MAX = 300, STATES = 20 };

static double median(double *values, int count)
{
  qsort(values, (size_t)count, sizeof values[0], bench_compare);
  return values[count / 2];
}

/* ---- one process, by hand ---- */

struct desk {
  uv_loop_t loop;
  struct bus *bus;
  const char *program;
  struct cell *cell;
  enum message_kind awaited;
  bool has_come, has_ended;
};

static void on_message(void *context, struct message *message)
{
  struct desk *desk = context;
  if (!message)
    return;
  if (message->kind == MESSAGE_FINISHED && message->as.finished.state != RUN_SUCCEEDED)
    bench_fail("isolated run: %s", message->as.finished.error);
  desk->has_come |= message->kind == desk->awaited;
  message_destroy(message);
}

static void on_late(void *context)
{
  (void)context;
}

static void on_ended(void *context)
{
  ((struct desk *)context)->has_ended = true;
}

static void await(struct desk *desk, enum message_kind kind)
{
  desk->awaited = kind;
  for (desk->has_come = false; !desk->has_come && !desk->has_ended;)
    uv_run(&desk->loop, UV_RUN_ONCE);
  if (desk->has_ended)
    bench_fail("the isolated process ended");
}

static void start(struct desk *desk)
{
  struct error error;
  if (cell_start(&(struct cell_options){.loop = &desk->loop,
                                        .bus = desk->bus,
                                        .program = desk->program,
                                        .message = on_message,
                                        .late = on_late,
                                        .ended = on_ended,
                                        .context = desk},
                 &desk->cell, &error))
    bench_fail("%s", error.text);
}

static void load(struct desk *desk)
{
  static char source[] = "function f(run) return 1 end";
  struct message *message = message_create(MESSAGE_LOAD, ADDRESS_SCHEDULER, ADDRESS_WORKER);
  message->as.load.generation = 1;
  message->as.load.script = memory_strdup("script");
  message->as.load.path = memory_strdup("script.lua");
  message->as.load.text = memory_strdup(source);
  message->as.load.size = strlen(source);
  cell_send_settings(desk->cell, "{\"memory\":268435456,\"files\":64}");
  cell_send(desk->cell, message);
  message_destroy(message);
  await(desk, MESSAGE_LOADED);
}

static void run(struct desk *desk)
{
  struct message *message = message_create(MESSAGE_RUN, ADDRESS_SCHEDULER, ADDRESS_WORKER);
  message->as.run.generation = 1;
  message->as.run.attempt = (struct attempt){{1, 1}, 1, 1};
  message->as.run.job_id = memory_strdup("job");
  message->as.run.func = memory_strdup("f");
  cell_send(desk->cell, message);
  message_destroy(message);
  await(desk, MESSAGE_FINISHED);
}

static double since_ms(int64_t from_us)
{
  return (double)(clock_monotonic_us() - from_us) / 1e3;
}

static void measure_process(const struct bench_options *options)
{
  double cold[STATES], spare[STATES], warm[TIMES_MAX];
  int times = TIMES_MAX / options->scale;
  struct desk desk = {.program = options->program, .bus = bus_create()};
  uv_loop_init(&desk.loop);
  for (int i = 0; i < STATES; i++) {
    int64_t from_us = clock_monotonic_us();
    start(&desk);
    load(&desk);
    run(&desk);
    cold[i] = since_ms(from_us);
    cell_release(desk.cell);
    start(&desk);
    usleep(30000);
    from_us = clock_monotonic_us();
    load(&desk);
    run(&desk);
    spare[i] = since_ms(from_us);
    for (int j = 0; i == STATES - 1 && j < times; j++) {
      from_us = clock_monotonic_us();
      run(&desk);
      warm[j] = since_ms(from_us);
    }
    cell_release(desk.cell);
  }
  uv_run(&desk.loop, UV_RUN_DEFAULT);
  uv_loop_close(&desk.loop);
  bus_destroy(desk.bus);
  bench_report("isolated run from nothing, median", median(cold, STATES), "ms");
  bench_report("isolated run by a spare process, median", median(spare, STATES), "ms");
  bench_report("isolated run by a warm process, median", median(warm, times), "ms");
}

/* ---- a daemon ---- */

static int64_t instant_of(const struct json *run, const char *name)
{
  int64_t us = 0;
  struct error error;
  if (instant_parse(json_text(json_get(run, name), ""), NULL, &us, &error))
    bench_fail("%s: %s", name, error.text);
  return us;
}

static int64_t finished_runs(struct moonbeat *moonbeat, const char *job, double *took_ms)
{
  int64_t count = 0;
  struct json_document *document;
  char *params = memory_printf("{\"job\":\"%s\",\"limit\":1000,\"state\":\"succeeded\"}", job);
  char *runs = bench_ask(moonbeat, "runs", params);
  if (json_parse(runs, strlen(runs), &document, NULL))
    bench_fail("no JSON: %s", runs);
  json_each(ran, json_get(json_root(document), "runs"))
    took_ms[count++] =
        (double)(instant_of(ran, "finished_at") - instant_of(ran, "claimed_at")) / 1e3;
  json_free(document);
  free(runs);
  free(params);
  return count;
}

static void run_job(struct moonbeat *moonbeat, const char *job, int times, const char *figure)
{
  double took_ms[1000];
  char *params = memory_printf("{\"job\":\"%s\"}", job);
  for (int i = 0; i < times; i++) {
    free(bench_ask(moonbeat, "run_now", params));
    for (int64_t open = 1; open != 0;) {
      usleep(2000);
      char *status = bench_ask(moonbeat, "status", NULL);
      open = bench_number(status, "runs.pending") + bench_number(status, "runs.running");
      free(status);
    }
  }
  if (finished_runs(moonbeat, job, took_ms) != times)
    bench_fail("not all runs of %s succeeded", job);
  bench_report(figure, median(took_ms, times), "ms");
  free(params);
}

static void measure_daemon(const struct bench_options *options)
{
  int times = TIMES_MAX / options->scale;
  char *folder =
      bench_folder(options, "isolate",
                   "job \"shared\" { run = function() return 1 end }\n"
                   "job \"isolated\" { isolate = true, run = function() return 1 end }\n");
  struct moonbeat *moonbeat = bench_moonbeat(folder, true);
  run_job(moonbeat, "shared", times, "shared run, claim to end, median");
  run_job(moonbeat, "isolated", times, "isolated run, warm, claim to end, median");
  bench_finish(moonbeat);
  free(folder);
}

void bench_isolate(const struct bench_options *options)
{
  measure_process(options);
  measure_daemon(options);
}
