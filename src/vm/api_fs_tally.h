/* What becomes of the files that a pattern names, from one look to the next: the part of fs.watch
 * that may block, for a thread that may. No Lua, no loop. A tally is used by one thread at a time.
 */
#ifndef VM_API_FS_TALLY_H
#define VM_API_FS_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"

struct fs_tally;

struct fs_change {
  char *path;
  const char *what; /* "created", "changed", "removed" */
  struct stat stat; /* unless removed */
};

/* What one look has found. Zero it before, deinit it afterwards. */
struct fs_look {
  struct fs_change *changes; /* by path */
  size_t count;
  struct buffer
      folders; /* that were looked into: each its path, its filter ("": none), with NULs */
  atomic_bool is_cancelled; /* by any thread: the look shall end soon, and has found nothing */
  enum error_code code;
  struct error error;
};

/* `path`, absolute, is a file that is there or may come, a folder, or with `is_pattern` a pattern
 * as sensor/file_scan.h has them. Of a folder all files count, with `is_deep` those below it too.
 */
struct fs_tally *fs_tally_create(const char *path, bool is_pattern, bool is_deep);
void fs_tally_destroy(struct fs_tally *tally);

/* Compares with the look before; the first one finds no changes. What lies in a folder that cannot
 * be read just now counts as it was. */
void fs_tally_look(struct fs_tally *tally, struct fs_look *look);
void fs_look_deinit(struct fs_look *look);

#endif
