/* The configuration file: a Lua chunk that returns a table, read once at the start in a state that
 * has no functions to call. Any thread. */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

/* Appends what the file returns as JSON. ERROR_NOT_FOUND, ERROR_INVALID with "file:line: ...". */
enum error_code config_read(const char *path, struct buffer *json, struct error *error);

#endif
