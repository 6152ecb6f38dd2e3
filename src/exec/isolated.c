/* The inside of an isolated process; see isolated.h.
 *
 * Limits are set when it learns for which job it is, and count from what it uses then: a limit is
 * what the script may use, not what moonbeat needs to be there. RLIMIT_DATA counts private memory
 * that can be written, which is nearer to what a person means than the address space would be. The
 * threads of libuv's pool have their stacks before that. CPU time is counted anew for each run.
 *
 * Output is written with patience: a script that says more than the daemon can take is held up. */
#include "exec/isolated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "bus/need.h"
#include "exec/isolate_wire.h"
#include "exec/warden.h"
#include "exec/worker_internal.h"
#include "time/zone.h"
#include "vm/api_sqlite_files.h"
#include "vm/secret.h"

enum {
  READ_SIZE = 64 << 10,
  SLACK = 8 << 20, /* for what a run needs besides its script's data */
  STACK_SIZE = 1 << 20,
};

/* There is one. */
static struct channel {
  struct worker *worker;
  struct bus *bus;
  int in, out;
  uv_poll_t poll;
  uv_timer_t alive; /* ticks while a run may not be silent for long */
  struct buffer inbox, outbox;
  int64_t cpu_us; /* that a run may use; 0: any */
} channel;

/* ---- out ---- */

static void write_all(struct buffer *bytes)
{
  size_t done = 0;
  while (done < bytes->size) {
    ssize_t size = write(channel.out, bytes->data + done, bytes->size - done);
    if (size < 0 && errno != EINTR)
      _exit(1); /* nobody reads any more */
    done += size > 0 ? (size_t)size : 0;
  }
  buffer_clear(bytes);
}

/* The daemon knows what the script declares, which may be longer than a frame. */
static void forget_declarations(struct message *message)
{
  if (message->kind != MESSAGE_LOADED || message->as.loaded.code)
    return;
  free(message->as.loaded.text);
  message->as.loaded.text = NULL;
}

/* What the worker posts to the scheduler. */
static void relay(void *context, struct message_list *messages)
{
  struct message *message;
  (void)context;
  while ((message = message_list_pop(messages))) {
    forget_declarations(message);
    if (message->kind == MESSAGE_STOPPED)
      bus_close(channel.bus, ADDRESS_SCHEDULER);
    else
      wire_put(&channel.outbox, message);
    if (message->kind == MESSAGE_FINISHED)
      uv_timer_stop(&channel.alive);
    message_destroy(message);
  }
  write_all(&channel.outbox);
}

static void on_alive(uv_timer_t *timer)
{
  (void)timer;
  wire_put_alive(&channel.outbox);
  write_all(&channel.outbox);
}

/* ---- limits ---- */

static void lower_limit(int resource, uint64_t value)
{
  struct rlimit limit;
  if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
    return;
  if (limit.rlim_max > value)
    limit.rlim_max = value;
  limit.rlim_cur = limit.rlim_max;
  setrlimit((__rlimit_resource_t)resource, &limit);
}

/* Bytes of private memory that can be written, as RLIMIT_DATA counts them; 0: not known, or of no
 * meaning, as a sanitizer keeps what was freed. */
static uint64_t data_size(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  unsigned long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file || fscanf(file, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
    pages = 0;
  if (file)
    fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t highest_descriptor(void)
{
  uint64_t highest = 2;
  DIR *folder = opendir("/proc/self/fd");
  for (const struct dirent *entry; folder && (entry = readdir(folder));) {
    uint64_t number = strtoull(entry->d_name, NULL, 10);
    highest = number > highest ? number : highest;
  }
  if (folder)
    closedir(folder);
  return highest;
}

/* Whole seconds, rounded up, on top of what is used already. At the limit the kernel sends XCPU. */
static void allow_cpu(int64_t cpu_us)
{
  struct rusage used;
  struct rlimit limit;
  if (cpu_us <= 0 || getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0)
    return;
  int64_t used_us = (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                    used.ru_utime.tv_usec + used.ru_stime.tv_usec;
  rlim_t seconds = (rlim_t)((used_us + cpu_us + 999999) / 1000000);
  limit.rlim_cur = seconds < limit.rlim_max ? seconds : limit.rlim_max;
  setrlimit(RLIMIT_CPU, &limit);
}

static void leave_for_memory(void)
{
  _exit(ISOLATED_OUT_OF_MEMORY);
}

/* ---- in ---- */

static void set_environment(const struct json *env)
{
  json_each(variable, env)
    setenv(variable->key, json_text(variable, ""), 1);
}

static void apply(const struct json *settings)
{
  struct worker *worker = channel.worker;
  const char *timezone = json_text(json_get(settings, "timezone"), NULL);
  int64_t memory = json_integer(json_get(settings, "memory"), 0);
  int64_t files = json_integer(json_get(settings, "files"), 0);
  struct error error;
  set_environment(json_get(settings, "env"));
  if (timezone && zone_set_local(timezone, &error))
    log_warn("%s", error.text);
  secret_set_folder(json_text(json_get(settings, "secrets"), NULL));
  sqlite_files_set_store(json_text(json_get(settings, "store"), NULL));
  worker->jobs_folder = memory_strdup(json_text(json_get(settings, "jobs_folder"), NULL));
  worker->options.memory_cap = (size_t)memory;
  channel.cpu_us = json_integer(json_get(settings, "cpu_us"), 0);
  lower_limit(RLIMIT_NOFILE, highest_descriptor() + 1 + (uint64_t)files);
  uint64_t data = data_size();
  if (data > 0)
    lower_limit(RLIMIT_DATA, data + SLACK + (uint64_t)memory);
}

static void take_settings(char *text)
{
  struct json_document *document;
  struct error error;
  if (json_parse(text, strlen(text), &document, &error)) {
    log_error("settings: %s", error.text);
    _exit(1);
  }
  apply(json_root(document));
  json_free(document);
  free(text);
}

static void take_message(struct message *message)
{
  message->from = ADDRESS_SCHEDULER;
  message->to = ADDRESS_WORKER;
  if (message->kind == MESSAGE_RUN) {
    uint64_t period_ms = (uint64_t)message->as.run.silence_us / 3000 + 1;
    message->as.run.isolate = false; /* it is, here */
    if (message->as.run.silence_us > 0)
      uv_timer_start(&channel.alive, on_alive, period_ms, period_ms);
  }
  if (message->kind == MESSAGE_RUN || message->kind == MESSAGE_LOAD)
    allow_cpu(channel.cpu_us);
  bus_post(channel.bus, message);
}

static void take_frames(void)
{
  size_t at = 0;
  for (;;) {
    struct message *message;
    char *settings;
    switch (wire_take(&channel.inbox, &at, &message, &settings)) {
    case WIRE_NOTHING:
      buffer_remove_front(&channel.inbox, at);
      return;
    case WIRE_MESSAGE:
      take_message(message);
      break;
    case WIRE_SETTINGS:
      take_settings(settings);
      break;
    case WIRE_ALIVE: /* for a daemon to hear, not to say */
    case WIRE_BROKEN:
      log_error("the daemon said what cannot be understood");
      _exit(1);
    }
  }
}

/* The daemon has no use for this process any more, or is gone. */
static void leave(void)
{
  uv_close((uv_handle_t *)&channel.poll, NULL);
  uv_close((uv_handle_t *)&channel.alive, NULL);
  struct message *stop = message_create(MESSAGE_STOP, ADDRESS_SCHEDULER, ADDRESS_WORKER);
  stop->as.stop.grace_us = INT64_MAX; /* commands have their own */
  bus_post(channel.bus, stop);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
  (void)poll, (void)events;
  char bytes[READ_SIZE];
  ssize_t size = status < 0 ? 0 : read(channel.in, bytes, sizeof bytes);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (size <= 0) {
    leave();
    return;
  }
  buffer_append(&channel.inbox, bytes, (size_t)size);
  take_frames();
}

/* ---- beginning ---- */

/* The pipes become descriptors that commands do not inherit; who writes to the standard output in C
 * does not spoil the frames. */
static void move_pipes(void)
{
  channel.in = fcntl(0, F_DUPFD_CLOEXEC, 3);
  channel.out = fcntl(1, F_DUPFD_CLOEXEC, 3);
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (channel.in < 0 || channel.out < 0 || nothing < 0 || dup2(nothing, 0) < 0 ||
      dup2(nothing, 1) < 0)
    _exit(1);
  if (nothing > 2)
    close(nothing);
}

/* Somebody may have started it by hand. */
static bool has_pipes(void)
{
  return lseek(0, 0, SEEK_CUR) < 0 && errno == ESPIPE && !isatty(0) && lseek(1, 0, SEEK_CUR) < 0 &&
         errno == ESPIPE && !isatty(1);
}

/* What the first run would have to wait for: the pool's threads, and a state, for which the Lua
 * half is compiled. */
static void warm_up(struct worker *worker)
{
  struct error error;
  setenv("UV_THREADPOOL_SIZE", "4", 1);
  need_pool(&worker->loop);
  unsetenv("UV_THREADPOOL_SIZE");
  struct vm *vm = worker_create_vm(worker, "warm", 0, 0, &error);
  if (vm)
    vm_destroy(vm);
}

static void open_channel(struct worker *worker, void *context)
{
  (void)context;
  channel.worker = worker;
  bus_open(channel.bus, ADDRESS_SCHEDULER, &worker->loop, relay, NULL);
  uv_timer_init(&worker->loop, &channel.alive);
  uv_poll_init(&worker->loop, &channel.poll, channel.in);
  uv_poll_start(&channel.poll, UV_READABLE, on_readable);
  warm_up(worker);
}

static void set_stack_size(void)
{
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return;
  if (pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0)
    pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

int isolated_main(char **argv)
{
  if (!has_pipes()) {
    fputs("moonbeat: --child is for moonbeat's own use\n", stderr);
    return 64;
  }
  move_pipes();
  prctl(PR_SET_NAME, "moonbeat-child");
  signal(SIGPIPE, SIG_IGN);
  lower_limit(RLIMIT_CORE, 0);
  set_stack_size();
  memory_on_exhaustion(leave_for_memory);
  warden_start_when_needed(argv);
  channel.bus = bus_create();
  worker_run_here(&(struct worker_options){.bus = channel.bus, .address = ADDRESS_WORKER},
                  open_channel, NULL);
  return 0;
}
