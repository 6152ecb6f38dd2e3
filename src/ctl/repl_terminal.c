/* The REPL with a person. One loop waits for the keyboard, the daemon, the log of a daemon in this
 * process, and signals, which come through a pipe so that none is missed. A line is either being
 * typed (the editor has the terminal) or evaluated (Ctrl-C asks the daemon to stop it). */
#include "ctl/repl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "ctl/repl_editor.h"

enum { COMPLETE_MS = 150, QUIET_MS = 1000, INTERRUPTS_TO_LEAVE = 3 };

struct terminal {
  struct cli *cli;
  int log_fd;
  struct buffer chunk; /* the lines of an input that is not whole yet */
  int64_t evaluating;  /* the id of the request; 0: a line is being typed */
  int interrupts;      /* Ctrl-C during this evaluation */
  bool is_quiet;
  bool has_left;
  int status;
  struct event_view events;
};

static int signal_pipe[2];

static void on_signal(int signal)
{
  int why = errno;
  unsigned char byte = (unsigned char)signal;
  ssize_t written = write(signal_pipe[1], &byte, 1);
  (void)written;
  errno = why;
}

static void catch_signals(void)
{
  static const int signals[] = {SIGINT, SIGTSTP, SIGWINCH, SIGTERM, SIGHUP};
  if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
    abort();
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    sigaction(signals[i], &action, NULL);
}

/* ---- showing ---- */

static void print(const struct buffer *text)
{
  if (text->size > 0)
    editor_print(text->data, text->size);
}

static void print_text(struct terminal *terminal, enum color color, const char *text)
{
  struct buffer out = {0};
  repl_append_text(terminal->cli, &out, color, text);
  print(&out);
  buffer_deinit(&out);
}

static void prompt(struct terminal *terminal)
{
  bool has_color = terminal->cli->screen.has_color;
  bool goes_on = terminal->chunk.size > 0;
  editor_prompt(goes_on ? "       .. " : "moonbeat> ", !has_color ? ""
                                                       : goes_on  ? "\x1b[2m"
                                                                  : "\x1b[1;36m");
}

static void leave(struct terminal *terminal, int status)
{
  terminal->has_left = true;
  terminal->status = status;
}

static void leave_for_error(struct terminal *terminal)
{
  editor_abandon();
  leave(terminal, cli_fail(terminal->cli));
}

/* ---- lines ---- */

/* Lines that begin with a colon are for the REPL itself. */
static void do_own_command(struct terminal *terminal, const char *line)
{
  if (strcmp(line, ":quiet") == 0)
    terminal->is_quiet = true;
  else if (strcmp(line, ":loud") == 0)
    terminal->is_quiet = false;
  else if (strcmp(line, ":quit") == 0)
    leave(terminal, 0);
  else
    print_text(terminal, COLOR_NONE,
               ":quiet    show no job runs above the prompt\n"
               ":loud     show them again\n"
               ":quit     leave (as does Ctrl-D)\n"
               "help()    what can be done in Lua");
}

static void evaluate(struct terminal *terminal)
{
  terminal->interrupts = 0;
  if (repl_send(terminal->cli, terminal->chunk.data, &terminal->evaluating))
    leave_for_error(terminal);
}

static void on_line(void *context, char *line)
{
  struct terminal *terminal = context;
  bool is_first = terminal->chunk.size == 0;
  if (!line) {
    fputs("\n", stdout);
    if (is_first)
      leave(terminal, 0);
    buffer_clear(&terminal->chunk);
  } else if (is_first && line[strspn(line, " \t")] == '\0') {
    /* nothing was typed */
  } else if (is_first && line[0] == ':' && line[1] != ':') {
    editor_remember(line);
    do_own_command(terminal, line);
  } else {
    buffer_printf(&terminal->chunk, "%s%s", is_first ? "" : "\n", line);
    evaluate(terminal);
  }
  free(line);
  if (!terminal->evaluating && !terminal->has_left)
    prompt(terminal);
}

static char **complete(void *context, const char *before)
{
  struct terminal *terminal = context;
  struct params params;
  struct json_document *answer;
  params_begin(&params);
  json_put_text(&params.writer, "text", before);
  enum error_code code = control_call(terminal->cli->control, "complete", params_end(&params),
                                      COMPLETE_MS, &answer, NULL);
  params_deinit(&params);
  if (code)
    return NULL;
  const struct json *names = control_result(answer);
  char **candidates = memory_alloc(((names ? names->count : 0) + 1) * sizeof *candidates);
  size_t count = 0;
  json_each(name, names && names->type == JSON_ARRAY ? names : NULL) {
    const char *text = json_text(name, "");
    /* What would act on the terminal cannot be typed either. */
    struct buffer safe = {0};
    cli_put_lines(&safe, text, 0);
    if (safe.data && strcmp(safe.data, text) == 0)
      candidates[count++] = buffer_take(&safe);
    buffer_deinit(&safe);
  }
  json_free(answer);
  return candidates;
}

/* ---- frames ---- */

static void take_answer(struct terminal *terminal, const struct json_document *frame)
{
  enum error_code code;
  const char *problem;
  terminal->evaluating = 0;
  const struct json *result = control_result(frame);
  if (control_frame_error(frame, &code, &problem)) {
    print_text(terminal, COLOR_RED, code == ERROR_CANCELLED ? "interrupted" : problem);
  } else if (json_boolean(json_get(result, "incomplete"), false)) {
    prompt(terminal);
    return;
  } else {
    const char *results = json_text(json_get(result, "results"), "");
    if (*results)
      print_text(terminal, COLOR_NONE, results);
  }
  editor_remember(terminal->chunk.data);
  buffer_clear(&terminal->chunk);
  prompt(terminal);
}

static void take_push(struct terminal *terminal, const struct json *frame)
{
  const struct json *event = json_get(frame, "event");
  const char *text = json_text(json_get(frame, "print"), NULL);
  struct buffer out = {0};
  if (text)
    repl_append_text(terminal->cli, &out, COLOR_NONE, text);
  else if (event && !terminal->is_quiet)
    event_view_append(&terminal->events, terminal->cli, &out, event);
  print(&out);
  buffer_deinit(&out);
}

static void read_daemon(struct terminal *terminal)
{
  struct cli *cli = terminal->cli;
  while (!terminal->has_left) {
    struct json_document *frame;
    enum error_code code = control_receive(cli->control, 0, &frame, &cli->error);
    if (code)
      leave_for_error(terminal);
    if (code || !frame)
      return;
    if (terminal->evaluating && control_frame_id(frame) == terminal->evaluating)
      take_answer(terminal, frame);
    else
      take_push(terminal, json_root(frame));
    json_free(frame);
  }
}

static void read_log(struct terminal *terminal)
{
  char bytes[8192];
  ssize_t size = read(terminal->log_fd, bytes, sizeof bytes);
  if (size > 0)
    editor_print(bytes, (size_t)size);
}

/* ---- signals ---- */

static void interrupt(struct terminal *terminal)
{
  struct cli *cli = terminal->cli;
  if (!terminal->evaluating) {
    editor_abandon();
    buffer_clear(&terminal->chunk);
    prompt(terminal);
    return;
  }
  editor_print("\n", 1); /* behind the terminal's ^C */
  if (++terminal->interrupts >= INTERRUPTS_TO_LEAVE) {
    leave(terminal, 130);
    return;
  }
  if (terminal->interrupts > 1)
    print_text(terminal, COLOR_DIM, "it does not stop yet; Ctrl-C once more leaves the REPL");
  if (control_send(cli->control, "interrupt", NULL, NULL, &cli->error))
    leave_for_error(terminal);
}

static void read_signals(struct terminal *terminal)
{
  unsigned char byte;
  while (!terminal->has_left && read(signal_pipe[0], &byte, 1) == 1) {
    switch (byte) {
    case SIGINT:
      interrupt(terminal);
      break;
    case SIGTSTP:
      editor_suspend();
      kill(process_id(), SIGSTOP);
      editor_resume();
      break;
    case SIGWINCH:
      editor_resume();
      break;
    default:
      leave(terminal, 128 + byte);
      break;
    }
  }
}

/* ---- the loop ---- */

static void put_banner(struct terminal *terminal)
{
  struct cli *cli = terminal->cli;
  struct json_document *answer;
  struct buffer out = {0};
  if (control_request(cli->control, "ping", NULL, &answer, &cli->error) == ERROR_OK) {
    const struct json *pong = control_result(answer);
    int64_t pid = json_integer(json_get(pong, "pid"), 0);
    screen_append(&cli->screen, &out, COLOR_BOLD, "moonbeat");
    buffer_printf(&out, " %s", json_text(json_get(pong, "version"), "?"));
    if (pid != process_id())
      buffer_printf(&out, ", attached to process %" PRId64 " on %s", pid, cli->state_folder);
    else if (cli->state_folder)
      buffer_printf(&out, ", running here on %s until you leave", cli->state_folder);
    else
      buffer_append_text(&out, ", a scratch scheduler in memory: nothing of it stays");
    json_free(answer);
  }
  buffer_append_text(&out,
                     "\nLua: jobs(), runs(), help(). Tab completes, :quiet hides runs, Ctrl-D "
                     "leaves.\n");
  fwrite(out.data, 1, out.size, stdout);
  fflush(stdout);
  buffer_deinit(&out);
}

static void wait_and_serve(struct terminal *terminal)
{
  struct pollfd fds[] = {
      {.fd = terminal->evaluating ? -1 : STDIN_FILENO, .events = POLLIN},
      {.fd = control_fd(terminal->cli->control), .events = POLLIN},
      {.fd = terminal->log_fd, .events = POLLIN},
      {.fd = signal_pipe[0], .events = POLLIN},
  };
  int timeout_ms = control_has_frame(terminal->cli->control) ? 0
                   : terminal->events.dropped > 0            ? QUIET_MS
                                                             : -1;
  if (poll(fds, sizeof fds / sizeof fds[0], timeout_ms) < 0)
    return;
  if (fds[3].revents)
    read_signals(terminal);
  if (fds[2].revents)
    read_log(terminal);
  read_daemon(terminal);
  if (fds[0].revents && !terminal->evaluating && !terminal->has_left)
    editor_read();
  struct buffer out = {0};
  event_view_catch_up(&terminal->events, terminal->cli, &out);
  print(&out);
  buffer_deinit(&out);
}

int repl_terminal(struct cli *cli, int log_fd, const char *history_path)
{
  struct terminal terminal = {
      .cli = cli, .log_fd = log_fd, .is_quiet = arguments_has(cli->arguments, "quiet")};
  struct json_document *answer;
  put_banner(&terminal);
  if (control_request(cli->control, "subscribe", repl_subscription, &answer, &cli->error))
    return cli_fail(cli);
  json_free(answer);
  catch_signals();
  editor_open(&(struct editor_options){.on_line = on_line,
                                       .complete = complete,
                                       .context = &terminal,
                                       .history_path = history_path});
  prompt(&terminal);
  while (!terminal.has_left)
    wait_and_serve(&terminal);
  editor_close();
  event_view_deinit(&terminal.events);
  buffer_deinit(&terminal.chunk);
  return terminal.status;
}
