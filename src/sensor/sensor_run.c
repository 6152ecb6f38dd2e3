/* The life of a sensor: look, report, wait to be acknowledged, look again, leave.
 *
 * A look is due when the kind asked for it, when a folder woke the sensor and a moment of quiet has
 * passed, and when events were acknowledged. What cannot be watched is looked at in growing pauses.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sensor/sensor_internal.h"

enum {
  QUIET_MS = 30,       /* from the last event of a folder to the look */
  QUIET_MOST_MS = 300, /* from the first, however many follow */
  SHARE = 5,           /* woken looks take at most about a fifth of a thread's time */
  PAUSE_MS = 500,      /* the first between tries */
  PAUSE_MOST_MS = 10000,
  PAUSE_WOKEN_MS = 200, /* the least between tries, whatever happens meanwhile */
};

static void begin(struct sensor *sensor, enum task task);

/* ---- looks ---- */

void look_add_folder(struct look *look, const char *path, const char *only)
{
  if (look->folder_count == LOOK_FOLDERS_MAX)
    return;
  if (!look->folders)
    look->folders = memory_alloc(LOOK_FOLDERS_MAX * sizeof *look->folders);
  look->folders[look->folder_count++] =
      (struct look_folder){.path = memory_strdup(path), .only = memory_strdup(only)};
}

static void deinit_look(struct look *look)
{
  for (size_t i = 0; i < look->folder_count; i++) {
    free(look->folders[i].path);
    free(look->folders[i].only);
  }
  free(look->folders);
  free(look->events);
  free(look->position);
  free(look->problem);
}

static int64_t now_ms(const struct sensor *sensor)
{
  return (int64_t)uv_now(sensor->timer.loop);
}

static void on_timer(uv_timer_t *timer)
{
  struct sensor *sensor = (struct sensor *)timer;
  begin(sensor, sensor->is_ending ? TASK_LEAVE_FOR_GOOD : TASK_LOOK);
}

static void set_timer(struct sensor *sensor, int64_t at_ms)
{
  int64_t delay_ms = at_ms - now_ms(sensor);
  uv_timer_start(&sensor->timer, on_timer, (uint64_t)(delay_ms > 0 ? delay_ms : 0), 0);
}

static int64_t min_of(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

void sensor_look_soon(struct sensor *sensor)
{
  int64_t now = now_ms(sensor);
  if (sensor->is_ending || sensor->owner->is_closed)
    return;
  if (!sensor->woken_ms)
    sensor->woken_ms = now;
  if (sensor->is_working)
    return;
  int64_t at = min_of(now + QUIET_MS, sensor->woken_ms + QUIET_MOST_MS);
  set_timer(sensor, min_of(sensor->due_ms, at > sensor->earliest_ms ? at : sensor->earliest_ms));
}

static void on_wake(void *context)
{
  sensor_look_soon(context);
}

void sensor_look_now(struct sensor *sensor)
{
  sensor->is_wanted = true;
  sensor->due_ms = now_ms(sensor);
  if (!sensor->is_working && !sensor->is_ending)
    set_timer(sensor, sensor->due_ms);
}

/* True when a folder is heard of that was not before. */
static bool watch_folders(struct sensor *sensor)
{
  if (sensor->look.keeps_folders)
    return false;
  wake_begin(sensor->wake, false);
  for (size_t i = 0; i < sensor->look.folder_count; i++)
    wake_visit(sensor->wake, sensor->look.folders[i].path, sensor->look.folders[i].only);
  return wake_end(sensor->wake);
}

static bool matters(const char *only, const char *name)
{
  return !only || fnmatch(only, name, FNM_PERIOD) == 0;
}

/* ---- what comes of a look ---- */

static void schedule(struct sensor *sensor)
{
  const struct look *look = &sensor->look;
  int64_t now = now_ms(sensor), took_ms = now - sensor->begun_ms;
  int64_t next_ms = look->next_ms;
  sensor->pause_ms = !look->problem || next_ms ? 0
                     : sensor->pause_ms        ? min_of(sensor->pause_ms * 2, PAUSE_MOST_MS)
                                               : PAUSE_MS;
  sensor->due_ms = sensor->is_wanted ? now : now + (sensor->pause_ms ? sensor->pause_ms : next_ms);
  sensor->earliest_ms = now + (look->problem ? PAUSE_WOKEN_MS : 0) + SHARE * took_ms;
  set_timer(sensor, sensor->due_ms);
  bool is_new = watch_folders(sensor);
  if (is_new || sensor->woken_ms)
    sensor_look_soon(sensor);
}

/* The last thing done with the sensor: the reporter may end it. */
static void report(struct sensor *sensor)
{
  struct sensors *owner = sensor->owner;
  struct look look = sensor->look;
  sensor->look = (struct look){0};
  bool is_told = sensor_texts_equal(look.problem, sensor->problem);
  if (!is_told) {
    free(sensor->problem);
    sensor->problem = memory_strdup(look.problem);
  }
  if (look.events) {
    sensor->unacknowledged = memory_strdup(look.position);
    sensor->has_more = look.has_more;
  }
  struct sensor_news news = {
      .events = look.events, .position = look.position, .problem = look.problem};
  if (look.events || look.position || !is_told)
    owner->report(owner->context, sensor->key, &news);
  deinit_look(&look);
}

/* ---- the end ---- */

static void on_timer_closed(uv_handle_t *handle)
{
  struct sensor *sensor = (struct sensor *)handle;
  struct sensors *owner = sensor->owner;
  free(sensor->key);
  free(sensor->source);
  free(sensor->next_source);
  free(sensor->next_position);
  free(sensor->unacknowledged);
  free(sensor->problem);
  free(sensor);
  sensors_release(owner);
}

static void dispose(struct sensor *sensor)
{
  struct sensors *owner = sensor->owner;
  HASH_DEL(owner->sensors, sensor);
  if (sensor->kind)
    sensor->kind->destroy(sensor->watch);
  wake_close(sensor->wake);
  uv_close((uv_handle_t *)&sensor->timer, on_timer_closed);
  if (sensor->next_source && !owner->is_closed)
    sensors_add(owner, sensor->key, sensor->next_source, sensor->next_position);
}

void sensor_leave(struct sensor *sensor)
{
  uv_timer_stop(&sensor->timer);
  atomic_store(&sensor->stop, false);
  if (!sensor->kind || !sensor->kind->leave)
    dispose(sensor);
  else
    begin(sensor, sensor->owner->is_closed ? TASK_LEAVE : TASK_LEAVE_FOR_GOOD);
}

static void after_leaving(struct sensor *sensor)
{
  bool is_closed = sensor->owner->is_closed;
  if (sensor->has_left || (is_closed && sensor->task == TASK_LEAVE)) {
    dispose(sensor);
  } else if (is_closed) {
    sensor_leave(sensor);
  } else {
    sensor->pause_ms = sensor->pause_ms ? min_of(sensor->pause_ms * 2, PAUSE_MOST_MS) : PAUSE_MS;
    set_timer(sensor, now_ms(sensor) + sensor->pause_ms);
  }
}

/* ---- work ---- */

static void perform(struct sensor *sensor)
{
  if (sensor->task == TASK_LOOK)
    sensor->kind->look(sensor->watch, &sensor->look);
  else
    sensor->has_left =
        sensor->kind->leave(sensor->watch, sensor->task == TASK_LEAVE_FOR_GOOD, &sensor->stop);
}

static void finish(struct sensor *sensor)
{
  sensor->is_working = false;
  if (sensor->task != TASK_LOOK) {
    after_leaving(sensor);
  } else if (sensor->is_ending || sensor->owner->is_closed) {
    deinit_look(&sensor->look);
    sensor_leave(sensor);
  } else {
    schedule(sensor);
    report(sensor);
  }
}

static void on_work(uv_work_t *work)
{
  perform(work->data);
}

static void on_done(uv_work_t *work, int status)
{
  struct sensor *sensor = work->data;
  (void)status; /* cancelled: then the sensors are closed, and the results of no use */
  uv_update_time(sensor->timer.loop);
  finish(sensor);
}

static void begin(struct sensor *sensor, enum task task)
{
  if (!sensor->kind) {
    report(sensor); /* what its creation left there */
    return;
  }
  sensor->task = task;
  sensor->is_working = true;
  sensor->is_wanted = false;
  sensor->has_left = false;
  sensor->woken_ms = 0;
  sensor->begun_ms = now_ms(sensor);
  sensor->look = (struct look){.may_report = sensor->unacknowledged == NULL, .stop = &sensor->stop};
  if (sensor->kind->is_quick) {
    perform(sensor);
    finish(sensor);
  } else {
    sensor->work.data = sensor;
    uv_queue_work(sensor->owner->loop, &sensor->work, on_work, on_done);
  }
}

void sensor_start(struct sensor *sensor)
{
  sensor->wake = wake_open(sensor->owner->loop, matters, on_wake, sensor);
  uv_timer_init(sensor->owner->loop, &sensor->timer);
  sensor->due_ms = now_ms(sensor);
  set_timer(sensor, sensor->due_ms);
}
