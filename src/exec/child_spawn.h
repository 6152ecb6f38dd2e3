/* Starting a program in a process group of its own, by vfork and exec: a fork of the daemon would
 * copy the page tables of all its memory. Any thread that lives long: the child is killed when the
 * thread that started it ends, however that comes about. */
#ifndef EXEC_CHILD_SPAWN_H
#define EXEC_CHILD_SPAWN_H

#include <sys/types.h>

#include "base/error.h"

struct child_program {
  const char *path; /* of the program; NULL: argv[0], looked up in PATH of `env` without a "/" */
  char *const *argv;
  char *const *env;
  const char *cwd; /* NULL: the caller's */
  int fds[3];      /* become 0, 1, 2 in the child; the caller still owns them */
};

/* The child's pid, which the caller must wait for. Errors: `cannot run "pg_dmp": No such file or
 * directory`. */
enum error_code child_spawn(const struct child_program *program, pid_t *pid, struct error *error);

#endif
