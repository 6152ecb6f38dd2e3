/* The command line. main.c fills a `struct cli_host` with what only the app can do and calls
 * cli_main; everything else speaks to a daemon over its control socket (control.h). Main thread. */
#ifndef CTL_CLI_H
#define CTL_CLI_H

#include "base/buffer.h"
#include "base/error.h"
#include "ctl/options.h"
#include "ctl/simulation.h"

struct hosted; /* a daemon that runs in background threads of this process; the app's */

struct cli_host {
  /* Runs the daemon on this thread until it is stopped by a signal or by `moonbeat stop`; returns
   * the process's exit status, having written why if it is not 0. */
  int (*run)(const struct daemon_options *options);

  /* Starts one in background threads. *control_fd is a connected stream socket that speaks the
   * control protocol (a socketpair, whose other end was given to server_adopt) and is the
   * caller's. NULL with *error set on failure. */
  struct hosted *(*start)(const struct daemon_options *options, int *control_fd,
                          struct error *error);

  /* Stops it in good order, waits for its threads and frees it. */
  void (*stop)(struct hosted *hosted);

  /* Loads all job files of options->jobs_folder without a daemon and without running a job, and
   * appends {"scripts":[{"name","path","error":text|null,"jobs":[JOB...]}...]}. Fails only when
   * nothing could be checked at all (no such folder). */
  enum error_code (*check)(const struct daemon_options *options, struct buffer *json,
                           struct error *error);

  /* Plays a span of time with the job files of options->jobs_folder, running no job. Fills
   * *simulation, which the caller deinits, also after a failure. */
  enum error_code (*simulate)(const struct daemon_options *options,
                              const struct simulation_options *span, struct simulation *simulation,
                              struct error *error);

  /* Reads options->config_file (if not NULL) and fills the members that are not set: jobs_folder,
   * state_folder (paths in the file are relative to the file), workers and the others. */
  enum error_code (*configure)(struct daemon_options *options, struct error *error);
};

/* Does what argv says and returns the exit status (sysexits.h; 0 is success). */
int cli_main(int argc, char **argv, const struct cli_host *host);

#endif
