/* Sensors at work on a real loop and a folder of their own. What they report is written down, a
 * line for each event; the sensor that is looked at has the key "k". */
#ifndef UNIT_SENSOR_BENCH_H
#define UNIT_SENSOR_BENCH_H

#include "support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "sensor/sensor.h"
#include "support/scratch.h"

struct bench {
  uv_loop_t loop;
  uv_timer_t timer;
  struct sensors *sensors;
  char *root;
  struct buffer heard;
  char *position; /* the latest that is stored */
  char *offered;  /* the latest of events that are not acknowledged */
  char *events;   /* the latest */
  size_t longest; /* of such texts */
  char *problem;
  bool is_slow; /* acknowledges only when told */
  int reports;
};

static void bench_acknowledge(struct bench *bench)
{
  assert_non_null(bench->offered);
  free(bench->position);
  bench->position = bench->offered;
  bench->offered = NULL;
  sensors_acknowledge(bench->sensors, "k", bench->position);
}

static void bench_write_down(struct bench *bench, const struct json *event)
{
  static const char *const names[] = {"change", "operation", "signal", "path"};
  size_t before = bench->heard.size, length = strlen(bench->root);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *text = json_text(json_get(event, names[i]), NULL);
    if (!text)
      continue;
    if (strncmp(text, bench->root, length) == 0)
      text += length + 1;
    buffer_printf(&bench->heard, "%s%s", bench->heard.size > before ? " " : "", text);
  }
  static const char *const values[] = {"rowid", "key"};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    const struct json *value = json_get(event, values[i]);
    struct json_writer writer = {.out = &bench->heard};
    if (!value)
      continue;
    buffer_append_byte(&bench->heard, ' ');
    json_write_tree(&writer, value);
  }
  buffer_append_byte(&bench->heard, '\n');
}

static void bench_report(void *context, const char *key, const struct sensor_news *news)
{
  struct bench *bench = context;
  struct json_document *document;
  bench->reports++;
  if (strcmp(key, "k") != 0)
    return;
  free(bench->problem);
  bench->problem = memory_strdup(news->problem);
  if (news->events) {
    assert_null(bench->offered); /* nothing comes before the last was acknowledged */
    assert_non_null(news->position);
    free(bench->events);
    bench->events = memory_strdup(news->events);
    size_t size = strlen(news->events);
    bench->longest = size > bench->longest ? size : bench->longest;
    assert_int_equal(json_parse(news->events, strlen(news->events), &document, NULL), 0);
    assert_in_range(json_root(document)->count, 1, SENSOR_EVENTS_MAX);
    json_each(event, json_root(document))
      bench_write_down(bench, event);
    json_free(document);
    bench->offered = memory_strdup(news->position);
    if (!bench->is_slow)
      bench_acknowledge(bench);
  } else if (news->position) {
    free(bench->position);
    bench->position = memory_strdup(news->position);
    buffer_append_text(&bench->heard, "begun\n");
  }
}

static void bench_on_timeout(uv_timer_t *timer)
{
  uv_stop(timer->loop);
}

static void bench_run(struct bench *bench, uint64_t ms)
{
  uv_update_time(&bench->loop);
  uv_timer_start(&bench->timer, bench_on_timeout, ms, 0);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
}

static const char *bench_heard(const struct bench *bench)
{
  return bench->heard.size ? bench->heard.data : "";
}

enum { BENCH_WAIT_US = 20 * 1000 * 1000, BENCH_QUIET_MS = 200 };

/* Runs until the text is heard, and then long enough to hear what should not come. */
static void bench_expect(struct bench *bench, const char *text)
{
  int64_t end = clock_monotonic_us() + BENCH_WAIT_US;
  while (strcmp(bench_heard(bench), text) != 0 && clock_monotonic_us() < end)
    bench_run(bench, 10);
  assert_string_equal(bench_heard(bench), text);
  bench_run(bench, BENCH_QUIET_MS);
  assert_string_equal(bench_heard(bench), text);
  buffer_clear(&bench->heard);
}

/* Runs until `count` lines are heard: the text with each number from 1 on, once. */
__attribute__((unused)) static void bench_expect_each(struct bench *bench, const char *text,
                                                      int count)
{
  int64_t end = clock_monotonic_us() + BENCH_WAIT_US;
  int *seen = memory_alloc(((size_t)count + 1) * sizeof *seen);
  size_t size = 0; /* of all lines */
  for (int i = 1; i <= count; i++)
    size += (size_t)snprintf(NULL, 0, "%s%d\n", text, i);
  while (bench->heard.size < size && clock_monotonic_us() < end)
    bench_run(bench, 10);
  bench_run(bench, BENCH_QUIET_MS);
  for (const char *line = bench_heard(bench); *line; line = strchr(line, '\n') + 1) {
    assert_memory_equal(line, text, strlen(text));
    int number = atoi(line + strlen(text));
    assert_in_range(number, 1, count);
    seen[number]++;
  }
  for (int i = 1; i <= count; i++)
    if (seen[i] != 1)
      fail_msg("%s%d was told %d times", text, i, seen[i]);
  free(seen);
  buffer_clear(&bench->heard);
}

/* Runs until a problem that holds the text was reported; NULL: until there is none. */
__attribute__((unused)) static void bench_expect_problem(struct bench *bench, const char *text)
{
  int64_t end = clock_monotonic_us() + BENCH_WAIT_US;
  while (clock_monotonic_us() < end) {
    if (text ? bench->problem && strstr(bench->problem, text) : !bench->problem)
      return;
    bench_run(bench, 10);
  }
  assert_string_equal(bench->problem ? bench->problem : "no problem", text ? text : "no problem");
}

static void bench_expect_nothing(struct bench *bench)
{
  bench_run(bench, 600);
  assert_string_equal(bench_heard(bench), "");
}

/* In root, by a shell. */
__attribute__((format(printf, 2, 3))) static inline void bench_shell(struct bench *bench,
                                                                     const char *format, ...)
{
  struct buffer command = {0};
  char text[2000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  buffer_printf(&command, "cd %s && { %s\n}", bench->root, text);
  assert_int_equal(system(command.data), 0);
  buffer_deinit(&command);
}

/* The daemon starts ... */
static void bench_open(struct bench *bench)
{
  uv_loop_init(&bench->loop);
  uv_timer_init(&bench->loop, &bench->timer);
  bench->sensors = sensors_open(&bench->loop, "bench", bench_report, bench);
}

/* ... and stops; all memory and handles are gone then. */
static void bench_close(struct bench *bench)
{
  sensors_close(bench->sensors);
  bench->sensors = NULL;
  uv_close((uv_handle_t *)&bench->timer, NULL);
  int before = bench->reports;
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(bench->reports, before);
  assert_int_equal(uv_loop_close(&bench->loop), 0);
}

/* As after a kill: what was not acknowledged was not stored. */
static void bench_restart(struct bench *bench, const char *source)
{
  if (bench->sensors)
    bench_close(bench);
  free(bench->offered);
  bench->offered = NULL;
  bench_open(bench);
  sensors_set(bench->sensors, "k", source, bench->position);
}

static int bench_setup(void **state)
{
  struct bench *bench = memory_alloc(sizeof *bench);
  log_set_level(LOG_OFF);
  bench->root = scratch_folder();
  bench_open(bench);
  *state = bench;
  return 0;
}

static int bench_teardown(void **state)
{
  struct bench *bench = *state;
  if (bench->sensors)
    bench_close(bench);
  buffer_deinit(&bench->heard);
  free(bench->position);
  free(bench->offered);
  free(bench->events);
  free(bench->problem);
  free(bench);
  return 0;
}

#endif
