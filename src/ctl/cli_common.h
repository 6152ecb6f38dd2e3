/* What the files of the command line share: one `struct cli` for the command that is carried out,
 * asking the daemon, and writing answers as a person or a program wants them. Main thread. */
#ifndef CTL_CLI_COMMON_H
#define CTL_CLI_COMMON_H

#include "base/json.h"
#include "ctl/arguments.h"
#include "ctl/cli.h"
#include "ctl/control.h"
#include "ctl/screen.h"
#include "ctl/table.h"
#include "time/zone.h"

struct cli {
  const struct cli_host *host;
  const struct arguments *arguments;
  struct screen screen; /* of standard output */
  bool wants_json;
  struct buffer out; /* gathered until cli_flush */
  int out_errno;     /* why that could not write, the first time; 0: it could */
  char *state_folder;
  struct control *control; /* NULL until something is asked */
  struct error error;
};

/* ---- asking ---- */

/* The folder of the daemon that a command without DIR means: --state, MOONBEAT_STATE, what the
 * configuration file says, the nearest .moonbeat, ./.moonbeat. */
enum error_code cli_find_state(struct cli *cli);

/* What the nearest configuration file says; nothing when there is none. */
enum error_code cli_read_config(struct cli *cli, struct daemon_options *options);

/* What a daemon shall be started with: arguments, environment, configuration file, defaults. */
enum error_code cli_read_daemon_options(struct cli *cli, struct daemon_options *options);

enum error_code cli_connect(struct cli *cli);

/* Connects if need be. `params` is a JSON object or NULL. */
enum error_code cli_ask(struct cli *cli, const char *op, const char *params,
                        struct json_document **answer);

/* A JSON object under construction. */
struct params {
  struct buffer text;
  struct json_writer writer;
};
void params_begin(struct params *params);
const char *params_end(struct params *params); /* the text, until params_deinit */
void params_deinit(struct params *params);

/* Asks with the one parameter and gives the answer. */
enum error_code cli_ask_about(struct cli *cli, const char *op, const char *key, const char *value,
                              struct json_document **answer);

enum { CLI_JOBS_PAGE = 500 };

/* A page of `list` with the options of that command: {"jobs":[...],"next":ID or null}, of the jobs
 * behind the id `after` (NULL: from the first on). */
enum error_code cli_ask_jobs(struct cli *cli, const char *after, long limit,
                             struct json_document **answer);

/* ---- writing ---- */

/* Writes `moonbeat: SENTENCE` to standard error and returns the exit status for cli->error. */
int cli_fail(struct cli *cli);

/* Puts what was gathered on standard output. */
void cli_flush(struct cli *cli);

/* One line of JSON with nothing in it that acts on a terminal. */
void cli_put_json(struct cli *cli, const struct json *value);

/* JSON as it is, but for what would act on a terminal. */
void cli_append_safe_json(struct buffer *out, const char *text, size_t size);

/* Shows text that may have lines: control characters are escaped, line ends kept, with `indent`
 * spaces after each. */
void cli_put_lines(struct buffer *out, const char *text, int indent);
void cli_put_visible(struct cli *cli, enum color color, const char *text);

/* An RFC 3339 time of the daemon's: told from now on a terminal, in whole text elsewhere. NULL when
 * there is none. The text is valid until the next but three. */
const char *cli_when(const struct cli *cli, const struct json *time);

/* Microseconds of a time of the daemon's; `otherwise` when there is none. */
int64_t cli_instant(const struct json *time, int64_t otherwise);

/* A time on the wall clock of the zone, "now", or a length of time from now on: "+2d". The option
 * is named in errors. */
enum error_code cli_read_moment(struct cli *cli, const char *option, const char *text,
                                const struct zone *zone, int64_t *us);

/* "2026-11-21T09:00:00Z", with microseconds only where there are some. */
void cli_append_instant(struct buffer *out, int64_t us);

/* "Sun 2027-03-28 03:00:00" on the wall clock of the zone, with microseconds only where there are
 * some. */
void cli_append_local(struct buffer *out, int64_t us, const struct zone *zone);

/* A value as a person reads it: strings as they are, others as JSON. NULL for null. A heap string
 * of the caller's. */
char *cli_text_of(const struct json *value);

/* The first line of a text, as a heap string of the caller's; NULL stays NULL. */
char *cli_first_line(const char *text);

/* How far a run is, {"done":370,"total":1000,"note":"rows"}, as "37 % (370/1000), rows"; a heap
 * string of the caller's, NULL for NULL. */
char *cli_progress(const struct json *progress);

/* ---- the commands ---- */

#define X(id, name, words) int cli_do_##name(struct cli *cli);
COMMAND_MAP(X)
#undef X

/* `list --timers`: at most so many of the jobs that have a trigger, the next one first. */
enum error_code cli_list_timers(struct cli *cli, long most);

/* Prints a run's log, or nothing if `is_silent`; with `follows` until the run has ended. */
enum error_code cli_print_log(struct cli *cli, const char *run, bool follows, bool is_silent);

/* Writes text that is JSON as such and other text as a string; text that begins like JSON and is
 * none is an error. */
enum error_code cli_put_loose(struct json_writer *writer, const char *text, struct error *error);

/* One line per event, as `events` and the REPL show it. */
void cli_append_event(const struct screen *screen, struct buffer *out, const struct json *event);

/* `moonbeat __complete INDEX WORD...`: prints what the word at INDEX may become, one a line. */
int cli_complete(const struct cli_host *host, int argc, char **argv);

#endif
