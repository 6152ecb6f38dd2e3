/* What a command costs above what starting a program costs at all: /bin/true over and over by a
 * bare posix_spawn and waitpid, by child_start on a loop, and as whole runs of a command job, also
 * where the process is large (a fork would copy its page tables).
 *
 * The machine is shared and its speed swings, so the two are measured in turns, a little at a time,
 * and the figure is their ratio. */
#include "bench/bench.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exec/child.h"
#include "exec/warden.h"

extern char **environ;

enum { TURNS = 10, LARGE = 256 << 20 };

static char *const program[] = {(char *)(uintptr_t) "/bin/true", NULL};

static void spawn_bare(int count)
{
  for (int i = 0; i < count; i++) {
    pid_t pid;
    int status;
    if (posix_spawn(&pid, program[0], NULL, NULL, program, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
      bench_fail("cannot run %s", program[0]);
  }
}

static void on_changed(struct child *child, void *loop)
{
  if (child_has_ended(child))
    uv_stop(loop);
}

static void spawn_children(uv_loop_t *loop, int count)
{
  for (int i = 0; i < count; i++) {
    struct child *child;
    struct error error;
    struct child_options options = {
        .argv = program, .env = environ, .changed = on_changed, .context = loop};
    if (child_start(loop, &options, &child, &error))
      bench_fail("%s", error.text);
    uv_run(loop, UV_RUN_DEFAULT);
    if (child_status(child) != 0)
      bench_fail("%s failed", program[0]);
    child_release(child);
  }
}

static void compare(const struct bench_options *options, const char *where)
{
  int count = 500 / options->scale / TURNS * TURNS;
  int64_t bare_us = 0, ours_us = 0;
  uv_loop_t loop;
  uv_loop_init(&loop);
  for (int turn = 0; turn < TURNS; turn++) {
    int64_t from_us = clock_monotonic_us();
    spawn_bare(count / TURNS);
    int64_t between_us = clock_monotonic_us();
    spawn_children(&loop, count / TURNS);
    bare_us += between_us - from_us;
    ours_us += clock_monotonic_us() - between_us;
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  char *name = memory_printf("posix_spawn, %s", where);
  bench_report(name, count * 1e6 / (double)bare_us, "/s");
  free(name);
  name = memory_printf("child on a loop, %s", where);
  bench_report(name, count * 1e6 / (double)ours_us, "/s");
  free(name);
  name = memory_printf("child over posix_spawn, %s", where);
  bench_report(name, (double)bare_us / (double)ours_us, "");
  free(name);
}

/* Commands that are all due at once, by a daemon with one worker in this process. */
static double drain_commands(struct moonbeat *moonbeat, int turn, int count)
{
  struct buffer params = {0};
  int64_t from_us = clock_monotonic_us();
  for (int i = 0; i < count; i++)
    buffer_printf(&params,
                  "%s{\"id\":\"c-%d-%d\",\"run\":{\"argv\":[\"/bin/true\"]},"
                  "\"trigger\":\"after 0s\"}",
                  i == 0 ? "{\"jobs\":[" : ",", turn, i);
  buffer_append_text(&params, "]}");
  free(bench_ask(moonbeat, "add_jobs", params.data));
  buffer_deinit(&params);
  for (int64_t open = 1; open != 0;) {
    usleep(500);
    char *status = bench_ask(moonbeat, "status", NULL);
    open = bench_number(status, "jobs.active") + bench_number(status, "runs.pending") +
           bench_number(status, "runs.running");
    free(status);
  }
  return (double)(clock_monotonic_us() - from_us);
}

static void compare_runs(const struct bench_options *options, const char *where)
{
  int count = 500 / options->scale / TURNS * TURNS;
  double bare_us = 0, ours_us = 0;
  char *folder = bench_folder(options, "command", "");
  struct moonbeat *moonbeat = bench_moonbeat(folder, true);
  for (int turn = 0; turn < TURNS; turn++) {
    int64_t from_us = clock_monotonic_us();
    spawn_bare(count / TURNS);
    bare_us += (double)(clock_monotonic_us() - from_us);
    ours_us += drain_commands(moonbeat, turn, count / TURNS);
  }
  bench_finish(moonbeat);
  char *name = memory_printf("runs of a command, %s", where);
  bench_report(name, count * 1e6 / ours_us, "runs/s");
  free(name);
  name = memory_printf("runs of a command over posix_spawn, %s", where);
  bench_report(name, bare_us / ours_us, "");
  free(name);
  free(folder);
}

void bench_command(const struct bench_options *options)
{
  warden_start(NULL); /* as the daemon has one */
  compare(options, "small");
  compare_runs(options, "small");
  char *large = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (large == MAP_FAILED)
    bench_fail("no memory");
  memset(large, 1, LARGE);
  compare(options, "256 MiB");
  compare_runs(options, "256 MiB");
  munmap(large, LARGE);
}
