/* The files that a pattern names: glob(7) with `**` for folders at any depth.
 *
 * A pattern is absolute. `*`, `?` and `[...]` stand for parts of a name, `**` as a whole name for
 * any number of folders (at the end: for whatever lies below). As in a shell, only a dot matches
 * the dot of a hidden name, and `**` enters no hidden folders and follows no links to folders.
 * Only regular files count, and links to such. May block: for libuv's threads. */
#ifndef SENSOR_FILE_SCAN_H
#define SENSOR_FILE_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

enum { FILE_SCAN_FILES_MAX = 100000, FILE_SCAN_ENTRIES_MAX = 1000000 };

struct file_scan_visitor {
  /* A file, and the device of its folder. Where `**` stands twice, a file may come twice. */
  void (*file)(void *context, const char *path, const struct stat *status, dev_t device);
  /* A folder that was looked into; `only`, unless NULL, is a pattern of the names that matter. */
  void (*folder)(void *context, const char *path, dev_t device, const char *only);
  /* What could not be looked at, though it may be there. */
  void (*unreadable)(void *context, const char *path, int reason);
  const atomic_bool *stop;
  void *context;
};

/* Folders that are not there have no files. Fails with ERROR_LIMIT when there are too many files or
 * names to look at, with ERROR_CANCELLED when it is stopped: what was visited is then not all. */
enum error_code file_scan(const char *pattern, const struct file_scan_visitor *visitor,
                          struct error *error);

/* Whether a file of that absolute path, which need not be there, is one of them. */
bool file_scan_fits(const char *pattern, const char *path);

#endif
