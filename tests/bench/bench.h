/* The benchmarks. Each prints lines `name  value unit` through bench_report(); bench.c repeats them
 * and prints medians. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "app/moonbeat.h"

struct bench_options {
  const char *program; /* the moonbeat binary */
  const char *folder;  /* scratch, on the disk that is to be measured */
  const char *jobs;    /* the example jobs */
  const char *self;    /* this executable */
  const char *peers;   /* the folder of the peers' bench.py; NULL: none */
  int scale;           /* 1: full size; 10: a tenth, for a try */
};

void bench_report(const char *name, double value, const char *unit);

void bench_drain(const struct bench_options *options);
void bench_add(const struct bench_options *options);
void bench_start(const struct bench_options *options);
void bench_idle(const struct bench_options *options);
void bench_late(const struct bench_options *options);
void bench_next(const struct bench_options *options);
void bench_peer(const struct bench_options *options);
void bench_command(const struct bench_options *options);
void bench_isolate(const struct bench_options *options);
void bench_spin(const struct bench_options *options);
void bench_vm(const struct bench_options *options);
void bench_sim(const struct bench_options *options);
void bench_disk(const struct bench_options *options); /* what a commit costs at least, now */

/* `bench W1 --passes P --spec FILE [--dump FILE]`, which the peers' bench.py calls. */
int bench_answer_w1(int argc, char **argv);

/* ---- support.c ---- */

/* An empty folder `name` in the scratch folder, with a `jobs` folder that holds script.lua. */
char *bench_folder(const struct bench_options *options, const char *name, const char *script);
struct moonbeat *bench_moonbeat(const char *folder, bool memory);
/* The result, which the caller frees. Ends the program on an error. */
char *bench_ask(struct moonbeat *moonbeat, const char *operation, const char *params);
/* The integer member at a path such as "jobs.finished" of a result. */
int64_t bench_number(const char *json, const char *path);
/* Adds `count` jobs of script.f due at `due_us`, in bulk. */
void bench_fill(struct moonbeat *moonbeat, int count, int64_t due_us);
void bench_finish(struct moonbeat *moonbeat);
/* The one value of a query on a store that nobody has open. */
int64_t bench_query(const char *folder, const char *sql);
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
int bench_compare(const void *a, const void *b); /* doubles, for qsort */

#endif
