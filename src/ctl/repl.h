/* What the files of the REPL share. It is a client like any other, of a daemon that runs already or
 * of one in this very process: repl.c finds or starts it, repl_batch.c serves `-e` and pipes,
 * repl_terminal.c a person, repl_events.c says what happens meanwhile. Main thread. */
#ifndef CTL_REPL_H
#define CTL_REPL_H

#include "ctl/cli_common.h"

/* Evaluates the -e options, or standard input; returns the exit status. */
int repl_batch(struct cli *cli);

/* Prompts until the person leaves; `log_fd` is where the log of a daemon in this process comes from
 * (-1: none), `history_path` may be NULL. */
int repl_terminal(struct cli *cli, int log_fd, const char *history_path);

/* Sends a chunk; its answer bears *id. */
enum error_code repl_send(struct cli *cli, const char *text, int64_t *id);

/* Text of the daemon's with a line end behind it: on a terminal with nothing that acts on it. */
void repl_append_text(const struct cli *cli, struct buffer *out, enum color color,
                      const char *text);

/* ---- repl_events.c ---- */

/* What was shown of late, so that a busy scheduler does not flood the screen. */
struct event_view {
  int64_t window_us; /* begin of the second that is counted */
  int shown, dropped;
  char *logged_run; /* the run whose line was shown last */
};

extern const char repl_subscription[]; /* the parameters of `subscribe` */

/* Appends one line or more, or nothing. */
void event_view_append(struct event_view *view, const struct cli *cli, struct buffer *out,
                       const struct json *event);
/* Says how many were not shown, when a second of quiet has passed. */
void event_view_catch_up(struct event_view *view, const struct cli *cli, struct buffer *out);
void event_view_deinit(struct event_view *view);

#endif
