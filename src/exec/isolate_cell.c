#include "exec/isolate_cell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/child.h"
#include "exec/isolate_wire.h"

enum {
  CONGESTED = 5000, /* messages that wait for the scheduler */
  PAUSE_MS = 5,
  LINE_MAX_SIZE = 2000,
  LINES_PER_TURN = 50,
  LINES_MAX = 10000, /* of one run, as of what it logs */
};

extern char **environ;

struct cell {
  struct cell_options options;
  struct child *child;
  char *name;
  struct buffer inbox;
  int lines;        /* of errors, of this run */
  bool has_errors;  /* that wait for the timer */
  bool is_broken;   /* it sent what is no frame */
  uv_timer_t late;  /* closed last */
  uv_timer_t go_on; /* listening to it again */
  int open_timers;
};

/* ---- what it writes ---- */

static const char *name_of(const struct cell *cell)
{
  return cell->name ? cell->name : "a process for isolated runs";
}

/* What the process itself logs begins with a time and a level; so may what its commands write. */
static void log_line(const struct cell *cell, const char *line, size_t size)
{
  char level_name[8];
  int begin = 0, level = -1;
  char text[LINE_MAX_SIZE + 1];
  size = size < LINE_MAX_SIZE ? size : LINE_MAX_SIZE;
  memcpy(text, line, size);
  text[size] = '\0';
  if (sscanf(text, "%*2d:%*2d:%*2d.%*3d %7[a-z] %n", level_name, &begin) == 1)
    level = log_level_from_name(level_name);
  if (begin > 0 && level >= LOG_DEBUG && level < LOG_OFF)
    log_write((enum log_level)level, "%s: %s", name_of(cell), text + begin);
  else
    log_warn("%s: %s", name_of(cell), text);
}

static void log_or_drop(struct cell *cell, const char *line, size_t size)
{
  if (++cell->lines <= LINES_MAX)
    log_line(cell, line, size);
  else if (cell->lines == LINES_MAX + 1)
    log_warn("%s: wrote more than %d lines to its error output: no more are shown", name_of(cell),
             LINES_MAX);
}

/* So much of it as takes little time; once nothing more is shown, all of it. False: there is more,
 * for which the child waits when it has written much. */
static bool take_errors(struct cell *cell, bool is_end)
{
  struct buffer *in = child_output(cell->child, 2);
  size_t done = 0;
  for (int lines = 0; done < in->size && lines < LINES_PER_TURN; lines++) {
    const char *from = in->data + done;
    size_t left = in->size - done;
    const char *end = memchr(from, '\n', left);
    if (!end && !is_end && left < LINE_MAX_SIZE)
      break;
    size_t size = end ? (size_t)(end - from) : left;
    log_or_drop(cell, from, size);
    done += size + (end != NULL);
  }
  bool is_flood = cell->lines > LINES_MAX && in->size > LINE_MAX_SIZE;
  buffer_remove_front(in, is_flood ? in->size : done);
  bool is_more =
      in->size > 0 && (is_end || in->size >= LINE_MAX_SIZE || memchr(in->data, '\n', in->size));
  return !is_flood && !is_more;
}

static void give_up(struct cell *cell)
{
  cell->is_broken = true;
  child_kill(cell->child, 0);
}

static void take_frames(struct cell *cell)
{
  size_t at = 0;
  while (!cell->is_broken && at < cell->inbox.size) {
    struct message *message;
    char *settings;
    enum wire_result result = wire_take(&cell->inbox, &at, &message, &settings);
    if (result == WIRE_NOTHING)
      break;
    if (result == WIRE_MESSAGE || result == WIRE_ALIVE) {
      cell->options.message(cell->options.context, result == WIRE_MESSAGE ? message : NULL);
      continue;
    }
    if (result == WIRE_SETTINGS)
      free(settings);
    give_up(cell);
  }
  buffer_remove_front(&cell->inbox, cell->is_broken ? cell->inbox.size : at);
}

static void on_go_on(uv_timer_t *timer);

/* False: later. */
static bool take_output(struct cell *cell)
{
  if (bus_waiting(cell->options.bus, ADDRESS_SCHEDULER) > CONGESTED)
    return false;
  struct buffer *in = child_output(cell->child, 1);
  buffer_append(&cell->inbox, in->data, in->size);
  buffer_clear(in);
  take_frames(cell);
  return true;
}

static void listen_to(struct cell *cell)
{
  bool has_ended = child_has_ended(cell->child);
  if (!uv_is_active((uv_handle_t *)&cell->go_on))
    cell->has_errors = !take_errors(cell, has_ended);
  bool is_done = take_output(cell) && !cell->has_errors;
  if (!is_done && !uv_is_active((uv_handle_t *)&cell->go_on))
    uv_timer_start(&cell->go_on, on_go_on, PAUSE_MS, 0);
  if (!is_done)
    return;
  child_resume(cell->child);
  if (has_ended)
    cell->options.ended(cell->options.context);
}

static void on_go_on(uv_timer_t *timer)
{
  listen_to(timer->data);
}

static void on_changed(struct child *child, void *context)
{
  (void)child;
  listen_to(context);
}

/* ---- beginning and end ---- */

bool cell_keeps(const char *variable)
{
  static const char *const kept[] = {
      "PATH=", "HOME=", "LANG=", "TZ=", "TZDIR=", "TMPDIR=", "MOONBEAT_", "CREDENTIALS_DIRECTORY="};
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    if (text_begins_with(variable, kept[i]))
      return true;
  return false;
}

/* The pointers are the daemon's environment's. */
static char **make_environment(void)
{
  size_t count = 0, kept = 0;
  while (environ[count])
    count++;
  char **variables = memory_alloc((count + 1) * sizeof *variables);
  for (size_t i = 0; i < count; i++)
    if (cell_keeps(environ[i]))
      variables[kept++] = environ[i];
  return variables;
}

static void open_timer(struct cell *cell, uv_timer_t *timer)
{
  uv_timer_init(cell->options.loop, timer);
  timer->data = cell;
  cell->open_timers++;
}

enum error_code cell_start(const struct cell_options *options, struct cell **out,
                           struct error *error)
{
  char *argv[] = {(char *)"moonbeat", (char *)"--child", NULL};
  char **env = make_environment();
  struct cell *cell = memory_alloc(sizeof *cell);
  cell->options = *options;
  enum error_code code = child_start(options->loop,
                                     &(struct child_options){.path = options->program,
                                                             .argv = argv,
                                                             .env = env,
                                                             .keeps_input = true,
                                                             .changed = on_changed,
                                                             .context = cell},
                                     &cell->child, error);
  free(env);
  if (code) {
    free(cell);
    return code;
  }
  open_timer(cell, &cell->late);
  open_timer(cell, &cell->go_on);
  *out = cell;
  return ERROR_OK;
}

static void on_closed(uv_handle_t *handle)
{
  struct cell *cell = handle->data;
  if (--cell->open_timers > 0)
    return;
  buffer_deinit(&cell->inbox);
  free(cell->name);
  free(cell);
}

void cell_release(struct cell *cell)
{
  child_release(cell->child);
  uv_close((uv_handle_t *)&cell->late, on_closed);
  uv_close((uv_handle_t *)&cell->go_on, on_closed);
}

void cell_dismiss(struct cell *cell)
{
  child_end_input(cell->child);
}

void cell_kill(struct cell *cell, int64_t grace_us)
{
  child_kill(cell->child, grace_us);
}

void cell_begin_run(struct cell *cell)
{
  cell->lines = 0;
}

/* ---- what it is told ---- */

static void send_buffer(struct cell *cell, struct buffer *frame)
{
  child_write(cell->child, frame->data, frame->size); /* else its end is on the way */
  buffer_deinit(frame);
}

void cell_send(struct cell *cell, const struct message *message)
{
  struct buffer frame = {0};
  wire_put(&frame, message);
  send_buffer(cell, &frame);
}

void cell_send_settings(struct cell *cell, const char *json)
{
  struct buffer frame = {0};
  wire_put_settings(&frame, json);
  send_buffer(cell, &frame);
}

static void on_late(uv_timer_t *timer)
{
  struct cell *cell = timer->data;
  cell->options.late(cell->options.context);
}

void cell_set_timer(struct cell *cell, int64_t us)
{
  uv_timer_stop(&cell->late);
  if (us <= 0)
    return;
  uv_update_time(cell->options.loop);
  uv_timer_start(&cell->late, on_late, (uint64_t)us / 1000 + 1, 0);
}

void cell_set_name(struct cell *cell, const char *name)
{
  free(cell->name);
  cell->name = memory_strdup(name);
}

/* ---- how it ended ---- */

int cell_status(const struct cell *cell)
{
  return child_status(cell->child);
}

int cell_signal(const struct cell *cell)
{
  return child_signal(cell->child);
}

char *cell_describe_end(const struct cell *cell)
{
  int number = cell_signal(cell);
  if (cell->is_broken)
    return memory_strdup("said what cannot be understood, and was killed");
  if (number == 0)
    return memory_printf("ended with status %d", cell_status(cell));
  const char *name = sigabbrev_np(number);
  return name ? memory_printf("ended by signal %s", name)
              : memory_printf("ended by signal %d", number);
}
