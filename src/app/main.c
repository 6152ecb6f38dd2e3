/* The program: what the command line asks of the app. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/check.h"
#include "app/configuration.h"
#include "app/folders.h"
#include "app/moonbeat.h"
#include "app/notify.h"
#include "app/signals.h"
#include "app/simulate.h"
#include "base/descriptors.h"
#include "base/environment.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "ctl/cli.h"
#include "exec/isolated.h"
#include "exec/warden.h"
#include "vm/secret.h"

static char **words; /* main's */

static struct moonbeat_options translate(const struct daemon_options *options)
{
  struct moonbeat_options o = MOONBEAT_OPTIONS_DEFAULT;
  o.jobs_folder = options->jobs_folder;
  o.state_folder = options->state_folder;
  o.memory = options->memory;
  o.workers = options->workers;
  o.timezone = options->timezone;
  o.program = "/proc/self/exe";
  o.secrets_folder = options->secrets_folder;
  if (options->grace_us >= 0)
    o.grace_us = options->grace_us;
  if (options->stuck_grace_us >= 0)
    o.stuck_grace_us = options->stuck_grace_us;
  if (options->keep_us >= 0)
    o.keep_us = options->keep_us;
  if (options->keep_runs >= 0)
    o.keep_runs = options->keep_runs;
  if (options->keep_logs >= 0)
    o.keep_logs = options->keep_logs;
  if (options->script_memory >= 0)
    o.script_memory = options->script_memory;
  if (options->log_level >= 0)
    log_set_level((enum log_level)options->log_level);
  return o;
}

static void say(const char *text)
{
  ssize_t size = write(STDERR_FILENO, text, strlen(text));
  (void)size; /* or nobody listens */
}

/* libuv and Lua abort when the system refuses what they cannot do without, and say little or
 * nothing. The cause is still in errno. */
static void say_abort(int number)
{
  /* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c): glibc documents both as safe here */
  const char *why = errno ? strerrordesc_np(errno) : NULL;
  say("moonbeat: aborted (the system's last error: ");
  say(why ? why : "none");
  say("): start it again; what was acknowledged is kept\n");
  signal(number, SIG_DFL); /* abort() raises it again */
}

static void say_crash(int number)
{
  /* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c): glibc documents both as safe here */
  const char *why = sigdescr_np(number);
  say("moonbeat: crashed (");
  say(why ? why : "unknown signal");
  say("), which is a bug of moonbeat's or of a library's: start it again; what was acknowledged is "
      "kept\n");
  signal(number, SIG_DFL);
  raise(number);
}

/* No end without a word. */
static void speak_last(void)
{
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  signal(SIGABRT, say_abort);
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
    struct sigaction before;
    /* A sanitizer, or whoever else was first, says more. */
    if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
      signal(crashes[i], say_crash);
  }
}

static int fail(const struct error *error)
{
  struct buffer line = {0};
  buffer_append_text(&line, "moonbeat: ");
  text_append_visible(&line, error->text, strlen(error->text));
  fprintf(stderr, "%s\n", line.data);
  buffer_deinit(&line);
  return error_exit_status(error->code);
}

static int run(const struct daemon_options *options)
{
  struct error error;
  struct moonbeat_options o = translate(options);
  signals_hold(); /* before all that takes time, and to the end */
  o.handle_signals = true;
  memory_give_back();
  descriptors_raise();
  speak_last();
  notify_take_environment();
  warden_start(words);
  struct moonbeat *m = moonbeat_start(&o, &error);
  if (!m) {
    return fail(&error);
  }
  log_info("moonbeat %s runs %s (pid %d)", MOONBEAT_VERSION,
           options->jobs_folder ? options->jobs_folder : "what is added", process_id());
  int status = moonbeat_wait(m);
  log_info("stopped");
  return status;
}

struct hosted {
  struct moonbeat *moonbeat;
};

static struct hosted *start(const struct daemon_options *options, int *control_fd,
                            struct error *error)
{
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    error_set_errno(error, ERROR_IO, errno, "cannot make a socket pair");
    return NULL;
  }
  struct moonbeat_options o = translate(options);
  o.control_fd = ends[1];
  warden_start(words);
  struct hosted *hosted = memory_alloc(sizeof *hosted);
  hosted->moonbeat = moonbeat_start(&o, error);
  if (!hosted->moonbeat) {
    close(ends[0]);
    free(hosted);
    return NULL;
  }
  *control_fd = ends[0];
  return hosted;
}

static void stop(struct hosted *hosted)
{
  moonbeat_stop(hosted->moonbeat, 0);
  moonbeat_wait(hosted->moonbeat);
  free(hosted);
}

static enum error_code check(const struct daemon_options *options, struct buffer *json,
                             struct error *error)
{
  warden_start(words);
  return check_jobs(options, json, error);
}

static enum error_code simulate(const struct daemon_options *options,
                                const struct simulation_options *span,
                                struct simulation *simulation, struct error *error)
{
  warden_start(words);
  log_set_level(LOG_OFF); /* what is wrong stands in the answer */
  char *secrets = folders_secrets(options->secrets_folder, options->state_folder);
  secret_set_folder(secrets);
  enum error_code code = simulate_jobs(options, span, simulation, error);
  free(secrets);
  return code;
}

int main(int argc, char **argv)
{
  static const struct cli_host host = {run, start, stop, check, simulate, configuration_read};
  words = argv;
  descriptors_hold_standard();
  if (argc == 2 && strcmp(argv[1], "--child") == 0)
    return isolated_main(argv);
  signal(SIGPIPE, SIG_IGN);
  /* Scripts' files and databases are served by libuv's threads: a slow query of one must not hold
   * up all others. */
  environment_set_own("UV_THREADPOOL_SIZE", "32");
  return cli_main(argc, argv, &host);
}
