/* The simulator: lives of a scheduler, one a seed, until one goes wrong.
 *
 *   sim [--seed N] [--seeds A..B] [--steps N] [--long] [--tell] [--twice] [--folder F]
 *
 * A life that goes wrong is told by its seed, with which it happens again. A campaign in which an
 * interesting state (base/sometimes.h) was never reached has failed too. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/book.h"
#include "sim/life.h"

extern struct sometimes_point *const __start_sometimes_points[];
extern struct sometimes_point *const __stop_sometimes_points[];

static struct life_options life = {.steps = 230};
static const char *program;

void blame(const char *format, ...)
{
  va_list arguments;
  fflush(stdout);
  fprintf(stderr, "%sseed %" PRIu64 ": ", isatty(STDERR_FILENO) ? "\r" : "", life.seed);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\nagain with: %s --seed %" PRIu64 " --steps %d --tell\n", program, life.seed,
          life.steps);
  life_leave_behind();
  exit(1);
}

enum { LIVES_LEAST = 20 }; /* fewer are not expected to reach everything */

struct campaign {
  uint64_t first, last;
  bool is_twice;
};

static void show_progress(const struct campaign *campaign, const struct life_report *all)
{
  if (isatty(STDERR_FILENO))
    fprintf(stderr, "\rseed %" PRIu64 " of %" PRIu64 ": %" PRId64 " crashes, %" PRId64 " runs ",
            life.seed, campaign->last, all->crashes, all->runs);
}

static void add(struct life_report *all, const struct life_report *one)
{
  all->hash = (all->hash ^ one->hash) * 0x100000001b3;
  all->lived_us += one->lived_us;
  all->crashes += one->crashes;
  all->faults += one->faults;
  all->operations += one->operations;
  all->acknowledged += one->acknowledged;
  all->dues += one->dues;
  all->runs += one->runs;
  all->skips += one->skips;
}

static void live_all(const struct campaign *campaign)
{
  struct life_report all = {0};
  int64_t began_us = clock_monotonic_us();
  for (life.seed = campaign->first; life.seed <= campaign->last; life.seed++) {
    struct life_report one = {0}, again = {0};
    life_live(&life, &one);
    if (campaign->is_twice) {
      life_live(&life, &again);
      if (again.hash != one.hash)
        blame("its two lives differ: %016" PRIx64 " and %016" PRIx64, one.hash, again.hash);
    }
    add(&all, &one);
    show_progress(campaign, &all);
  }
  printf("%slives %" PRIu64 ", days lived %.1f, crashes %" PRId64 ", other faults %" PRId64
         ", operations %" PRId64 ", acknowledged %" PRId64 ", due times %" PRId64 ", runs %" PRId64
         ", skips %" PRId64 ", violations 0, seeds %" PRIu64 "..%" PRIu64 ", hash %016" PRIx64
         ", %.1f s\n",
         isatty(STDERR_FILENO) ? "\n" : "", campaign->last - campaign->first + 1,
         (double)all.lived_us / 86400e6, all.crashes, all.faults, all.operations, all.acknowledged,
         all.dues, all.runs, all.skips, campaign->first, campaign->last, all.hash,
         (double)(clock_monotonic_us() - began_us) / 1e6);
}

static bool is_repeated(struct sometimes_point *const *point)
{
  for (struct sometimes_point *const *p = __start_sometimes_points; p < point; p++)
    if (strcmp((*p)->name, (*point)->name) == 0)
      return true;
  return false;
}

static int64_t count_of(const char *name)
{
  int64_t count = 0;
  for (struct sometimes_point *const *p = __start_sometimes_points; p < __stop_sometimes_points;
       p++)
    if (strcmp((*p)->name, name) == 0)
      count += (*p)->count;
  return count;
}

/* How many were never reached. */
static int show_points(void)
{
  int missing = 0;
  for (struct sometimes_point *const *p = __start_sometimes_points; p < __stop_sometimes_points;
       p++) {
    if (is_repeated(p))
      continue;
    int64_t count = count_of((*p)->name);
    printf("%10" PRId64 "  %s\n", count, (*p)->name);
    missing += count == 0;
  }
  return missing;
}

static uint64_t read_number(const char *text, char **rest)
{
  uint64_t number = strtoull(text, rest, 10);
  if (*rest == text) {
    fprintf(stderr, "%s: %s is no number\n", program, text);
    exit(64);
  }
  return number;
}

int main(int argc, char **argv)
{
  struct campaign campaign = {.first = 1, .last = 30};
  char *rest;
  program = argv[0];
  for (int i = 1; i < argc; i++) {
    const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(option, "--long") == 0) {
      campaign.last = 10000;
    } else if (strcmp(option, "--tell") == 0) {
      life.is_told = true;
    } else if (strcmp(option, "--twice") == 0) {
      campaign.is_twice = true;
    } else if (strcmp(option, "--seed") == 0) {
      campaign.first = campaign.last = read_number(value, &rest);
      i++;
    } else if (strcmp(option, "--seeds") == 0) {
      campaign.first = read_number(value, &rest);
      campaign.last = strncmp(rest, "..", 2) == 0 ? read_number(rest + 2, &rest) : campaign.first;
      i++;
    } else if (strcmp(option, "--folder") == 0) {
      life.folder = realpath(value, NULL);
      if (!life.folder)
        blame("%s: no such folder", value);
      i++;
    } else if (strcmp(option, "--steps") == 0) {
      life.steps = (int)read_number(value, &rest);
      i++;
    } else {
      fprintf(stderr,
              "usage: %s [--seed N] [--seeds A..B] [--steps N] [--long] [--tell] [--twice] "
              "[--folder F]\n",
              program);
      return 64;
    }
  }
  live_all(&campaign);
  int missing = campaign.last - campaign.first < LIVES_LEAST ? 0 : show_points();
  if (missing)
    fprintf(stderr, "%d interesting states were never reached\n", missing);
  return missing ? 1 : 0;
}
