/* Fire times: how fast triggers are read, asked for their next fire, and counted; by calling them,
 * and by `moonbeat next --batch`.
 *
 * The expressions are those of the peers' folder when it is given, else of the same kind. A figure
 * of nanoseconds is the median of short samples, so that what else the machine does falls out; of a
 * single call, the least of some, since nothing makes it faster than it is. */
#include "bench/next.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "time/instant.h"
#include "time/zone_data.h"
#include "trigger/trigger.h"

enum { SAMPLES = 9, STEPS = 1000, CALLS = 32, ZONES_MAX = 1000, BATCH_LINES = 400000 };
#define YEAR_US INT64_C(31556952000000)

int64_t bench_now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct trigger *bench_trigger(const char *expression, const char *zone)
{
  struct trigger *trigger;
  struct error error;
  if (trigger_from_text(expression, zone, &trigger, &error) != ERROR_OK)
    bench_fail("%s", error.text);
  return trigger;
}

static double median_of(double *values, size_t count)
{
  qsort(values, count, sizeof *values, bench_compare);
  return values[count / 2];
}

/* ---- next ---- */

/* Nanoseconds for a step from fire to fire. */
static double measure_steps(const char *expression, const char *zone, int64_t start_us)
{
  struct trigger *trigger = bench_trigger(expression, zone);
  double ns[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    int64_t at_us = start_us, begin_ns = bench_now_ns();
    for (int step = 0; step < STEPS; step++)
      if (!trigger_next(trigger, at_us, &at_us))
        at_us = start_us;
    ns[i] = (double)(bench_now_ns() - begin_ns) / STEPS;
  }
  trigger_destroy(trigger);
  return median_of(ns, SAMPLES);
}

static bool has_dst(const char *name, int64_t at_s)
{
  const struct zone *zone;
  struct zone_transition transition;
  return zone_find(name, &zone, NULL) == ERROR_OK && zone_next_transition(zone, at_s, &transition);
}

static void report_steps(const struct next_spec *spec)
{
  static double utc[NEXT_EXPRESSIONS_MAX], dst[NEXT_ZONES_MAX * NEXT_EXPRESSIONS_MAX];
  size_t dst_count = 0;
  for (size_t z = 0; z < spec->zone_count; z++) {
    bool is_utc = strcmp(spec->zones[z], "UTC") == 0;
    if (!is_utc && !has_dst(spec->zones[z], spec->start_s))
      continue;
    for (size_t e = 0; e < spec->expression_count; e++) {
      double ns = measure_steps(spec->expressions[e], spec->zones[z], spec->start_s * 1000000);
      if (is_utc)
        utc[e] = ns;
      else
        dst[dst_count++] = ns;
    }
  }
  bench_report("next, UTC, median of expressions", median_of(utc, spec->expression_count), "ns");
  bench_report("next, DST zones, median of expressions", median_of(dst, dst_count), "ns");
}

/* Nanoseconds for a single next. */
static double measure_call(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  double least_ns = 1e18;
  for (int i = 0; i < SAMPLES; i++) {
    int64_t begin_ns = bench_now_ns();
    for (int call = 0; call < CALLS; call++)
      if (!trigger_next(trigger, after_us, next_us))
        bench_fail("a trigger that always fires does not");
    double ns = (double)(bench_now_ns() - begin_ns) / CALLS;
    least_ns = ns < least_ns ? ns : least_ns;
  }
  return least_ns;
}

/* The slowest of the steps of 100 years that are at least `from_years` and at most `until_years`
 * wide. */
static double measure_slowest(const char *expression, const char *zone, double from_years,
                              double until_years)
{
  struct trigger *trigger = bench_trigger(expression, zone);
  int64_t at_us = 0, end_us = 130 * YEAR_US, next_us;
  double slowest_ns = 0;
  for (int step = 0; step < STEPS && at_us < end_us; step++, at_us = next_us) {
    double ns = measure_call(trigger, at_us, &next_us);
    double years = (double)(next_us - at_us) / (double)YEAR_US;
    if (years >= from_years && years <= until_years && ns > slowest_ns)
      slowest_ns = ns;
  }
  trigger_destroy(trigger);
  return slowest_ns;
}

static void report_slowest(const struct next_spec *spec)
{
  /* 29 February comes again after eight years around 2100, a weekday on a date after six to
   * eleven, and the more often a zone changes its clock, the more there is to pass. */
  static const char *const rare[] = {
      "0 0 29 2 *",      "* * 29 2 *",      "59 23 31 12 *", "0 0 31 12 */6",    "0 0 1 1 */4",
      "30 2 */31 3 */5", "59 59 23 29 2 *", "0 0 29 2 */2",  "*/59 */23 29 2 *",
  };
  static const char *const zones[] = {"UTC", "Europe/Berlin", "Africa/Casablanca"};
  double slowest_ns = 0, rarest_ns = 0;
  for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
    for (size_t e = 0; e < spec->expression_count + sizeof rare / sizeof rare[0]; e++) {
      bool is_own = e < spec->expression_count;
      const char *expression = is_own ? spec->expressions[e] : rare[e - spec->expression_count];
      double ns = measure_slowest(expression, zones[z], 0, 10);
      slowest_ns = ns > slowest_ns ? ns : slowest_ns;
    }
    /* Crontab says Sunday only, by a step that leaves nothing else: days that do not begin with `*`
     * match by either field. */
    double ns = measure_slowest("0 0 29 2 */7", zones[z], 10, 400);
    rarest_ns = ns > rarest_ns ? ns : rarest_ns;
    ns = measure_slowest("quartz 0 0 0 ? 2 MON#5", zones[z], 10, 400);
    rarest_ns = ns > rarest_ns ? ns : rarest_ns;
  }
  bench_report("next, slowest that fires within 10 years", slowest_ns, "ns");
  bench_report("next, 29 February on one weekday", rarest_ns, "ns");
}

/* ---- reading, loading, counting ---- */

static void report_reading(const struct next_spec *spec)
{
  double ns[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    int64_t begin_ns = bench_now_ns();
    for (int round = 0; round < 20; round++)
      for (size_t e = 0; e < spec->expression_count; e++)
        trigger_destroy(bench_trigger(spec->expressions[e], "UTC"));
    ns[i] = (double)(bench_now_ns() - begin_ns) / (20 * (double)spec->expression_count);
  }
  bench_report("reading a crontab expression", median_of(ns, SAMPLES), "ns");
}

/* Reads the file and makes the zone of it, as zone_find() does at the first use of a name. */
static double measure_zone(const char *path)
{
  static unsigned char bytes[1 << 16];
  struct zone *zone = NULL;
  int64_t begin_ns = bench_now_ns();
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (file)
    fclose(file);
  if (tzif_parse(bytes, size, &zone, NULL) != ERROR_OK)
    bench_fail("%s is no zone", path);
  double us = (double)(bench_now_ns() - begin_ns) / 1e3;
  zone_destroy(zone);
  return us;
}

static void report_zones(void)
{
  static double us[ZONES_MAX];
  static const char *const regions[] = {"Africa", "America", "Asia", "Australia", "Europe"};
  const char *folder = getenv("TZDIR") ? getenv("TZDIR") : "/usr/share/zoneinfo";
  size_t count = 0;
  for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
    char *region = memory_printf("%s/%s", folder, regions[i]);
    DIR *entries = opendir(region);
    for (struct dirent *entry; entries && (entry = readdir(entries)) && count < ZONES_MAX;) {
      char *path = memory_printf("%s/%s", region, entry->d_name);
      if (entry->d_type == DT_REG)
        us[count++] = measure_zone(path);
      free(path);
    }
    if (entries)
      closedir(entries);
    free(region);
  }
  if (count > 0)
    bench_report("loading a zone, median of all", median_of(us, count), "us");
}

static void report_count(void)
{
  int64_t from_us, until_us, last_us;
  double us[SAMPLES];
  struct trigger *trigger = bench_trigger("* * * * * *", "Europe/Berlin");
  if (instant_parse("2026-01-01", NULL, &from_us, NULL) != ERROR_OK ||
      instant_parse("2036-01-01", NULL, &until_us, NULL) != ERROR_OK)
    bench_fail("a date is not read");
  for (int i = 0; i < SAMPLES; i++) {
    int64_t begin_ns = bench_now_ns();
    if (trigger_count(trigger, from_us, until_us, &last_us) != 315532800)
      bench_fail("ten years of seconds are miscounted");
    us[i] = (double)(bench_now_ns() - begin_ns) / 1e3;
  }
  trigger_destroy(trigger);
  bench_report("counting ten years of seconds", median_of(us, SAMPLES), "us");
}

/* ---- the batch interface ---- */

static void write_questions(const struct next_spec *spec, const char *path, int lines)
{
  FILE *file = fopen(path, "w");
  for (int i = 0; file && i < lines; i++)
    fprintf(file,
            "{\"id\":\"a%d\",\"kind\":\"cron5\",\"params\":{\"expr\":\"%s\"},\"tz\":\"%s\","
            "\"start_epoch\":%lld,\"k\":3}\n",
            i, spec->expressions[(size_t)i % spec->expression_count],
            spec->zones[(size_t)i % spec->zone_count], (long long)spec->start_s + i);
  if (!file || fclose(file) != 0)
    bench_fail("cannot write %s", path);
}

static int count_answers(const char *path)
{
  char line[512];
  int count = 0;
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    count += strstr(line, "\"fires\":[") != NULL;
  if (file)
    fclose(file);
  return count;
}

static void report_batch(const struct bench_options *options, const struct next_spec *spec)
{
  int lines = BATCH_LINES / options->scale;
  char *folder = bench_folder(options, "next", "");
  char *questions = memory_printf("%s/questions", folder);
  char *answers = memory_printf("%s/answers", folder);
  char *command =
      memory_printf("'%s' next --batch < '%s' > '%s'", options->program, questions, answers);
  write_questions(spec, questions, lines);
  int64_t begin_ns = bench_now_ns();
  if (system(command) != 0)
    bench_fail("%s fails", command);
  double seconds = (double)(bench_now_ns() - begin_ns) / 1e9;
  if (count_answers(answers) != lines)
    bench_fail("%s has not the answers to %d lines", answers, lines);
  bench_report("next --batch", lines / seconds, "lines/s");
  free(command);
  free(answers);
  free(questions);
  free(folder);
}

void bench_next(const struct bench_options *options)
{
  struct next_spec spec;
  char *path = options->peers ? memory_printf("%s/spec/cron.json", options->peers) : NULL;
  next_spec_read(path, &spec);
  free(path);
  report_steps(&spec);
  report_slowest(&spec);
  report_reading(&spec);
  report_zones();
  report_count();
  report_batch(options, &spec);
  if (options->peers)
    next_run_peers(options, &spec);
  else
    fprintf(stderr, "  no peers: give their folder by --peers for the ratios\n");
  next_spec_deinit(&spec);
}
