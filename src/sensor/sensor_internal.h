/* The inside of sensors: sensor.c, the table of them; sensor_run.c, the life of each. */
#ifndef SENSOR_SENSOR_INTERNAL_H
#define SENSOR_SENSOR_INTERNAL_H

#include "base/hash.h"
#include "sensor/sensor_kind.h"
#include "sensor/wake.h"

enum task { TASK_LOOK, TASK_LEAVE, TASK_LEAVE_FOR_GOOD };

struct sensors {
  uv_loop_t *loop;
  char *reader;
  sensor_reporter report;
  void *context;
  struct sensor *sensors;
  struct signal_keeper *signals;
  size_t parts; /* sensors and the keeper, until their handles are closed */
  bool is_closed;
};

struct sensor {
  uv_timer_t timer; /* first, so that the handle is the sensor */
  uv_work_t work;
  struct sensors *owner;
  char *key, *source;
  const struct sensor_kind *kind; /* NULL: there is no such source */
  void *watch;
  struct wake *wake;
  atomic_bool stop;
  bool is_ending;                    /* for good */
  char *next_source, *next_position; /* of who succeeds it */

  enum task task;             /* in progress, or the last one */
  bool is_working, is_wanted; /* wanted: again as soon as it is over */
  bool has_left;
  struct look look;

  int64_t begun_ms, due_ms;
  int64_t woken_ms, earliest_ms; /* woken: when the first event came; 0: none did */
  int64_t pause_ms;
  char *unacknowledged; /* position */
  bool has_more;        /* more waits to be reported behind it */
  char *problem;        /* as last told */
  UT_hash_handle hh;
};

/* Makes the sensor's folders, timer and first look; its source has been read. */
void sensor_start(struct sensor *sensor);

/* Looks after a moment of quiet. */
void sensor_look_soon(struct sensor *sensor);

/* Undoes what the sensor has done to its source, and gives way to who succeeds it. Only while
 * nothing is in progress; sensor_run.c does it itself when something was. */
void sensor_leave(struct sensor *sensor);

/* In sensor.c. */
void sensors_add(struct sensors *sensors, const char *key, const char *source,
                 const char *position);
void sensors_release(struct sensors *sensors); /* one of `parts` is gone */

static inline bool sensor_texts_equal(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

#endif
