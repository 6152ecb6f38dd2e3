/* One file that is followed: what it held when it was last looked at, and whether that has changed.
 *
 * People and programs save files in many ways, and some leave a moment in which the file is
 * missing, empty or half written. So a look believes a change only when it has stood still: a file
 * written a moment ago is looked at again, one that was good and is now missing or empty must stay
 * so for SOURCE_DOUBT_US, and a file that never rests is taken as it is after SOURCE_PATIENCE_US.
 * Reading is spared while device, inode, size and times are the same; what counts in the end is the
 * hash. The caller's thread; no loop, no clock. */
#ifndef SCRIPT_SOURCE_H
#define SCRIPT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/script.h"

enum {
  SOURCE_SETTLED_US = 80 * 1000,    /* a file whose last change is this old stands still */
  SOURCE_DOUBT_US = 400 * 1000,     /* how long a good file must stay missing or empty */
  SOURCE_PATIENCE_US = 1000 * 1000, /* how long a file may keep changing */
};

/* When a look happens. */
struct moment {
  int64_t monotonic_us;
  int64_t wall_us;
  bool is_first; /* nothing is in force yet: take what there is */
};

struct source_stamp {
  uint64_t device, inode;
  int64_t size, modified_ns, changed_ns;
};

enum source_state { SOURCE_ABSENT, SOURCE_GOOD, SOURCE_BAD };

struct source {
  char *path;
  enum source_state state;
  struct source_stamp stamp;
  bool is_stamp_sure;                /* false: it may have changed behind an equal stamp */
  bool is_wanted;                    /* the next good look is a change even with the same content */
  char version[SCRIPT_VERSION_SIZE]; /* of the last good content */
  char *problem;                     /* of SOURCE_BAD */
  int64_t doubt_us;                  /* monotonic, since when a look is doubted; 0: it is not */
};

enum source_change {
  LOOK_SAME,
  LOOK_UNSETTLED, /* look again soon */
  LOOK_CHANGED,   /* new content: *text is the caller's */
  LOOK_GONE,
  LOOK_PROBLEM, /* it cannot be used, for another reason than before: source->problem */
};

void source_init(struct source *source, const char *path); /* copies the path */
void source_deinit(struct source *source);

/* Looks at the file, reads it if need be, and remembers. Every change is told once. `text` and
 * `size` may be NULL for a caller who does not want the content. */
enum source_change source_look(struct source *source, const struct moment *moment, char **text,
                               size_t *size);

/* Whether nothing has to be looked at again soon after this. */
bool source_is_settled(const struct source *source, enum source_change change);

#endif
