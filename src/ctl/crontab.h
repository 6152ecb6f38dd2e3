/* Reading a crontab, crontab(5) of Vixie cron and cronie, and writing it as a job file.
 *
 * The user's form is `FIELDS COMMAND`, the system's (/etc/crontab, /etc/cron.d) `FIELDS USER
 * COMMAND`. Pure; any thread. */
#ifndef CTL_CRONTAB_H
#define CTL_CRONTAB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* ---- one line ---- */

enum crontab_kind { CRONTAB_BLANK, CRONTAB_COMMENT, CRONTAB_SETTING, CRONTAB_ENTRY };

struct crontab_line {
  enum crontab_kind kind;
  char *text;         /* of a comment, behind the # */
  char *name, *value; /* of a setting */
  char *schedule;     /* of an entry: the five fields or @name, with single spaces */
  int column;         /* where it begins, from 1 */
  char *user;         /* NULL in the user's form */
  char *command;      /* without what follows a %, and \% as % */
  char *input;        /* what follows it, each % a line end; NULL: none */
};

/* `text` has no line end. The message of an error ends with ", column N". */
enum error_code crontab_read_line(const char *text, bool is_system, struct crontab_line *line,
                                  struct error *error);
void crontab_line_deinit(struct crontab_line *line);

/* ---- a file ---- */

struct crontab_source {
  const char *name; /* of the file, for messages */
  bool is_system;
  /* The home folder of a user; NULL when there is no such user. May be NULL. */
  const char *(*home_of)(const char *user);
};

struct crontab_report {
  size_t jobs;
  size_t problems;        /* lines that were not understood and stand as comments */
  struct buffer messages; /* "NAME:LINE:COLUMN: what is wrong\n" of each */
  bool looks_like_system; /* each command of a user's form begins with the name of a user */
};

/* Appends the job file. What cannot be understood stands in it as a comment with the reason. The
 * report's buffer is the caller's to free. */
void crontab_write_jobs(const char *text, size_t size, const struct crontab_source *source,
                        struct buffer *lua, struct crontab_report *report);

/* A readable id for a command, "pg_dump" for "cd /srv && nice pg_dump shop", in small letters,
 * digits,
 * "_" and "-"; "job" when there is nothing to go by. A heap string of the caller's. */
char *crontab_job_id(const char *command);

#endif
