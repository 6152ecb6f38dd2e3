/* Errors that a person may read.
 *
 * A function that can fail returns an `enum error_code` (0 is success) and takes a last
 * `struct error *`, which may be NULL. The text is one sentence without a full stop, and gains
 * prefixes on the way up: `jobs/a.lua:7: cron "61 * * * *": minute 61 is over 59`.
 * Host out-of-memory aborts (see memory.h), so it is no code here. Any thread. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

/* code, name on the wire, exit status (sysexits.h) */
#define ERROR_MAP(X)                                                                               \
  X(ERROR_INVALID, "invalid", 65)         /* the input is wrong: EX_DATAERR */                     \
  X(ERROR_USAGE, "usage", 64)             /* the command line is wrong: EX_USAGE */                \
  X(ERROR_NOT_FOUND, "not_found", 66)     /* no such job, run, script, file: EX_NOINPUT */         \
  X(ERROR_EXISTS, "exists", 73)           /* the id is taken: EX_CANTCREAT */                      \
  X(ERROR_CONFLICT, "conflict", 73)       /* not in this state; a stale fence */                   \
  X(ERROR_BUSY, "busy", 75)               /* somebody else holds it: EX_TEMPFAIL */                \
  X(ERROR_UNAVAILABLE, "unavailable", 69) /* no daemon, or it is stopping: EX_UNAVAILABLE */       \
  X(ERROR_LIMIT, "limit", 65)             /* too large, too deep, too many */                      \
  X(ERROR_IO, "io", 74)                   /* the system said no: EX_IOERR */                       \
  X(ERROR_FULL, "full", 75)               /* no room on the disk; passes when there is room */     \
  X(ERROR_CORRUPT, "corrupt", 65)         /* a file is not what it should be */                    \
  X(ERROR_NEWER, "newer", 78)             /* written by a newer version: EX_CONFIG */              \
  X(ERROR_PERMISSION, "permission", 77)   /* EX_NOPERM */                                          \
  X(ERROR_TIMEOUT, "timeout", 75)         /* took longer than allowed */                           \
  X(ERROR_CANCELLED, "cancelled", 75)     /* somebody asked for it to end */                       \
  X(ERROR_SCRIPT, "script", 65)           /* an error raised by a person's Lua */                  \
  X(ERROR_INTERNAL, "internal", 70)       /* a bug of ours: EX_SOFTWARE */

enum error_code {
  ERROR_OK = 0,
#define X(code, name, status) code,
  ERROR_MAP(X)
#undef X
};

enum { ERROR_TEXT_SIZE = 1024 };

struct error {
  enum error_code code;
  char text[ERROR_TEXT_SIZE];
};

/* Sets code and text (longer text is cut with an ellipsis); returns `code`. */
enum error_code error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the text of `system_errno` at the end: "cannot open x: Permission denied". */
enum error_code error_set_errno(struct error *error, enum error_code code, int system_errno,
                                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What a system error means: ERROR_NOT_FOUND for ENOENT, ..., ERROR_IO for all that says nothing
 * else. */
enum error_code error_from_errno(int system_errno);

/* Puts "prefix: " before the text and returns the error's code. */
enum error_code error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "invalid", "not_found", ...; "ok" for ERROR_OK. */
const char *error_name(enum error_code code);

/* The code of a name that error_name gave; ERROR_INTERNAL when unknown. */
enum error_code error_from_name(const char *name);

/* The exit status that sysexits.h would give; 0 for ERROR_OK. */
int error_exit_status(enum error_code code);

#endif
