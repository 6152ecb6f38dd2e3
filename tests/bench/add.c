/* add_job from 64 connections at once, each waiting for its answer, and in bulk. */
#include "bench/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum { CONNECTIONS = 64 };

struct client {
  pthread_t thread;
  int number, jobs, fd;
};

static int connect_to(const char *folder)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%.80s/.moonbeat/control.sock", folder);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    bench_fail("cannot connect to %s", address.sun_path);
  return fd;
}

static void *add_one_by_one(void *context)
{
  struct client *client = context;
  char frame[256], answer[4096];
  for (int i = 0; i < client->jobs; i++) {
    int size = snprintf(frame, sizeof frame,
                        "{\"id\":%d,\"op\":\"add_job\",\"params\":{\"id\":\"c%d-%d\","
                        "\"func\":\"script.f\",\"trigger\":\"0 3 * * *\"}}\n",
                        i, client->number, i);
    if (write(client->fd, frame, (size_t)size) != size)
      bench_fail("cannot send");
    ssize_t got = 0;
    do {
      ssize_t more = read(client->fd, answer + got, sizeof answer - 1 - (size_t)got);
      if (more <= 0)
        bench_fail("no answer");
      got += more;
    } while (answer[got - 1] != '\n');
    answer[got] = '\0';
    if (!strstr(answer, "\"result\""))
      bench_fail("%s", answer);
  }
  return NULL;
}

static void add_singly(const struct bench_options *options)
{
  struct client clients[CONNECTIONS];
  int each = 500 / options->scale;
  char *folder = bench_folder(options, "add", "function f(run) end\n");
  struct moonbeat *moonbeat = bench_moonbeat(folder, false);
  int64_t from_us = clock_monotonic_us();
  for (int i = 0; i < CONNECTIONS; i++) {
    clients[i] = (struct client){.number = i, .jobs = each, .fd = connect_to(folder)};
    pthread_create(&clients[i].thread, NULL, add_one_by_one, &clients[i]);
  }
  for (int i = 0; i < CONNECTIONS; i++) {
    pthread_join(clients[i].thread, NULL);
    close(clients[i].fd);
  }
  double seconds = (double)(clock_monotonic_us() - from_us) / 1e6;
  bench_finish(moonbeat);
  if (bench_query(folder, "SELECT count(*) FROM jobs") != CONNECTIONS * each)
    bench_fail("jobs are missing");
  bench_report("add_job, 64 connections", CONNECTIONS * each / seconds, "jobs/s");
  free(folder);
}

/* As a script does it, so that Lua's share is in the figure. */
static void add_in_bulk(const struct bench_options *options)
{
  int count = 100000 / options->scale;
  char *script =
      memory_printf("function f(run) end\n"
                    "job \"fill\" { run = function()\n"
                    "  local specs = {}\n"
                    "  for i = 1, %d do specs[i] = { id = \"b\" .. i, func = \"script.f\","
                    " trigger = \"0 3 * * *\" } end\n"
                    "  local begun = os.clock()\n"
                    "  scheduler.add_jobs(specs)\n"
                    "end }\n",
                    count);
  char *folder = bench_folder(options, "bulk", script);
  struct moonbeat *moonbeat = bench_moonbeat(folder, false);
  int64_t from_us = clock_monotonic_us();
  free(bench_ask(moonbeat, "run_now", "{\"job\":\"fill\"}"));
  for (;;) {
    char *run = bench_ask(moonbeat, "run", "{\"run\":\"fill\"}");
    bool failed = strstr(run, "\"failed\"") != NULL, done = strstr(run, "\"succeeded\"") != NULL;
    if (failed)
      bench_fail("%s", run);
    free(run);
    if (done)
      break;
    usleep(2000);
  }
  double seconds = (double)(clock_monotonic_us() - from_us) / 1e6;
  bench_finish(moonbeat);
  if (bench_query(folder, "SELECT count(*) FROM jobs") != count + 1)
    bench_fail("jobs are missing");
  bench_report("add_jobs, in bulk from Lua", count / seconds, "jobs/s");
  free(script);
  free(folder);
}

void bench_add(const struct bench_options *options)
{
  add_singly(options);
  add_in_bulk(options);
}
