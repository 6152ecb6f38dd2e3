/* Fire times of moonbeat beside those of other schedulers, measured by their benchmark.
 *
 * The peers' folder has a bench.py that runs each peer as a process of its own and, given
 * `--also NAME=COMMAND`, the command too, with the arguments `W1 --passes P --spec FILE`. This
 * executable is that command as well: next_answer_w1() prints what the peers print, a line of JSON
 * a figure. As with the peers, the time to read an expression counts. A ratio is taken within one
 * zone; the least of all zones is reported. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "bench/next.h"
#include "trigger/trigger.h"

/* A pass of ours takes a millisecond where the peers' take seconds, so that one switch to another
 * process could be the figure: it is made so many times. */
enum { REPEATS = 21, PASSES_MAX = 100 * REPEATS };
static const char our_name[] = "moonbeat";

/* ---- what is asked ---- */

static const char *const own_zones[] = {"UTC", "America/New_York", "Europe/Berlin",
                                        "Australia/Lord_Howe", "Asia/Shanghai"};
static const char *const own_expressions[] = {
    "* * * * *",
    "*/10 * * * *",
    "*/20 * * * *",
    "*/11 * * * *",
    "2-58/2 * * * *",
    "5 * * * *",
    "45 * * * *",
    "10,25,40,55 * * * *",
    "0 */3 * * *",
    "30 */4 * * *",
    "17 1-21/2 * * *",
    "0 1 * * *",
    "45 1 * * *",
    "15 2 * * *",
    "0 8-18 * * *",
    "0 7,13,19 * * *",
    "0 8-18 * * mon-fri",
    "*/15 8-18 * * mon-fri",
    "0 0 * * sat",
    "0 13 * * tue",
    "0 21 * * thu,fri",
    "0 1 1 * *",
    "0 0 10 * *",
    "0 0 5,20 * *",
    "30 0 31 * *",
    "0 7 8-14 * *",
    "0 4 * 7-9 *",
    "0 0 1 */4 *",
    "5-45/10 3,15 5-15 2,10 *",
    "0 0 1 7 *",
    "30 22 31 12 *",
    "0 12 29 2 *",
};

static char *read_file(const char *path, size_t *size)
{
  struct buffer text = {0};
  char piece[4096];
  FILE *file = fopen(path, "r");
  if (!file)
    bench_fail("cannot read %s", path);
  while ((*size = fread(piece, 1, sizeof piece, file)) > 0)
    buffer_append(&text, piece, *size);
  fclose(file);
  *size = text.size;
  return text.data;
}

void next_spec_read(const char *path, struct next_spec *spec)
{
  *spec = (struct next_spec){.start_s = 1767225600, .count = 1000}; /* 2026-01-01 */
  if (!path) {
    spec->zone_count = sizeof own_zones / sizeof own_zones[0];
    spec->expression_count = sizeof own_expressions / sizeof own_expressions[0];
    memcpy(spec->zones, own_zones, sizeof own_zones);
    memcpy(spec->expressions, own_expressions, sizeof own_expressions);
    return;
  }
  size_t size;
  char *text = read_file(path, &size);
  struct error error;
  if (json_parse(text, size, &spec->document, &error) != ERROR_OK)
    bench_fail("%s: %s", path, error.text);
  free(text);
  const struct json *root = json_root(spec->document);
  spec->start_s = json_integer(json_get(root, "start"), spec->start_s);
  spec->count = (int)json_integer(json_get(root, "count"), spec->count);
  json_each(zone, json_get(root, "zones"))
    if (spec->zone_count < NEXT_ZONES_MAX)
      spec->zones[spec->zone_count++] = json_text(zone, "");
  json_each(expression, json_get(root, "expressions"))
    if (spec->expression_count < NEXT_EXPRESSIONS_MAX)
      spec->expressions[spec->expression_count++] = json_text(json_get(expression, "cron"), "");
  if (spec->zone_count == 0 || spec->expression_count == 0)
    bench_fail("%s names no zones or no expressions", path);
}

void next_spec_deinit(struct next_spec *spec)
{
  json_free(spec->document);
}

/* ---- our answer ---- */

static double cpu_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The expression's fires, at most `count`; how many there are. Reading it is part of the work. */
static int step(const char *expression, const char *zone, int64_t start_s, int count,
                int64_t *fires_us)
{
  struct trigger *trigger = bench_trigger(expression, zone);
  int64_t at_us = start_s * 1000000;
  int i = 0;
  for (; i < count && trigger_next(trigger, at_us, &at_us); i++)
    fires_us[i] = at_us;
  trigger_destroy(trigger);
  return i;
}

struct pass {
  double rate, cpu_rate;
  double rates[NEXT_EXPRESSIONS_MAX]; /* of each expression */
  int64_t fires;
};

static void run_pass(const struct next_spec *spec, const char *zone, int64_t *fires_us,
                     struct pass *pass)
{
  double begin_cpu_s = cpu_s();
  int64_t total_ns = 0;
  pass->fires = 0;
  for (size_t e = 0; e < spec->expression_count; e++) {
    int64_t begin_ns = bench_now_ns();
    int fires = step(spec->expressions[e], zone, spec->start_s, spec->count, fires_us);
    int64_t ns = bench_now_ns() - begin_ns;
    pass->rates[e] = fires * 1e9 / (double)ns;
    total_ns += ns;
    pass->fires += fires;
  }
  pass->rate = (double)pass->fires * 1e9 / (double)total_ns;
  pass->cpu_rate = (double)pass->fires / (cpu_s() - begin_cpu_s);
}

static void put_figure(const char *zone, const char *name, int64_t n, double value,
                       const char *unit, const char *note)
{
  printf("{\"peer\":\"%s\",\"version\":\"%s\",\"workload\":\"W1.%s.%s\",\"n\":%lld,\"value\":%.6g,"
         "\"unit\":\"%s\"",
         our_name, MOONBEAT_VERSION, zone, name, (long long)n, value, unit);
  if (note)
    printf(",\"note\":\"%s\"", note);
  puts("}");
}

static double median_rate(const struct pass *passes, int count, size_t expression)
{
  double rates[PASSES_MAX];
  for (int i = 0; i < count; i++)
    rates[i] = passes[i].rates[expression];
  qsort(rates, (size_t)count, sizeof rates[0], bench_compare);
  return rates[count / 2];
}

static void answer_zone(const struct next_spec *spec, const char *zone, int count,
                        struct pass *passes, int64_t *fires_us)
{
  double rates[PASSES_MAX], cpu_rates[PASSES_MAX], logs = 0, slowest = INFINITY;
  const char *slowest_text = "";
  run_pass(spec, zone, fires_us, &passes[0]); /* loads the zone and is not counted */
  for (int i = 0; i < count; i++) {
    run_pass(spec, zone, fires_us, &passes[i]);
    rates[i] = passes[i].rate;
    cpu_rates[i] = passes[i].cpu_rate;
  }
  qsort(rates, (size_t)count, sizeof rates[0], bench_compare);
  qsort(cpu_rates, (size_t)count, sizeof cpu_rates[0], bench_compare);
  for (size_t e = 0; e < spec->expression_count; e++) {
    double rate = median_rate(passes, count, e);
    logs += log(rate);
    if (rate < slowest) {
      slowest = rate;
      slowest_text = spec->expressions[e];
    }
  }
  int64_t fires = passes[0].fires;
  put_figure(zone, "fires_per_s", fires, rates[count / 2], "fires/s", NULL);
  put_figure(zone, "fires_per_cpu_s", fires, cpu_rates[count / 2], "fires/CPU s", NULL);
  put_figure(zone, "fires_per_s_geomean", fires, exp(logs / (double)spec->expression_count),
             "fires/s", NULL);
  put_figure(zone, "fires_per_s_slowest_expr", spec->count, slowest, "fires/s", slowest_text);
}

/* {zone: {expression: [epoch seconds]}}, for the peers' compare_w1.py. */
static void dump_fires(const struct next_spec *spec, const char *path, int64_t *fires_us)
{
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_begin_object(&writer);
  for (size_t z = 0; z < spec->zone_count; z++) {
    json_key(&writer, spec->zones[z]);
    json_begin_object(&writer);
    for (size_t e = 0; e < spec->expression_count; e++) {
      json_key(&writer, spec->expressions[e]);
      json_begin_array(&writer);
      int count = step(spec->expressions[e], spec->zones[z], spec->start_s, spec->count, fires_us);
      for (int i = 0; i < count; i++)
        json_write_integer(&writer, fires_us[i] / 1000000);
      json_end_array(&writer);
    }
    json_end_object(&writer);
  }
  json_end_object(&writer);
  FILE *file = fopen(path, "w");
  if (!file || fwrite(out.data, 1, out.size, file) != out.size || fclose(file) != 0)
    bench_fail("cannot write %s", path);
  buffer_deinit(&out);
}

int bench_answer_w1(int argc, char **argv)
{
  const char *path = NULL, *dump = NULL;
  int passes = 3;
  for (int i = 2; i + 1 < argc; i += 2) { /* --dir, --limit and --spawned mean nothing here */
    if (strcmp(argv[i], "--spec") == 0)
      path = argv[i + 1];
    else if (strcmp(argv[i], "--dump") == 0)
      dump = argv[i + 1];
    else if (strcmp(argv[i], "--passes") == 0)
      passes = atoi(argv[i + 1]);
  }
  if (passes < 1 || passes > PASSES_MAX / REPEATS)
    bench_fail("--passes must be between 1 and %d", PASSES_MAX / REPEATS);
  passes *= REPEATS;
  struct next_spec spec;
  next_spec_read(path, &spec);
  int64_t *fires_us = memory_alloc((size_t)spec.count * sizeof *fires_us);
  struct pass *all = memory_alloc((size_t)passes * sizeof *all);
  for (size_t z = 0; z < spec.zone_count && !dump; z++)
    answer_zone(&spec, spec.zones[z], passes, all, fires_us);
  if (dump)
    dump_fires(&spec, dump, fires_us);
  free(all);
  free(fires_us);
  next_spec_deinit(&spec);
  return 0;
}

/* ---- beside the peers ---- */

struct rates {
  double ours, fastest, apscheduler;
};

/* A line of the results such as {"peer":"quartz","workload":"W1.UTC.fires_per_s","value":320725}.
 */
static void take_result(const struct next_spec *spec, const char *line, struct rates *rates)
{
  struct json_document *document;
  if (json_parse(line, strlen(line), &document, NULL) != ERROR_OK)
    return;
  const struct json *root = json_root(document);
  const char *peer = json_text(json_get(root, "peer"), "");
  const char *workload = json_text(json_get(root, "workload"), "");
  double value = json_number(json_get(root, "value"), 0);
  for (size_t z = 0; z < spec->zone_count; z++) {
    char *name = memory_printf("W1.%s.fires_per_s", spec->zones[z]);
    bool is_this = strcmp(workload, name) == 0;
    free(name);
    if (!is_this)
      continue;
    if (strcmp(peer, our_name) == 0)
      rates[z].ours = value;
    else if (value > rates[z].fastest)
      rates[z].fastest = value;
    if (strcmp(peer, "apscheduler") == 0)
      rates[z].apscheduler = value;
    name = memory_printf("%s: fires in %s", peer, spec->zones[z]);
    bench_report(name, value, "fires/s");
    free(name);
  }
  json_free(document);
}

void next_run_peers(const struct bench_options *options, const struct next_spec *spec)
{
  struct rates rates[NEXT_ZONES_MAX] = {0};
  double over_fastest = INFINITY, over_apscheduler = INFINITY;
  char line[4096], *results = memory_printf("%s/peers.jsonl", options->folder);
  char *command = memory_printf(
      "rm -f '%s' && /usr/bin/env python3 '%s/bench.py' --only W1 --rounds 1 --quiet-wait 2 "
      "--out '%s' --also '%s=%s' %s >&2",
      results, options->peers, results, our_name, options->self,
      options->scale > 1 ? "--peers apscheduler,quartz,moonbeat" : "");
  if (system(command) != 0)
    bench_fail("%s fails", command);
  FILE *file = fopen(results, "r");
  while (file && fgets(line, sizeof line, file))
    take_result(spec, line, rates);
  if (file)
    fclose(file);
  for (size_t z = 0; z < spec->zone_count; z++) {
    if (rates[z].ours <= 0)
      bench_fail("%s has no figure of ours", results);
    if (rates[z].fastest > 0)
      over_fastest = fmin(over_fastest, rates[z].ours / rates[z].fastest);
    if (rates[z].apscheduler > 0)
      over_apscheduler = fmin(over_apscheduler, rates[z].ours / rates[z].apscheduler);
  }
  if (isfinite(over_fastest))
    bench_report("fires over the fastest peer's", over_fastest, "times");
  if (isfinite(over_apscheduler))
    bench_report("fires over APScheduler's", over_apscheduler, "times");
  free(command);
  free(results);
}
