/* The daemon as a process: how fast it starts with a large store, what it costs when idle, how late
 * its jobs are. */
#include "bench/bench.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

extern char **environ;

static pid_t start(const struct bench_options *options, const char *jobs, const char *state)
{
  pid_t pid;
  char *arguments[] = {(char *)(uintptr_t)options->program,
                       "run",
                       (char *)(uintptr_t)jobs,
                       "--state",
                       (char *)(uintptr_t)state,
                       "--log-level",
                       "error",
                       NULL};
  if (posix_spawn(&pid, options->program, NULL, NULL, arguments, environ) != 0)
    bench_fail("cannot start %s", options->program);
  return pid;
}

static void stop(pid_t pid)
{
  int status;
  kill(pid, SIGTERM);
  waitpid(pid, &status, 0);
}

/* ---- start ---- */

/* Adds jobs of next year straight into the tables of the store: adding them by request is another
 * benchmark. */
static void fill_store(const char *folder, int count)
{
  char *sql = memory_printf(
      "sqlite3 '%s/.moonbeat/moonbeat.db' \"PRAGMA synchronous=OFF; BEGIN;"
      " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)"
      " INSERT INTO jobs(id, origin, script, trigger, spec) SELECT 'bulk-'||i, 1, 'script',"
      " '{\\\"kind\\\":\\\"cron\\\",\\\"expression\\\":\\\"0 3 * * *\\\","
      "\\\"timezone\\\":\\\"UTC\\\"}', '{\\\"id\\\":\\\"bulk-'||i||'\\\",\\\"func\\\":"
      "\\\"script.f\\\",\\\"trigger\\\":\\\"0 3 * * *\\\"}' FROM n;"
      " INSERT INTO job_progress(number, state, next_us, runs_kept)"
      " SELECT number, 0, 1900000000000000 + number * 1000000, 0 FROM jobs WHERE origin = 1;"
      " UPDATE meta SET value = (SELECT max(number) FROM jobs) WHERE key = 'job_numbers';"
      " COMMIT;\"  >/dev/null",
      folder, count);
  if (system(sql) != 0)
    bench_fail("cannot fill the store (is sqlite3's shell installed?)");
  free(sql);
}

void bench_start(const struct bench_options *options)
{
  int count = 1000000 / options->scale;
  char *folder = bench_folder(options, "start",
                              "function f(run) end\njob \"first\" { trigger = every \"1s\","
                              " run = function(run) end }\n");
  char *jobs = memory_printf("%s/jobs", folder), *state = memory_printf("%s/.moonbeat", folder);
  bench_finish(bench_moonbeat(folder, false));
  fill_store(folder, count);
  usleep(1200000); /* `first` is overdue */
  int64_t from_us = clock_wall_us();
  pid_t pid = start(options, jobs, state);
  usleep(1500000);
  stop(pid);
  char *sql = memory_printf("SELECT min(started_us) FROM runs WHERE started_us >= %lld",
                            (long long)from_us);
  int64_t first_us = bench_query(folder, sql);
  if (first_us == 0)
    bench_fail("nothing was dispatched");
  bench_report("start with 1,000,000 jobs to first dispatch", (double)(first_us - from_us) / 1e3,
               "ms");
  free(sql);
  free(jobs);
  free(state);
  free(folder);
}

/* ---- idle ---- */

static double read_rss_mib(pid_t pid)
{
  char path[64], line[256];
  long kib = 0;
  snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmRSS: %ld", &kib) == 1)
      break;
  if (file)
    fclose(file);
  return (double)kib / 1024;
}

static double read_cpu_s(pid_t pid)
{
  char path[64], text[1024] = "";
  unsigned long user = 0, system_time = 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
  FILE *file = fopen(path, "r");
  if (file && fgets(text, sizeof text, file)) {
    char *fields = strrchr(text, ')');
    if (fields)
      sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_time);
  }
  if (file)
    fclose(file);
  return (double)(user + system_time) / (double)sysconf(_SC_CLK_TCK);
}

static void idle(const struct bench_options *options, const char *jobs, const char *what,
                 bool with_memory)
{
  unsigned seconds = options->scale > 1 ? 5 : 30;
  char *folder = bench_folder(options, "idle",
                              "job \"d\" { trigger = cron \"@daily\","
                              " run = function(run) end }\n");
  char *own = memory_printf("%s/jobs", folder), *state = memory_printf("%s/.moonbeat", folder);
  pid_t pid = start(options, jobs ? jobs : own, state);
  sleep(3);
  double cpu_s = read_cpu_s(pid);
  sleep(seconds);
  char *name = memory_printf("idle CPU, %s", what);
  bench_report(name, (read_cpu_s(pid) - cpu_s) / seconds * 100, "%");
  free(name);
  name = memory_printf("resident memory, %s", what);
  if (with_memory)
    bench_report(name, read_rss_mib(pid), "MiB");
  stop(pid);
  free(name);
  free(own);
  free(state);
  free(folder);
}

void bench_idle(const struct bench_options *options)
{
  idle(options, NULL, "one daily job", false);
  idle(options, options->jobs, "example jobs", true);
}

/* ---- lateness ---- */

void bench_late(const struct bench_options *options)
{
  unsigned seconds = options->scale > 1 ? 3 : 20;
  char *folder = bench_folder(options, "late",
                              "job \"t\" { trigger = every \"100ms\","
                              " run = function(run) end }\n");
  char *jobs = memory_printf("%s/jobs", folder), *state = memory_printf("%s/.moonbeat", folder);
  pid_t pid = start(options, jobs, state);
  sleep(seconds + 1);
  stop(pid);
  static const char of_order[] =
      "SELECT started_us - scheduled_us FROM runs WHERE started_us > 0"
      " ORDER BY 1 LIMIT 1 OFFSET (SELECT count(*) FROM runs) * %d / 100";
  char sql[sizeof of_order + 16];
  snprintf(sql, sizeof sql, of_order, 50);
  bench_report("lateness of a job each 100 ms, median", (double)bench_query(folder, sql) / 1e3,
               "ms");
  snprintf(sql, sizeof sql, of_order, 99);
  bench_report("lateness of a job each 100 ms, p99", (double)bench_query(folder, sql) / 1e3, "ms");
  /* A disk that holds a commit up for more than the period makes the next fire an overlap. */
  bench_report("fires skipped meanwhile",
               (double)bench_query(folder, "SELECT ifnull(sum(count), 0) FROM skips"), "fires");
  free(jobs);
  free(state);
  free(folder);
}
