/* Runs all benchmarks, or those that are named, some rounds over, and prints the median of each
 * figure with its goal.
 *
 *   bench [-n ROUNDS] [--quick] [--folder SCRATCH] [--peers FOLDER] [NAME...]
 *   bench W1 --passes P --spec FILE            as the peers' bench.py calls it (next_peers.c) */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "support/scratch.h"

enum { FIGURES_MAX = 128, ROUNDS_MAX = 100 };

static struct figure {
  char *name, *unit;
  double values[ROUNDS_MAX];
  int count;
} figures[FIGURES_MAX];

static const struct {
  const char *name;
  void (*run)(const struct bench_options *options);
} benchmarks[] = {
    {"disk", bench_disk},       {"drain", bench_drain}, {"add", bench_add},
    {"start", bench_start},     {"late", bench_late},   {"idle", bench_idle},
    {"next", bench_next},       {"peer", bench_peer},   {"command", bench_command},
    {"isolate", bench_isolate}, {"spin", bench_spin},   {"vm", bench_vm},
    {"sim", bench_sim},
};

enum { BENCHMARKS = sizeof benchmarks / sizeof benchmarks[0] };

static const struct {
  const char *name, *goal;
} goals[] = {
    {"drain, file, FULL", ">= 50000"},
    {"drain, memory", ">= 100000"},
    {"add_job, 64 connections", ">= 5000"},
    {"add_jobs, in bulk from Lua", ">= 100000"},
    {"start with 1,000,000 jobs to first dispatch", "< 150"},
    {"lateness of a job each 100 ms, median", "< 2"},
    {"lateness of a job each 100 ms, p99", "< 10"},
    {"idle CPU, one daily job", "< 0.1"},
    {"resident memory, example jobs", "< 15"},
    {"next, UTC, median of expressions", "< 60"},
    {"next, DST zones, median of expressions", "< 80"},
    {"next, slowest that fires within 10 years", "< 2000"},
    {"next, 29 February on one weekday", "< 20000"},
    {"reading a crontab expression", "< 300"},
    {"loading a zone, median of all", "< 10"},
    {"counting ten years of seconds", "< 1000"},
    {"next --batch", ">= 100000"},
    {"isolated run, warm, claim to end, median", "< 1"},
    {"beside a spinner on each worker, late, p99", "<= 10"},
    {"beside a spinner on each worker, late, p99.9", "<= 25"},
    {"beside a spinner on each worker, slowest status", "<= 20"},
    {"a script's state", "<= 60"},
    {"Lua on the CPU, over stock lua5.4's time", "<= 1.05"},
    {"a run asleep, of 10,000", "<= 2"},
    {"a simulated day with 1,000,000 fires", "<= 60"},
    {"child over posix_spawn, small", ">= 0.8"},
    {"child over posix_spawn, 256 MiB", ">= 0.8"},
    {"runs of a command over posix_spawn, small", ">= 0.8"},
    {"runs of a command over posix_spawn, 256 MiB", ">= 0.8"},
    {"fires over the fastest peer's", ">= 25"},
    {"fires over APScheduler's", ">= 500"},
};

void bench_report(const char *name, double value, const char *unit)
{
  for (int i = 0; i < FIGURES_MAX; i++) {
    struct figure *figure = &figures[i];
    if (!figure->name) {
      figure->name = memory_strdup(name);
      figure->unit = memory_strdup(unit);
    }
    if (strcmp(figure->name, name) == 0) {
      if (figure->count < ROUNDS_MAX)
        figure->values[figure->count++] = value;
      fprintf(stderr, "  %-46s %12.2f %s\n", name, value, unit);
      return;
    }
  }
}

static const char *goal_of(const char *name)
{
  for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++)
    if (strcmp(goals[i].name, name) == 0)
      return goals[i].goal;
  return "";
}

static void print_medians(void)
{
  printf("%-46s %12s %12s %12s %-8s %s\n", "", "median", "least", "most", "unit", "goal");
  for (int i = 0; i < FIGURES_MAX && figures[i].name; i++) {
    struct figure *f = &figures[i];
    qsort(f->values, (size_t)f->count, sizeof f->values[0], bench_compare);
    printf("%-46s %12.2f %12.2f %12.2f %-8s %s\n", f->name, f->values[f->count / 2], f->values[0],
           f->values[f->count - 1], f->unit, goal_of(f->name));
  }
}

static double median_of(const char *name)
{
  for (int i = 0; i < FIGURES_MAX && figures[i].name; i++)
    if (strcmp(figures[i].name, name) == 0)
      return figures[i].values[figures[i].count / 2];
  return 0;
}

static void print_ratios(void)
{
  static const struct {
    const char *ours, *theirs;
  } pairs[] = {
      {"drain, file, FULL", "APScheduler: drain, file, FULL"},
      {"drain, memory", "APScheduler: drain, memory"},
      {"add_job, 64 connections", "APScheduler: add_job, file"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    double ours = median_of(pairs[i].ours), theirs = median_of(pairs[i].theirs);
    if (ours > 0 && theirs > 0)
      printf("%-46s %12.1f times APScheduler's\n", pairs[i].ours, ours / theirs);
  }
}

static bool is_named(const char *name, char **names, int count)
{
  bool named = count == 0;
  for (int i = 0; i < count; i++)
    named |= strcmp(names[i], name) == 0;
  return named;
}

static int tell_usage(void)
{
  fputs("usage: bench [-n ROUNDS] [--quick] [--folder SCRATCH] [--peers FOLDER]", stderr);
  for (int i = 0; i < BENCHMARKS; i++)
    fprintf(stderr, " [%s]", benchmarks[i].name);
  fputc('\n', stderr);
  return 64;
}

static bool are_known(char **names, int count)
{
  int known = 0;
  for (int i = 0; i < BENCHMARKS; i++)
    for (int j = 0; j < count; j++)
      known += strcmp(benchmarks[i].name, names[j]) == 0;
  return known == count;
}

int main(int argc, char **argv)
{
  struct bench_options options = {
      .program = BENCH_PROGRAM, .jobs = BENCH_JOBS, .self = BENCH_SELF, .scale = 1};
  int rounds = 3, at = 1;
  if (argc > 1 && strcmp(argv[1], "W1") == 0)
    return bench_answer_w1(argc, argv);
  for (; at < argc && argv[at][0] == '-'; at++) {
    if (strcmp(argv[at], "--quick") == 0) {
      options.scale = 10;
      rounds = 1;
    } else if (strcmp(argv[at], "-n") == 0 && at + 1 < argc) {
      rounds = atoi(argv[++at]);
    } else if (strcmp(argv[at], "--folder") == 0 && at + 1 < argc) {
      options.folder = argv[++at];
    } else if (strcmp(argv[at], "--peers") == 0 && at + 1 < argc) {
      options.peers = argv[++at];
    } else {
      return tell_usage();
    }
  }
  if (!are_known(argv + at, argc - at))
    return tell_usage();
  if (!options.folder)
    options.folder = scratch_folder();
  if (rounds < 1 || rounds > ROUNDS_MAX)
    bench_fail("-n must be between 1 and %d", ROUNDS_MAX);
  log_set_level(LOG_WARN);
  for (int round = 1; round <= rounds; round++) {
    fprintf(stderr, "round %d of %d\n", round, rounds);
    for (int i = 0; i < BENCHMARKS; i++)
      if (is_named(benchmarks[i].name, argv + at, argc - at))
        benchmarks[i].run(&options);
  }
  print_medians();
  print_ratios();
  return 0;
}
