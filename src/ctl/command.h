/* The commands as data: what each is called, takes and does. Help, completion and parsing all read
 * this one table, and a test compares the manual page with it. */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* id, words on the command line */
#define COMMAND_MAP(X)                                                                             \
  X(RUN, "run")                                                                                    \
  X(REPL, "repl")                                                                                  \
  X(STATUS, "status")                                                                              \
  X(STOP, "stop")                                                                                  \
  X(CHECK, "check")                                                                                \
  X(RELOAD, "reload")                                                                              \
  X(LIST, "list")                                                                                  \
  X(SHOW, "show")                                                                                  \
  X(NEXT, "next")                                                                                  \
  X(WHY, "why")                                                                                    \
  X(SKIPS, "skips")                                                                                \
  X(ADD_JOB, "add job")                                                                            \
  X(REMOVE, "remove")                                                                              \
  X(PAUSE, "pause")                                                                                \
  X(RESUME, "resume")                                                                              \
  X(RUN_NOW, "run-now")                                                                            \
  X(RUNS, "runs")                                                                                  \
  X(LOGS, "logs")                                                                                  \
  X(CANCEL, "cancel")                                                                              \
  X(EVENTS, "events")                                                                              \
  X(SCRIPTS, "scripts")                                                                            \
  X(ADD_SCRIPT, "add script")                                                                      \
  X(SHOW_SCRIPT, "show script")                                                                    \
  X(ROLLBACK_SCRIPT, "rollback script")                                                            \
  X(REMOVE_SCRIPT, "remove script")                                                                \
  X(VERSION, "version")                                                                            \
  X(HELP, "help")

enum command_id {
#define X(id, words) COMMAND_##id,
  COMMAND_MAP(X)
#undef X
      COMMAND_COUNT
};

/* What a word on the command line names, for completion. */
enum word_kind { WORD_ANY, WORD_FOLDER, WORD_FILE, WORD_JOB, WORD_RUN, WORD_SCRIPT, WORD_COMMAND };

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
