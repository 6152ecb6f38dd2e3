/* What a kind of sensor brings along; sensor.c does the rest: when to look, what waits to be
 * acknowledged, which thread, the end. A kind's watch is touched by one thread at a time. */
#ifndef SENSOR_SENSOR_KIND_H
#define SENSOR_SENSOR_KIND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "sensor/sensor.h"

struct sensor;

/* A folder whose changes are worth a look; `only`, unless NULL, is a pattern of the names in it
 * that are. */
struct look_folder {
  char *path;
  char *only;
};

/* One look at the source: the question and what comes of it, on the heap. */
struct look {
  bool may_report; /* all that was reported is acknowledged: events may be given */
  const atomic_bool
      *stop; /* what takes long ends early when it is true; the results are not used */
  char *events;
  bool has_more;  /* than those events: to be asked for as soon as they are acknowledged */
  char *position; /* with events, and alone when there was none yet */
  char *problem;
  int64_t next_ms;    /* when to look again without being woken; 0 with a problem: ever later */
  bool keeps_folders; /* none are given: those of the look before hold */
  struct look_folder *folders;
  size_t folder_count;
};

enum { LOOK_FOLDERS_MAX = 1000 }; /* the system's watches are for others too */

/* Ignored beyond LOOK_FOLDERS_MAX: changes there are found by looking now and then. */
void look_add_folder(struct look *look, const char *path, const char *only);

struct sensor_plan {
  uv_loop_t *loop;
  struct sensor *sensor;
  const char *reader; /* of this key in this program: names it in databases */
  const struct json *source;
  const char *position; /* NULL: the first time */
  struct signal_keeper *signals;
};

struct sensor_kind {
  const char *name;
  bool is_quick; /* looking and leaving do not block: done on the loop's thread */

  /* Reads the source; looks at nothing yet. NULL with an error when there is no such source. On the
   * loop's thread. */
  void *(*create)(const struct sensor_plan *plan, struct error *error);

  void (*look)(void *watch, struct look *look);

  /* The last look, NULL when there is nothing to do: `for_good` also takes away what was left
   * behind for its sake. False: that was not possible now, try again. */
  bool (*leave)(void *watch, bool for_good, const atomic_bool *stop);

  void (*destroy)(void *watch); /* on the loop's thread */
};

extern const struct sensor_kind file_kind, signal_kind, table_kind;

/* Looks as soon as may be. On the loop's thread. */
void sensor_look_now(struct sensor *sensor);

/* Signals that were watched once: see signal.c. */
struct signal_keeper *signal_keeper_create(uv_loop_t *loop, void (*closed)(void *context),
                                           void *context);
void signal_keeper_close(struct signal_keeper *keeper); /* calls `closed` later */

#endif
