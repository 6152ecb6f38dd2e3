/* What a daemon is told when it starts, and where its parts lie in the state folder.
 *
 * The command line fills what a person gave; `cli_host.configure` fills from the configuration file
 * what nobody gave. Strings are the struct's own (heap) and absolute paths. Plain data. */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define OPTIONS_STATE_NAME  ".moonbeat"    /* beside the jobs folder */
#define OPTIONS_CONFIG_NAME "moonbeat.lua" /* beside the jobs folder */
#define OPTIONS_SOCKET_NAME "control.sock" /* in the state folder */
#define OPTIONS_STORE_NAME  "moonbeat.db"  /* likewise */

struct daemon_options {
  char *jobs_folder;    /* NULL: no files, only what is added at run time (a scratch REPL) */
  char *state_folder;   /* holds the store, the lock and the socket; NULL (only with `memory`): none
                           of them, reachable by the control connection of cli_host.start alone */
  char *config_file;    /* NULL: there is none */
  bool memory;          /* the store is in memory; lock and socket are in the state folder still */
  int workers;          /* 0: as many as there are cores */
  int log_level;        /* enum log_level; -1: not given */
  char *timezone;       /* of wall-clock triggers that name none; NULL: the system's */
  char *secrets_folder; /* NULL: STATE/secrets */
  int64_t grace_us;     /* how long runs may take to end at a stop; -1: not given */
  int64_t stuck_grace_us; /* how long runs wait for a worker stuck in a C function; -1: not given */
  int64_t keep_us;        /* ended runs are kept so long; -1: not given */
  int64_t keep_runs;      /* and at most so many of a job; -1: not given */
  int64_t keep_logs;      /* and so many bytes of their logs; -1: not given */
  int64_t script_memory;  /* bytes that the Lua state of a script may hold; -1: not given */
};

#define DAEMON_OPTIONS_EMPTY                                                                       \
  ((struct daemon_options){.log_level = -1,                                                        \
                           .grace_us = -1,                                                         \
                           .stuck_grace_us = -1,                                                   \
                           .keep_us = -1,                                                          \
                           .keep_runs = -1,                                                        \
                           .keep_logs = -1,                                                        \
                           .script_memory = -1})

void daemon_options_deinit(struct daemon_options *options);

/* "STATE/control.sock" as a heap string of the caller's. */
char *options_socket_path(const char *state_folder);

/* "STATE/moonbeat.db", whose lock the daemon holds, also one whose store is in memory. Likewise. */
char *options_store_path(const char *state_folder);

/* `path` made absolute against the working folder, its folder without symlinks. Its last part is
 * kept as it is: a jobs folder that is a symlink may be swapped for another while a daemon watches
 * it. A heap string of the caller's. */
char *options_absolute_path(const char *path);

/* Fills state_folder and config_file from jobs_folder where they are NULL: its parent's .moonbeat,
 * and its parent's moonbeat.lua if there is one, be it a file or not. */
void options_fill_folders(struct daemon_options *options);

/* The folder of a running or past daemon as seen from `folder` (absolute): the nearest .moonbeat in
 * it or above it, as git finds its own. *found is a heap string of the caller's, NULL when there is
 * none. What another user has put there, root aside, is ERROR_PERMISSION: nobody has named it. */
enum error_code options_find_state(const char *folder, char **found, struct error *error);

/* Likewise the nearest moonbeat.lua in `folder` or above it. */
enum error_code options_find_config(const char *folder, char **found, struct error *error);

#endif
