/* The table of sensors and the life of each: look, report, wait to be acknowledged, look again,
 * leave.
 *
 * A look is due when the kind asked for it, when a folder woke the sensor and a moment of quiet has
 * passed, and when events were acknowledged. What cannot be watched is looked at in growing pauses.
 * A sensor that ends stays in the table until it has left the source as it found it; what is set
 * under its key meanwhile succeeds it then, so that two never touch one source for the same key. */
#include "sensor/sensor.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/memory.h"
#include "base/text.h"
#include "sensor/sensor_kind.h"
#include "sensor/wake.h"

enum {
  QUIET_MS = 30,       /* from the last event of a folder to the look */
  QUIET_MOST_MS = 300, /* from the first, however many follow */
  SHARE = 5,           /* woken looks take at most about a fifth of a thread's time */
  PAUSE_MS = 500,      /* the first between tries */
  PAUSE_MOST_MS = 10000,
  PAUSE_WOKEN_MS = 200, /* the least between tries, whatever happens meanwhile */
};

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
  char *problem;        /* as last told */
  UT_hash_handle hh;
};

static void begin(struct sensor *sensor, enum task task);
static void add_sensor(struct sensors *sensors, const char *key, const char *source,
                       const char *position);

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

static void on_wake(void *context)
{
  struct sensor *sensor = context;
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
    on_wake(sensor);
}

static bool texts_equal(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The last thing done with the sensor: the reporter may end it. */
static void report(struct sensor *sensor)
{
  struct sensors *owner = sensor->owner;
  struct look look = sensor->look;
  sensor->look = (struct look){0};
  bool is_told = texts_equal(look.problem, sensor->problem);
  if (!is_told) {
    free(sensor->problem);
    sensor->problem = memory_strdup(look.problem);
  }
  if (look.events)
    sensor->unacknowledged = memory_strdup(look.position);
  struct sensor_news news = {
      .events = look.events, .position = look.position, .problem = look.problem};
  if (look.events || look.position || !is_told)
    owner->report(owner->context, sensor->key, &news);
  deinit_look(&look);
}

/* ---- the end ---- */

static void release_part(struct sensors *sensors)
{
  if (--sensors->parts > 0)
    return;
  free(sensors->reader);
  free(sensors);
}

static void on_signals_closed(void *context)
{
  release_part(context);
}

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
  release_part(owner);
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
    add_sensor(owner, sensor->key, sensor->next_source, sensor->next_position);
}

static void leave(struct sensor *sensor)
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
    leave(sensor);
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
    leave(sensor);
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

/* ---- the table ---- */

static enum error_code create_watch(struct sensor *sensor, const struct json *source,
                                    const char *position, struct error *error)
{
  static const struct sensor_kind *const kinds[] = {&file_kind, &signal_kind, &table_kind};
  const char *name = json_text(json_get(source, "kind"), "");
  char *reader = memory_printf("%s/%s", sensor->owner->reader, sensor->key);
  struct sensor_plan plan = {.loop = sensor->owner->loop,
                             .sensor = sensor,
                             .reader = reader,
                             .source = source,
                             .position = position,
                             .signals = sensor->owner->signals};
  error_set(error, ERROR_INVALID, "\"%.100s\" is not a kind of source that can be watched", name);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i]->name, name) == 0 && (sensor->watch = kinds[i]->create(&plan, error)))
      sensor->kind = kinds[i];
  free(reader);
  return sensor->kind ? ERROR_OK : error->code;
}

static void add_sensor(struct sensors *sensors, const char *key, const char *source,
                       const char *position)
{
  struct sensor *sensor = memory_alloc(sizeof *sensor);
  struct json_document *document = NULL;
  struct error error = {0};
  sensor->owner = sensors;
  sensor->key = memory_strdup(key);
  sensor->source = memory_strdup(source);
  sensor->wake = wake_open(sensors->loop, matters, on_wake, sensor);
  uv_timer_init(sensors->loop, &sensor->timer);
  sensors->parts++;
  HASH_ADD_KEYPTR(hh, sensors->sensors, sensor->key, strlen(sensor->key), sensor);
  if (json_parse(source, strlen(source), &document, &error) ||
      create_watch(sensor, json_root(document), position, &error))
    sensor->look.problem = memory_strdup(error.text);
  json_free(document);
  sensor->due_ms = now_ms(sensor);
  set_timer(sensor, sensor->due_ms);
}

struct sensors *sensors_open(uv_loop_t *loop, const char *reader, sensor_reporter reporter,
                             void *context)
{
  struct sensors *sensors = memory_alloc(sizeof *sensors);
  sensors->loop = loop;
  sensors->reader = memory_strdup(reader);
  sensors->report = reporter;
  sensors->context = context;
  sensors->parts = 1;
  sensors->signals = signal_keeper_create(loop, on_signals_closed, sensors);
  return sensors;
}

static void end_sensor(struct sensor *sensor)
{
  sensor->is_ending = true;
  sensor->pause_ms = 0;
  atomic_store(&sensor->stop, true);
  if (!sensor->is_working)
    leave(sensor);
}

void sensors_set(struct sensors *sensors, const char *key, const char *source, const char *position)
{
  struct sensor *sensor;
  HASH_FIND_STR(sensors->sensors, key, sensor);
  if (!sensor) {
    if (source)
      add_sensor(sensors, key, source, position);
    return;
  }
  if (texts_equal(source, sensor->is_ending ? sensor->next_source : sensor->source))
    return;
  free(sensor->next_source);
  free(sensor->next_position);
  sensor->next_source = memory_strdup(source);
  sensor->next_position = memory_strdup(position);
  if (!sensor->is_ending)
    end_sensor(sensor);
}

void sensors_acknowledge(struct sensors *sensors, const char *key, const char *position)
{
  struct sensor *sensor;
  HASH_FIND_STR(sensors->sensors, key, sensor);
  if (!sensor || sensor->is_ending || !texts_equal(sensor->unacknowledged, position))
    return;
  free(sensor->unacknowledged);
  sensor->unacknowledged = NULL;
  sensor_look_now(sensor);
}

void sensors_close(struct sensors *sensors)
{
  struct sensor *sensor, *next;
  if (!sensors)
    return;
  sensors->is_closed = true;
  HASH_ITER(hh, sensors->sensors, sensor, next) {
    atomic_store(&sensor->stop, true);
    if (sensor->is_working)
      uv_cancel((uv_req_t *)&sensor->work); /* if it has not begun */
    else
      leave(sensor);
  }
  signal_keeper_close(sensors->signals);
}
