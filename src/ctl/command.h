/* The commands as data: what each is called, takes and does. Help, completion and parsing all read
 * this one table, and a test compares the manual page with it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* id, function, words on the command line */
#define COMMAND_MAP(X)                                                                             \
  X(RUN, run, "run")                                                                               \
  X(REPL, repl, "repl")                                                                            \
  X(STATUS, status, "status")                                                                      \
  X(STOP, stop, "stop")                                                                            \
  X(CHECK, check, "check")                                                                         \
  X(RELOAD, reload, "reload")                                                                      \
  X(LIST, list, "list")                                                                            \
  X(SHOW, show, "show")                                                                            \
  X(NEXT, next, "next")                                                                            \
  X(SIMULATE, simulate, "simulate")                                                                \
  X(WHY, why, "why")                                                                               \
  X(SKIPS, skips, "skips")                                                                         \
  X(ADD_JOB, add_job, "add job")                                                                   \
  X(IMPORT_CRONTAB, import_crontab, "import crontab")                                              \
  X(REMOVE, remove, "remove")                                                                      \
  X(PAUSE, pause, "pause")                                                                         \
  X(RESUME, resume, "resume")                                                                      \
  X(POOLS, pools, "pools")                                                                         \
  X(SET_POOL, set_pool, "set pool")                                                                \
  X(REMOVE_POOL, remove_pool, "remove pool")                                                       \
  X(RUN_NOW, run_now, "run-now")                                                                   \
  X(RUNS, runs, "runs")                                                                            \
  X(LOGS, logs, "logs")                                                                            \
  X(CANCEL, cancel, "cancel")                                                                      \
  X(EVENTS, events, "events")                                                                      \
  X(EMIT, emit, "emit")                                                                            \
  X(LISTENERS, listeners, "listeners")                                                             \
  X(SHOW_LISTENER, show_listener, "show listener")                                                 \
  X(RETRY_LISTENER, retry_listener, "retry listener")                                              \
  X(DISCARD_LETTERS, discard_letters, "discard letters")                                           \
  X(SCRIPTS, scripts, "scripts")                                                                   \
  X(ADD_SCRIPT, add_script, "add script")                                                          \
  X(SHOW_SCRIPT, show_script, "show script")                                                       \
  X(ROLLBACK_SCRIPT, rollback_script, "rollback script")                                           \
  X(REMOVE_SCRIPT, remove_script, "remove script")                                                 \
  X(KV_GET, kv_get, "kv get")                                                                      \
  X(KV_SET, kv_set, "kv set")                                                                      \
  X(KV_LIST, kv_list, "kv list")                                                                   \
  X(KV_DELETE, kv_delete, "kv delete")                                                             \
  X(LOCKS, locks, "locks")                                                                         \
  X(VERSION, version, "version")                                                                   \
  X(HELP, help, "help")

enum command_id {
#define X(id, name, words) COMMAND_##id,
  COMMAND_MAP(X)
#undef X
      COMMAND_COUNT
};

/* What a word on the command line names, for completion. */
enum word_kind {
  WORD_ANY,
  WORD_FOLDER,
  WORD_FILE,
  WORD_JOB,
  WORD_RUN,
  WORD_SCRIPT,
  WORD_EVENT,
  WORD_LISTENER,
  WORD_POOL,
  WORD_COMMAND
};

struct option {
  const char *name;  /* without the dashes */
  char letter;       /* 0: none */
  const char *value; /* what it takes, "DIR"; NULL: nothing */
  const char *help;
  const char *choices; /* "a b c", when only these are valid; else NULL */
  bool may_repeat;
};

struct command {
  enum command_id id;
  const char *words;            /* "add script" */
  const char *arguments;        /* "NAME FILE" for the usage line */
  const char *summary;          /* one line */
  const char *text;             /* more for --help; may be NULL */
  int least, most;              /* how many arguments; most -1: without end */
  enum word_kind kind;          /* of the first argument */
  const struct option *options; /* ends with a NULL name */
};

/* In the order of the enum. */
extern const struct command commands[COMMAND_COUNT];

/* --state --json --no-color --help --version: everywhere. */
extern const struct option global_options[];

/* The command that the first words are, the longest match; *word_count is how many words it took.
 * NULL when there is none. */
const struct command *command_find(const char *const *words, size_t count, size_t *word_count);

/* Of one command, then of all; NULL when unknown. */
const struct option *option_find(const struct command *command, const char *name, size_t size);
const struct option *option_find_letter(const struct command *command, char letter);

void command_append_help(struct buffer *out, const struct command *command);
void command_append_overview(struct buffer *out);

#endif
