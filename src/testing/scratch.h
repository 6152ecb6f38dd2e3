/* Files of a test: a folder of its own for what scripts write while they are tested: `jobs`, where
 * their relative paths begin, and `secrets`. */
#ifndef TESTING_SCRATCH_H
#define TESTING_SCRATCH_H

#include <stddef.h>

#include "base/error.h"

/* *path is the caller's. */
enum error_code scratch_make(char **path, struct error *error);
/* As if it was just made. */
enum error_code scratch_empty(const char *path, struct error *error);
void scratch_remove(const char *path);

/* Writes a file, whose folders are made. */
enum error_code scratch_write(const char *path, const char *text, size_t size, struct error *error);

/* As secret_read() wants it. */
enum error_code scratch_write_secret(const char *path, const char *name, const char *value,
                                     size_t size, struct error *error);

#endif
