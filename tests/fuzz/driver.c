/* Runs a fuzz target without libFuzzer, so that any compiler can: mutates the target's seeds for a
 * number of seconds, from a seed of its own, always in the same order.
 *
 *     trigger_cron_fuzz [-t SECONDS] [-s SEED]     mutate
 *     trigger_cron_fuzz FILE...                    run these inputs
 *     trigger_cron_fuzz -w FOLDER                  write the seeds as files, a corpus for libFuzzer
 *
 * An input that ends in an abort or a crash is kept as fuzz-failure.bin in the current directory,
 * for the second way of running. Mutations know what the texts are made of: numbers at their
 * limits, names, and pieces of other seeds. */
#include "driver.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_MAX = 4096, SEEDS_MAX = 100, MUTATIONS_MAX = 6 };

struct input {
  uint8_t bytes[INPUT_MAX];
  size_t size;
};

static struct input current; /* what a signal handler keeps */
static struct input seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t random_state;

static const char *const pieces[] = {
    "0",
    "1",
    "2",
    "28",
    "29",
    "30",
    "31",
    "53",
    "59",
    "60",
    "366",
    "9999",
    "-1",
    "*",
    "*/2",
    "/3",
    "1-5",
    ",",
    "-",
    " ",
    "?",
    "L",
    "W",
    "#5",
    "LW",
    "~",
    "..",
    ":",
    ";",
    "=",
    "mon",
    "SUN",
    "fri",
    "last",
    "2nd",
    "feb",
    "(",
    ")",
    "\"",
    "H",
    "H/7",
    "@",
    "2038",
    "1970",
    "99999",
    "0.5",
    "{",
    "}",
    "[",
    "gap=skip",
    "BYSETPOS=-1",
    "INTERVAL=7",
    "COUNT=3",
    "limit=2",
    "offset=-1h",
    "jitter=5m",
    "overlap=both",
    "from=2030-01-01",
    "until=2031-01-01",
    "except=(weekdays=sat)",
    "on_event job_error",
    "after_job a",
    "on_file /a/*",
    "on_change /a.db",
    "on_start",
    "filter=(a=b)",
    "debounce=1s",
    "throttle=1m",
    "batch=9",
    "settle=2s",
    "outcome=failed",
    "table=t",
};
enum { PIECES = sizeof pieces / sizeof pieces[0] };

static uint64_t draw(uint64_t bound)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return bound ? random_state % bound : 0;
}

/* ---- mutations ---- */

static void replace(struct input *input, size_t at, size_t removed, const void *bytes, size_t size)
{
  if (input->size - removed + size > INPUT_MAX)
    return;
  memmove(input->bytes + at + size, input->bytes + at + removed, input->size - at - removed);
  memcpy(input->bytes + at, bytes, size);
  input->size += size - removed;
}

static void replace_number(struct input *input, size_t at)
{
  size_t size = 0;
  char number[16];
  while (at < input->size && !isdigit(input->bytes[at]))
    at++;
  while (at + size < input->size && isdigit(input->bytes[at + size]))
    size++;
  int length = snprintf(number, sizeof number, "%d", (int)draw(draw(4) ? 61 : 10000));
  replace(input, at, size, number, (size_t)length);
}

static void mutate(struct input *input)
{
  size_t at = input->size ? draw(input->size) : 0, rest = input->size - at;
  size_t size = rest ? 1 + draw(rest < 8 ? rest : 8) : 0;
  const char *piece = pieces[draw(PIECES)];
  const struct input *other = &seeds[draw(seed_count)];
  size_t other_at = draw(other->size);
  switch (draw(8)) {
  case 0:
    replace(input, at, size, "", 0);
    break;
  case 1:
    replace(input, at, 0, piece, strlen(piece));
    break;
  case 2:
    replace(input, at, size, piece, strlen(piece));
    break;
  case 3:
    replace(input, at, size, other->bytes + other_at, draw(other->size - other_at + 1));
    break;
  case 4:
    if (size)
      input->bytes[at] = (uint8_t)draw(256);
    break;
  case 5: { /* twice */
    uint8_t copy[8];
    memcpy(copy, input->bytes + at, size);
    replace(input, at, 0, copy, size);
    break;
  }
  default:
    replace_number(input, at);
  }
}

static void make_input(struct input *input)
{
  *input = seeds[draw(seed_count)];
  for (uint64_t left = draw(MUTATIONS_MAX + 1); left > 0; left--)
    mutate(input);
  for (size_t i = 0; i < fuzz_target.head_size; i++) {
    uint8_t byte = (uint8_t)draw(256);
    replace(input, 0, 0, &byte, 1);
  }
}

/* ---- running ---- */

static void keep_failure(int signal_number)
{
  int fd = open("fuzz-failure.bin", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  static const char note[] = "the input is kept as fuzz-failure.bin\n";
  if (fd >= 0 && write(fd, current.bytes, current.size) == (ssize_t)current.size &&
      write(STDERR_FILENO, note, sizeof note - 1) > 0)
    close(fd);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static bool read_input(const char *path, struct input *input)
{
  FILE *file = fopen(path, "rb");
  if (!file)
    return false;
  input->size = fread(input->bytes, 1, INPUT_MAX, file);
  fclose(file);
  return true;
}

static int run_file(const char *path)
{
  if (!read_input(path, &current)) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 1;
  }
  LLVMFuzzerTestOneInput(current.bytes, current.size);
  return 0;
}

static void gather_seeds(void)
{
  const char *const *texts = fuzz_target.texts, *const *files = fuzz_target.files;
  for (; texts && *texts && seed_count < SEEDS_MAX; texts++) {
    struct input *seed = &seeds[seed_count++];
    size_t size = strlen(*texts);
    seed->size = size < INPUT_MAX ? size : INPUT_MAX;
    memcpy(seed->bytes, *texts, seed->size);
  }
  for (; files && *files && seed_count < SEEDS_MAX; files++)
    if (read_input(*files, &seeds[seed_count]))
      seed_count++;
}

static int write_seeds(const char *folder)
{
  static const char head[] = "A8:0A8:0";
  for (size_t i = 0; i < seed_count; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%zu", folder, i);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(head, 1, fuzz_target.head_size, file) != fuzz_target.head_size ||
        fwrite(seeds[i].bytes, 1, seeds[i].size, file) != seeds[i].size || fclose(file)) {
      fprintf(stderr, "%s: %s\n", path, strerror(errno));
      return 1;
    }
  }
  return 0;
}

/* False when nothing at all was accepted: then only refusals have been tried. */
static bool run_for(double seconds)
{
  struct timespec begun, at;
  long runs = 0;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  do {
    make_input(&current);
    LLVMFuzzerTestOneInput(current.bytes, current.size);
    runs++;
    clock_gettime(CLOCK_MONOTONIC, &at);
  } while ((double)(at.tv_sec - begun.tv_sec) + (double)(at.tv_nsec - begun.tv_nsec) / 1e9 <
           seconds);
  printf("%ld inputs, %ld of them accepted\n", runs, fuzz_accepted);
  return fuzz_accepted > 0;
}

int main(int argc, char **argv)
{
  double seconds = 3;
  int option, failures = 0;
  random_state = 88172645463325252;
  gather_seeds();
  while ((option = getopt(argc, argv, "t:s:w:")) != -1) {
    if (option == 'w')
      return write_seeds(optarg);
    if (option == 't')
      seconds = atof(optarg);
    else if (option == 's')
      random_state ^= strtoull(optarg, NULL, 10) * 0x9e3779b97f4a7c15;
    else
      return 2;
  }
  signal(SIGABRT, keep_failure);
  signal(SIGSEGV, keep_failure);
  for (int i = optind; i < argc; i++)
    failures += run_file(argv[i]);
  if (optind == argc)
    failures += !run_for(seconds);
  return failures ? 1 : 0;
}
