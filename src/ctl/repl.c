#include "ctl/repl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum { LOG_PIPE_SIZE = 1 << 20 };

enum error_code repl_send(struct cli *cli, const char *text, int64_t *id)
{
  struct params params;
  params_begin(&params);
  json_put_text(&params.writer, "text", text);
  enum error_code code =
      control_send(cli->control, "evaluate", params_end(&params), id, &cli->error);
  params_deinit(&params);
  return code;
}

void repl_append_text(const struct cli *cli, struct buffer *out, enum color color, const char *text)
{
  screen_begin_color(&cli->screen, out, color);
  if (cli->screen.is_terminal)
    cli_put_lines(out, text, 0);
  else
    buffer_append_text(out, text);
  screen_end_color(&cli->screen, out, color);
  if (out->size == 0 || out->data[out->size - 1] != '\n')
    buffer_append_byte(out, '\n');
}

/* ---- whom to talk to ---- */

/* The daemon of DIR, or the one that any other command would find; *options is filled for hosting
 * one in case there is none. */
static enum error_code attach(struct cli *cli, struct daemon_options *options)
{
  enum error_code code;
  if (cli->arguments->word_count > 0) {
    code = cli_read_daemon_options(cli, options);
    if (code)
      return code;
    cli->state_folder = memory_strdup(options->state_folder);
    return cli_connect(cli);
  }
  code = cli_connect(cli);
  struct error not_running = cli->error;
  if (code != ERROR_UNAVAILABLE || cli_read_daemon_options(cli, options) == ERROR_OK)
    return code;
  daemon_options_deinit(options); /* nothing to host one on */
  return error_set(&cli->error, code,
                   "%s; to host one here name the folder with the job files (moonbeat repl DIR), "
                   "or try things out with moonbeat repl --memory",
                   not_running.text);
}

/* A scratch scheduler leaves nothing behind, so it needs no state folder, and takes job files only
 * from a folder that was named. */
static enum error_code read_scratch_options(struct cli *cli, struct daemon_options *options)
{
  enum error_code code = ERROR_OK;
  if (cli->arguments->word_count > 0)
    code = cli_read_daemon_options(cli, options);
  options->memory = true;
  free(options->state_folder);
  options->state_folder = NULL;
  return code;
}

static enum error_code host(struct cli *cli, struct daemon_options *options, struct hosted **hosted)
{
  int fd;
  if (options->log_level < 0)
    options->log_level = LOG_WARN;
  *hosted = cli->host->start(options, &fd, &cli->error);
  if (!*hosted)
    return cli->error.code;
  cli->control = control_adopt(fd);
  free(cli->state_folder);
  cli->state_folder = memory_strdup(options->state_folder);
  return ERROR_OK;
}

/* ---- the log of a daemon in this process ---- */

/* Its lines would break the line being typed, so they come to us through a pipe instead. */
static int divert_log(int *saved_stderr)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[0], F_SETPIPE_SZ, LOG_PIPE_SIZE);
  fflush(stderr);
  *saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  return ends[0];
}

/* Before the daemon stops: nobody reads the pipe any more, and a full one would hold it up. */
static void restore_log(int log_fd, int saved_stderr)
{
  if (log_fd < 0)
    return;
  char bytes[8192];
  ssize_t size;
  dup2(saved_stderr, STDERR_FILENO);
  close(saved_stderr);
  while ((size = read(log_fd, bytes, sizeof bytes)) > 0)
    fwrite(bytes, 1, (size_t)size, stderr);
  close(log_fd);
}

static char *make_history_path(struct cli *cli)
{
  struct stat found;
  if (!cli->state_folder || stat(cli->state_folder, &found) != 0)
    return NULL;
  return memory_printf("%s/repl_history", cli->state_folder);
}

static int talk(struct cli *cli, bool is_hosting)
{
  bool is_batch = arguments_has(cli->arguments, "execute") || cli->wants_json ||
                  !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
  if (is_batch)
    return repl_batch(cli);
  int saved_stderr = -1;
  char *history_path = make_history_path(cli);
  int log_fd = is_hosting ? divert_log(&saved_stderr) : -1;
  int status = repl_terminal(cli, log_fd, history_path);
  restore_log(log_fd, saved_stderr);
  free(history_path);
  return status;
}

int cli_do_repl(struct cli *cli)
{
  struct daemon_options options = DAEMON_OPTIONS_EMPTY;
  struct hosted *hosted = NULL;
  bool is_scratch = arguments_has(cli->arguments, "memory");
  enum error_code code = is_scratch ? read_scratch_options(cli, &options) : attach(cli, &options);
  signal(SIGPIPE, SIG_IGN);
  if ((is_scratch && !code) || (code == ERROR_UNAVAILABLE && options.jobs_folder))
    code = host(cli, &options, &hosted);
  int status = code ? cli_fail(cli) : talk(cli, hosted != NULL);
  cli_flush(cli);
  control_close(cli->control);
  cli->control = NULL;
  if (hosted)
    cli->host->stop(hosted);
  daemon_options_deinit(&options);
  return status;
}
