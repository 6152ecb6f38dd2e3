/* The table of sensors.
 *
 * A sensor that ends stays in the table until it has left the source as it found it; what is set
 * under its key meanwhile succeeds it then, so that two never touch one source for the same key. */
#include "sensor/sensor.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sensor/sensor_internal.h"

void sensors_release(struct sensors *sensors)
{
  if (--sensors->parts > 0)
    return;
  free(sensors->reader);
  free(sensors);
}

static void on_signals_closed(void *context)
{
  sensors_release(context);
}

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

void sensors_add(struct sensors *sensors, const char *key, const char *source, const char *position)
{
  struct sensor *sensor = memory_alloc(sizeof *sensor);
  struct json_document *document = NULL;
  struct error error = {0};
  sensor->owner = sensors;
  sensor->key = memory_strdup(key);
  sensor->source = memory_strdup(source);
  sensors->parts++;
  HASH_ADD_KEYPTR(hh, sensors->sensors, sensor->key, strlen(sensor->key), sensor);
  if (json_parse(source, strlen(source), &document, &error) ||
      create_watch(sensor, json_root(document), position, &error))
    sensor->look.problem = memory_strdup(error.text);
  json_free(document);
  sensor_start(sensor);
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
    sensor_leave(sensor);
}

void sensors_set(struct sensors *sensors, const char *key, const char *source, const char *position)
{
  struct sensor *sensor;
  HASH_FIND_STR(sensors->sensors, key, sensor);
  if (!sensor) {
    if (source)
      sensors_add(sensors, key, source, position);
    return;
  }
  if (sensor_texts_equal(source, sensor->is_ending ? sensor->next_source : sensor->source))
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
  if (!sensor || sensor->is_ending || !sensor_texts_equal(sensor->unacknowledged, position))
    return;
  free(sensor->unacknowledged);
  sensor->unacknowledged = NULL;
  if (sensor->has_more)
    sensor_look_now(sensor);
  else
    sensor_look_soon(sensor);
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
      sensor_leave(sensor);
  }
  signal_keeper_close(sensors->signals);
}
