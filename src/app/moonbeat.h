/* libmoonbeat: a scheduler inside a C program.
 *
 *   struct moonbeat_options options = MOONBEAT_OPTIONS_DEFAULT;
 *   options.jobs_folder = "jobs";
 *   struct moonbeat *m = moonbeat_start(&options, &error);
 *   moonbeat_request(m, "run_now", "{\"job\":\"backup\"}", &json, &error);
 *   moonbeat_stop(m, 10000000);
 *   int status = moonbeat_wait(m);
 *
 * It brings its own threads (a front, a scheduler, workers) and touches neither the program's
 * signals nor its working folder. All functions may be called from any thread of the program that
 * is none of these. Link with libmoonbeat and what its pkg-config packages name. */
#ifndef APP_MOONBEAT_H
#define APP_MOONBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct moonbeat;

struct moonbeat_options {
  const char *jobs_folder;    /* scripts; NULL: only what is added at run time */
  const char *state_folder;   /* store, lock and control socket; made when missing, mode 0700; NULL
                                 only with `memory`: no lock and no socket */
  const char *secrets_folder; /* of scripts' secrets; NULL: STATE/secrets */
  bool memory;                /* the store is in memory */
  bool serve;                 /* listen on STATE/control.sock for the CLI and the REPL */
  bool check_only;            /* load the scripts, run no job */
  bool handle_signals;        /* SIGINT and SIGTERM stop, SIGHUP reads the folder again */
  int control_fd;             /* a connected stream socket to serve as a client; -1: none */
  int workers;                /* 0: as many as there are cores */
  const char *timezone;   /* what "local" means in the whole process, for triggers that name no zone
                             and for scripts; NULL: the system's zone */
  const char *program;    /* a moonbeat, whose processes runs of jobs with `isolate = true` have;
                             NULL: such runs fail */
  int64_t grace_us;       /* how long runs may take to end when a signal stops it */
  int64_t stuck_grace_us; /* how long runs wait for a worker that is stuck in a C function */
  int64_t keep_us;        /* ended runs are kept so long */
  int64_t keep_runs;      /* and at most so many of each job, */
  int64_t keep_logs;      /* and so many bytes of their logs */
  int64_t script_memory;  /* bytes that the Lua state of a script may hold */
};

#define MOONBEAT_OPTIONS_DEFAULT                                                                   \
  ((struct moonbeat_options){.serve = true,                                                        \
                             .control_fd = -1,                                                     \
                             .grace_us = 10 * INT64_C(1000000),                                    \
                             .stuck_grace_us = 60 * INT64_C(1000000),                              \
                             .keep_us = INT64_C(30) * 86400 * 1000000,                             \
                             .keep_runs = 1000,                                                    \
                             .keep_logs = 64 << 20,                                                \
                             .script_memory = 64 << 20})

/* Opens the store, recovers and starts. The scripts of the folder are loaded after it has returned:
 * the request "reload" waits for them. NULL with *error set: ERROR_BUSY when another process holds
 * the state, ERROR_CORRUPT, ERROR_NEWER, ERROR_PERMISSION, ... */
struct moonbeat *moonbeat_start(const struct moonbeat_options *options, struct error *error);

/* One operation, as on the control socket ("list", "add_job", ...). `params` is a JSON object or
 * NULL. *result is JSON on the heap, the caller's. Waits for the answer, which for a change means
 * that it is durable. */
enum error_code moonbeat_request(struct moonbeat *moonbeat, const char *operation,
                                 const char *params, char **result, struct error *error);

/* Claims nothing any more, gives runs `grace_us` to end, then cuts them off. Returns at once. */
void moonbeat_stop(struct moonbeat *moonbeat, int64_t grace_us);

/* Waits until it has stopped (by moonbeat_stop, a signal, a client or a failure), frees it, and
 * returns 0 or an exit status of sysexits.h. */
int moonbeat_wait(struct moonbeat *moonbeat);

#endif
