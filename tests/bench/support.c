#include "bench/bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "time/instant.h"

void bench_fail(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

int bench_compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

char *bench_folder(const struct bench_options *options, const char *name, const char *script)
{
  char *folder = memory_printf("%s/%s", options->folder, name);
  char *command = memory_printf("rm -rf '%s' && mkdir -p '%s/jobs'", folder, folder);
  char *path = memory_printf("%s/jobs/script.lua", folder);
  if (system(command) != 0)
    bench_fail("cannot make %s", folder);
  FILE *file = fopen(path, "w");
  if (!file || fputs(script, file) < 0 || fclose(file) != 0)
    bench_fail("cannot write %s", path);
  free(command);
  free(path);
  return folder;
}

struct moonbeat *bench_moonbeat(const char *folder, bool memory)
{
  struct error error;
  char *jobs = memory_printf("%s/jobs", folder), *state = memory_printf("%s/.moonbeat", folder);
  struct moonbeat_options options = MOONBEAT_OPTIONS_DEFAULT;
  options.jobs_folder = jobs; /* live as long as the program */
  options.state_folder = state;
  options.memory = memory;
  options.program = BENCH_PROGRAM;
  struct moonbeat *moonbeat = moonbeat_start(&options, &error);
  if (!moonbeat)
    bench_fail("%s", error.text);
  free(bench_ask(moonbeat, "reload", NULL));
  return moonbeat;
}

char *bench_ask(struct moonbeat *moonbeat, const char *operation, const char *params)
{
  char *result = NULL;
  struct error error;
  if (moonbeat_request(moonbeat, operation, params, &result, &error) != ERROR_OK)
    bench_fail("%s: %s", operation, error.text);
  return result;
}

int64_t bench_number(const char *json, const char *path)
{
  struct json_document *document;
  if (json_parse(json, strlen(json), &document, NULL) != ERROR_OK)
    bench_fail("no JSON: %s", json);
  const struct json *value = json_root(document);
  while (*path) {
    char name[64];
    size_t size = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)size, path);
    value = json_get(value, name);
    path += size + (path[size] == '.');
  }
  int64_t number = json_integer(value, -1);
  json_free(document);
  return number;
}

void bench_fill(struct moonbeat *moonbeat, int count, int64_t due_us)
{
  enum { LOT = 2000 };
  char due[INSTANT_TEXT_SIZE];
  struct buffer params = {0};
  instant_format(due, due_us);
  for (int i = 0; i < count; i++) {
    buffer_append_text(&params, i % LOT == 0 ? "{\"jobs\":[" : ",");
    buffer_printf(&params, "{\"id\":\"job-%07d\",\"func\":\"script.f\",\"trigger\":\"at %s\"}", i,
                  due);
    if (i % LOT == LOT - 1 || i == count - 1) {
      buffer_append_text(&params, "]}");
      free(bench_ask(moonbeat, "add_jobs", params.data));
      buffer_clear(&params);
    }
  }
  buffer_deinit(&params);
}

void bench_finish(struct moonbeat *moonbeat)
{
  moonbeat_stop(moonbeat, 0);
  moonbeat_wait(moonbeat);
}

int64_t bench_query(const char *folder, const char *sql)
{
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  char *path = memory_printf("%s/.moonbeat/moonbeat.db", folder);
  if (sqlite3_open(path, &db) != SQLITE_OK ||
      sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
      sqlite3_step(statement) != SQLITE_ROW)
    bench_fail("%s: %s", sql, sqlite3_errmsg(db));
  int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  free(path);
  return value;
}

void bench_disk(const struct bench_options *options)
{
  enum { TIMES = 51 };
  double took_ms[TIMES];
  char block[4096] = {0}, *path = memory_printf("%s/sync", options->folder);
  mkdir(options->folder, 0700);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    bench_fail("cannot write to %s", options->folder);
  for (int i = 0; i < TIMES; i++) {
    int64_t from_us = clock_monotonic_us();
    if (pwrite(fd, block, sizeof block, (off_t)i * (off_t)sizeof block) < 0 || fdatasync(fd) != 0)
      bench_fail("cannot write to %s", path);
    took_ms[i] = (double)(clock_monotonic_us() - from_us) / 1e3;
  }
  close(fd);
  qsort(took_ms, TIMES, sizeof took_ms[0], bench_compare);
  bench_report("fdatasync of 4 KiB on this disk, median", took_ms[TIMES / 2], "ms");
  free(path);
}
