/* Triggers that events set off: what reaches which job, what waits, what a crash leaves; and those
 * that ask Lua. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

static char *store_path; /* of a test that crashes */

static void save(struct world *w, const char *jobs)
{
  char *json = memory_printf("{\"jobs\":[%s],\"listeners\":[]}", jobs);
  world_save(w, "a", json);
  free(json);
}

static void emit(struct world *w, const char *name, const char *data)
{
  char *params = memory_printf("{\"event\":\"%s\",\"data\":%s}", name, data);
  char *reply = world_ask(w, "emit", params);
  if (strncmp(reply, "error", 5) == 0)
    fail_msg("%s", reply);
  free(reply);
  free(params);
}

/* The events of the run that waits first, without their instants: "order 1; order 2". */
static char *events_of(struct world *w)
{
  struct buffer out = {0};
  struct json_document *document;
  assert_non_null(w->runs.first);
  const char *events = w->runs.first->as.run.events;
  assert_non_null(events);
  assert_int_equal(json_parse(events, strlen(events), &document, NULL), ERROR_OK);
  json_each(event, json_root(document)) {
    buffer_printf(&out, "%s%s", out.size ? "; " : "", json_text(json_get(event, "event"), "?"));
    json_each(member, event)
      if (member->type == JSON_INTEGER)
        buffer_printf(&out, " %d", (int)member->as.integer);
  }
  json_free(document);
  return buffer_take(&out);
}

static void expect_events(struct world *w, const char *expected)
{
  char *got = events_of(w);
  assert_string_equal(got, expected);
  free(got);
}

static void an_event_is_a_run(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event order filter=(shop=b)\"}");
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "active");
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "null");
  emit(&w, "order", "{\"shop\":\"a\",\"n\":1}");
  emit(&w, "orders", "{\"shop\":\"b\",\"n\":2}");
  assert_int_equal(world_run_count(&w), 0);
  emit(&w, "order", "{\"shop\":\"b\",\"n\":3}");
  assert_int_equal(world_run_count(&w), 1);
  expect_events(&w, "order 3");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_expect(&w, "run", "{\"run\":\"t\"}", "cause", "event");
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "active");
  world_close(&w);
}

/* They wait where a due time would be skipped, and each has its run. */
static void events_wait_for_their_turn(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event order\"}");
  for (int i = 1; i <= 5; i++)
    emit(&w, "order", "{}");
  assert_int_equal(world_run_count(&w), 1);
  for (int i = 1; i <= 5; i++) {
    assert_int_equal(world_run_count(&w), 1);
    world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  }
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "t", "succeeded"), 5);
  world_close(&w);
}

static void a_debounce_waits_for_quiet(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event order debounce=10s\"}");
  for (int i = 1; i <= 3; i++) {
    emit(&w, "order", "{\"n\":1}");
    world_live(&w, 9 * SECOND);
    assert_int_equal(world_run_count(&w), 0);
  }
  world_live(&w, SECOND);
  assert_int_equal(world_run_count(&w), 1);
  expect_events(&w, "order 1; order 1; order 1");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  /* A stream without a pause is cut after ten times the debounce. */
  for (int i = 0; i < 22; i++) {
    assert_int_equal(world_run_count(&w), i >= 20 ? 1 : 0);
    emit(&w, "order", "{\"n\":2}");
    world_live(&w, 5 * SECOND);
  }
  world_close(&w);
}

static void a_full_batch_does_not_wait(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e debounce=1h batch=3\"}");
  for (int i = 1; i <= 4; i++) {
    char *data = memory_printf("{\"n\":%d}", i);
    assert_int_equal(world_run_count(&w), i == 4 ? 1 : 0);
    emit(&w, "e", data);
    free(data);
  }
  expect_events(&w, "e 1; e 2; e 3");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  assert_int_equal(world_run_count(&w), 0);
  world_live(&w, HOUR);
  expect_events(&w, "e 4");
  world_close(&w);
}

static void what_comes_while_it_is_paused_is_skipped(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e debounce=1m\"},"
           "{\"id\":\"u\",\"run\":true,\"trigger\":\"on_event job_missed\"},"
           "{\"id\":\"v\",\"run\":true,\"trigger\":\"on_event job_missed\"}");
  emit(&w, "e", "{\"n\":1}");
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  free(world_ask(&w, "pause_job", "{\"job\":\"u\"}"));
  free(world_ask(&w, "pause_job", "{\"job\":\"v\"}"));
  emit(&w, "e", "{\"n\":2}");
  emit(&w, "e", "{\"n\":3}");
  world_live(&w, 2 * MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_skipped(&w, "t", "paused"), 2);
  free(world_ask(&w, "resume_job", "{\"job\":\"t\"}"));
  world_settle(&w);
  expect_events(&w, "e 1");
  world_close(&w);
}

#define ADD(options)                                                                               \
  "{\"id\":\"t\",\"run\":{\"shell\":\"true\"},\"trigger\":\"on_event e\"," options "}"

/* Who is changed so that he can run does. */
static void what_waits_is_tried_when_its_job_is_changed(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  free(world_ask(&w, "add_job", ADD("\"max_instances\":1")));
  emit(&w, "e", "{\"n\":1}");
  emit(&w, "e", "{\"n\":2}");
  assert_int_equal(world_run_count(&w), 1);
  free(world_ask(&w, "modify_job", "{\"job\":\"t\",\"changes\":{\"max_instances\":2}}"));
  assert_int_equal(world_run_count(&w), 2);
  emit(&w, "e", "{\"n\":3}");
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  world_finish_all(&w);
  assert_int_equal(world_run_count(&w), 0);
  free(world_ask(&w, "add_job", ADD("\"replace_existing\":true")));
  expect_events(&w, "e 3");
  world_close(&w);
}

/* Nor does a throttle hold that is none any more. */
static void what_is_throttled_is_tried_when_its_job_is_changed(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e throttle=1h\"}");
  emit(&w, "e", "{\"n\":1}");
  world_finish_all(&w);
  emit(&w, "e", "{\"n\":2}");
  assert_int_equal(world_run_count(&w), 0);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e\"}");
  expect_events(&w, "e 2");
  world_close(&w);
}

static void the_end_of_a_job_sets_off_another(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"every 1m\"},"
           "{\"id\":\"good\",\"run\":true,\"trigger\":\"after_job t\"},"
           "{\"id\":\"bad\",\"run\":true,\"trigger\":\"after_job t outcome=failed\"},"
           "{\"id\":\"any\",\"run\":true,\"trigger\":\"after_job t outcome=finished\"}");
  world_pass(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 1);
  world_finish(&w, RUN_SUCCEEDED, "7", NULL);
  assert_int_equal(world_run_count(&w), 2);
  assert_non_null(strstr(w.runs.first->as.run.events, "\"result\":7"));
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "good", NULL), 1);
  assert_int_equal(world_history(&w, "bad", NULL), 0);
  assert_int_equal(world_history(&w, "any", NULL), 1);
  world_pass(&w, MINUTE);
  world_finish(&w, RUN_FAILED, NULL, "no");
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "good", NULL), 1);
  assert_int_equal(world_history(&w, "bad", NULL), 1);
  assert_int_equal(world_history(&w, "any", NULL), 2);
  world_close(&w);
}

static void what_never_comes_is_refused(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event job_executed\"},"
           "{\"id\":\"x\",\"run\":true,\"trigger\":\"in 1s\"}");
  world_pass(&w, SECOND);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL); /* x, so t runs */
  assert_int_equal(world_run_count(&w), 1);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL); /* t, so nothing */
  assert_int_equal(world_run_count(&w), 0);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"after_job t\"}");
  char *reply = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(reply, "job \\\"t\\\": its trigger waits for the job itself"));
  free(reply);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event job_eror\"}");
  reply = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(reply, "job \\\"t\\\": unknown event \\\"job_eror\\\", did you mean"));
  free(reply);
  world_close(&w);
}

/* Each start is told once, also to a job that is new then; a job that is added later waits. */
static void the_start_is_an_event(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_start\"}");
  assert_int_equal(world_run_count(&w), 0);
  for (int i = 1; i <= 2; i++) {
    world_crash(&w);
    save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_start\"},"
             "{\"id\":\"u\",\"run\":true,\"trigger\":\"@reboot\"}");
    struct message *scanned = message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
    world_tell(&w, scanned);
    assert_int_equal(world_run_count(&w), 2);
    world_finish_all(&w);
  }
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_start\"}");
  assert_int_equal(world_run_count(&w), 0);
  world_close(&w);
}

/* What was acknowledged to who emitted it is there after a kill, whether or not its run had begun.
 */
static void a_crash_loses_no_event(void **state)
{
  struct world w;
  static const char job[] = "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e debounce=10s\"},"
                            "{\"id\":\"u\",\"run\":true,\"trigger\":\"on_event e\"}";
  (void)state;
  world_open(&w, store_path);
  save(&w, job);
  emit(&w, "e", "{\"n\":1}");
  emit(&w, "e", "{\"n\":2}");
  assert_int_equal(world_run_count(&w), 1); /* of u */
  world_crash(&w);
  save(&w, job);
  assert_int_equal(world_run_count(&w), 1);
  expect_events(&w, "e 1"); /* cut off, and again */
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  expect_events(&w, "e 2");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_live(&w, 10 * SECOND);
  expect_events(&w, "e 1; e 2");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_live(&w, HOUR);
  assert_int_equal(world_run_count(&w), 0);
  assert_int_equal(world_history(&w, "u", "succeeded"), 2);
  world_close(&w);
}

static void times_and_events_make_one_job(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,"
           "\"trigger\":\"any_of (at 2026-01-01T01:00:00Z) (on_event e)\"}");
  emit(&w, "e", "{\"n\":1}");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T01:00:00.000000Z");
  world_live(&w, HOUR);
  assert_int_equal(world_run_count(&w), 1);
  assert_null(w.runs.first->as.run.events);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "active");
  emit(&w, "e", "{\"n\":2}");
  expect_events(&w, "e 2");
  world_close(&w);
}

static void a_removed_job_waits_for_nothing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e debounce=10s\"}");
  emit(&w, "e", "{}");
  save(&w, "");
  world_live(&w, MINUTE);
  assert_int_equal(world_run_count(&w), 0);
  world_expect(&w, "emit", "{\"event\":\"e\"}", "jobs", "0");
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e\"}");
  world_expect(&w, "emit", "{\"event\":\"e\"}", "jobs", "1");
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event f\"}");
  world_expect(&w, "emit", "{\"event\":\"e\"}", "jobs", "0");
  world_close(&w);
}

/* Of many jobs that wait for one event, every `step`th is declared. */
static void declare_many(struct world *w, int step, const char *jobs)
{
  struct buffer specs = {0};
  for (int i = 0; i < 300; i += step)
    buffer_printf(&specs, "%s{\"id\":\"j%d\",\"run\":true,\"trigger\":\"on_event e\"}",
                  specs.size ? "," : "", i);
  save(w, specs.data);
  buffer_deinit(&specs);
  world_expect(w, "emit", "{\"event\":\"e\"}", "jobs", jobs);
  world_settle(w);
  assert_int_equal(world_run_count(w), atoi(jobs));
  world_finish_all(w);
}

static void many_jobs_wait_for_one_event(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  declare_many(&w, 1, "300");
  declare_many(&w, 3, "100");
  declare_many(&w, 2, "150");
  declare_many(&w, 299, "2");
  declare_many(&w, 1, "300");
  world_close(&w);
}

static void names_of_the_scheduler_are_refused(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  static const char *const wrong[] = {"{\"event\":\"job_error\"}", "{\"event\":\"\"}", "{}",
                                      "{\"event\":\"e\",\"data\":[1]}",
                                      "{\"event\":\"e\",\"data\":{\"at\":1}}"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    char *reply = world_ask(&w, "emit", wrong[i]);
    assert_memory_equal(reply, "error", 5);
    free(reply);
  }
  world_close(&w);
}

/* ---- sensors ---- */

static const char glob[] = "{\"kind\":\"on_file\",\"glob\":\"/in/*\",\"settle\":\"1s\"}";

static struct message *sensed(const char *events, const char *position)
{
  struct message *m = message_create(MESSAGE_SENSED, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.sensor.key = memory_strdup(glob);
  m->as.sensor.events = memory_strdup(events);
  m->as.sensor.position = memory_strdup(position);
  return m;
}

static void sensors_follow_the_jobs(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"},"
           "{\"id\":\"u\",\"run\":true,\"trigger\":\"on_file /in/* batch=10\"}");
  struct message *m = world_take(&w, MESSAGE_SENSE);
  assert_string_equal(m->as.sensor.key, glob);
  assert_null(m->as.sensor.position);
  assert_false(m->as.sensor.is_over);
  message_destroy(m);
  assert_null(world_take(&w, MESSAGE_SENSE));
  world_tell(&w, sensed("[{\"path\":\"/in/a\"},{\"path\":\"/in/b\"}]", "{\"n\":2}"));
  m = world_take(&w, MESSAGE_ACKNOWLEDGE);
  assert_string_equal(m->as.sensor.position, "{\"n\":2}");
  message_destroy(m);
  assert_int_equal(world_run_count(&w), 2);
  assert_non_null(strstr(w.runs.first->as.run.events, "[{\"event\":\"on_file\",\"at\":\"20"));
  assert_non_null(strstr(w.runs.first->as.run.events, "Z\",\"path\":\"/in/a\"}"));
  world_finish_all(&w);
  world_finish_all(&w);
  assert_int_equal(world_history(&w, "t", "succeeded"), 2);
  assert_int_equal(world_history(&w, "u", "succeeded"), 1);
  world_crash(&w);
  world_settle(&w);
  m = world_take(&w, MESSAGE_SENSE);
  assert_string_equal(m->as.sensor.position, "{\"n\":2}");
  message_destroy(m);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  assert_null(world_take(&w, MESSAGE_SENSE));
  save(&w, "");
  m = world_take(&w, MESSAGE_SENSE);
  assert_true(m->as.sensor.is_over);
  message_destroy(m);
  world_close(&w);
}

static void expect_position(struct world *w, const char *position)
{
  world_crash(w);
  world_settle(w);
  struct message *m = world_take(w, MESSAGE_SENSE);
  if (position)
    assert_string_equal(m->as.sensor.position ? m->as.sensor.position : "none", position);
  else
    assert_null(m->as.sensor.position);
  message_destroy(m);
}

/* What is saved changes all but what is watched: the sensor goes on, also behind a crash. */
static void a_position_stays_while_somebody_waits(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  message_destroy(world_take(&w, MESSAGE_SENSE));
  world_tell(&w, sensed(NULL, "{\"n\":1}"));
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/* batch=10\"}");
  assert_null(world_take(&w, MESSAGE_SENSE));
  expect_position(&w, "{\"n\":1}");
  save(&w, "{\"id\":\"renamed\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  assert_null(world_take(&w, MESSAGE_SENSE));
  expect_position(&w, "{\"n\":1}");
  save(&w, "");
  message_destroy(world_take(&w, MESSAGE_SENSE));
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  expect_position(&w, NULL);
  world_close(&w);
}

/* The files are the same ones: what has not settled yet is not old for the sensor that comes. */
static void a_position_outlives_another_settle(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  message_destroy(world_take(&w, MESSAGE_SENSE));
  world_tell(&w, sensed(NULL, "{\"n\":1}"));
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/* settle=5s\"},"
           "{\"id\":\"u\",\"run\":true,\"trigger\":\"on_file /in/*.csv settle=5s\"}");
  for (int i = 0; i < 3; i++) {
    struct message *m = world_take(&w, MESSAGE_SENSE);
    assert_non_null(m);
    if (strstr(m->as.sensor.key, ".csv"))
      assert_null(m->as.sensor.position);
    else if (strstr(m->as.sensor.key, "5s"))
      assert_string_equal(m->as.sensor.position ? m->as.sensor.position : "none", "{\"n\":1}");
    else
      assert_true(m->as.sensor.is_over);
    message_destroy(m);
  }
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/* settle=5s\"}");
  expect_position(&w, "{\"n\":1}");
  world_close(&w);
}

static void why_tells_what_a_sensor_lacks(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_file /in/*\"}");
  struct message *m = sensed(NULL, NULL);
  m->as.sensor.problem = memory_strdup("/in: permission denied");
  world_tell(&w, m);
  char *reply = world_ask(&w, "why", "{\"job\":\"t\"}");
  assert_non_null(strstr(reply, "it waits: When a file /in/* is created or changed"));
  assert_non_null(strstr(reply, "which is not seen at present: /in: permission denied"));
  free(reply);
  world_close(&w);
}

static void why_tells_that_a_job_is_missing(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"after_job u\"},"
           "{\"id\":\"v\",\"run\":true,\"trigger\":\"after_job t\"}");
  char *reply = world_ask(&w, "why", "{\"job\":\"t\"}");
  assert_non_null(strstr(reply, "there is no job \\\"u\\\""));
  free(reply);
  reply = world_ask(&w, "why", "{\"job\":\"v\"}");
  assert_non_null(strstr(reply, "it waits: After job"));
  assert_null(strstr(reply, "there is no job"));
  free(reply);
  world_close(&w);
}

/* What cannot be stored is refused, or kept until it can be; it is not taken by half. */
static void a_full_disk_loses_no_event(void **state)
{
  struct world w;
  struct buffer large = {0}, events = {0};
  struct message_list in = {0}, out = {0};
  (void)state;
  world_open(&w, store_path);
  save(&w, "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e\"},"
           "{\"id\":\"u\",\"run\":true,\"trigger\":\"on_file /in/* batch=50\"}");
  message_destroy(world_take(&w, MESSAGE_SENSE));
  world_limit_pages(&w, 1);
  for (int i = 0; i < 60000; i++)
    buffer_append_byte(&large, 'x');
  char *params = memory_printf("{\"event\":\"e\",\"data\":{\"x\":\"%s\"}}", large.data);
  char *reply = world_ask(&w, "emit", params);
  assert_memory_equal(reply, "error: full", 11);
  buffer_printf(&events, "[{\"x\":\"%s\"},{\"x\":2}]", large.data);
  message_list_append(&in, sensed(events.data, "{\"n\":2}"));
  assert_int_equal(sched_turn(w.sched, w.now_us, &in, &out, NULL), ERROR_OK);
  assert_null(out.first); /* nothing is acknowledged */
  assert_int_equal(world_run_count(&w), 0);
  world_limit_pages(&w, 1000000);
  world_pass(&w, 2 * SECOND);
  message_destroy(world_take(&w, MESSAGE_ACKNOWLEDGE));
  assert_int_equal(world_run_count(&w), 1);
  assert_string_equal(w.runs.first->as.run.job_id, "u");
  assert_non_null(strstr(w.runs.first->as.run.events, "\"x\":2}"));
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  assert_int_equal(world_run_count(&w), 0);
  free(reply);
  free(params);
  buffer_deinit(&large);
  buffer_deinit(&events);
  world_close(&w);
}

/* ---- triggers in Lua ---- */

static const char asking[] = "{\"id\":\"t\",\"run\":true,\"trigger\":"
                             "{\"kind\":\"lua\",\"name\":\"f\",\"script\":\"a\"}}";

/* Takes the question; `next_us` from the beginning of the world. */
static void answer_to(struct world *w, struct message *question, int64_t next_us, const char *error)
{
  assert_non_null(question);
  struct message *m = message_create(MESSAGE_ANSWER, question->to, ADDRESS_SCHEDULER);
  m->as.answer.generation = question->as.ask.generation;
  m->as.answer.number = question->as.ask.number;
  m->as.answer.job = question->as.ask.job;
  m->as.answer.previous_us = question->as.ask.previous_us;
  m->as.answer.now_us = question->as.ask.now_us;
  m->as.answer.next_us = next_us == INT64_MAX ? next_us : WORLD_BEGINS + next_us;
  m->as.answer.error = memory_strdup(error);
  message_destroy(question);
  world_tell(w, m);
}

/* The question that waits. */
static void answer(struct world *w, int64_t next_us, const char *error)
{
  answer_to(w, world_take(w, MESSAGE_ASK), next_us, error);
}

static void lua_is_asked_after_each_fire(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, asking);
  answer(&w, 5 * SECOND, NULL);
  assert_null(world_take(&w, MESSAGE_ASK));
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:00:05.000000Z");
  world_live(&w, 5 * SECOND);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  world_crash(&w); /* nobody has answered */
  save(&w, asking);
  answer(&w, 7 * SECOND, NULL);
  world_live(&w, 2 * SECOND);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  answer(&w, INT64_MAX, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "finished");
  assert_int_equal(world_history(&w, "t", "succeeded"), 2);
  world_close(&w);
}

static void a_wrong_answer_is_an_error(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, asking);
  world_pass(&w, SECOND);
  answer(&w, -1 * SECOND, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "error");
  world_expect(&w, "show", "{\"job\":\"t\"}", "error",
               "its trigger \"f\" answered with 2025-12-31T23:59:59.000000Z, which is past");
  assert_null(world_take(&w, MESSAGE_ASK)); /* no loop */
  save(&w, asking);                         /* a new version is asked */
  answer(&w, 0, "a.lua:3: boom");
  world_expect(&w, "show", "{\"job\":\"t\"}", "error", "its trigger \"f\": a.lua:3: boom");
  free(world_ask(&w, "resume_job", "{\"job\":\"t\"}"));
  answer(&w, 9 * SECOND, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "state", "active");
  world_live(&w, 9 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* What the next question says of the due time before, from the beginning of the world. */
static void expect_previous(struct world *w, int64_t previous_us)
{
  struct message *question = world_take(w, MESSAGE_ASK);
  assert_non_null(question);
  assert_int_equal(question->as.ask.previous_us, WORLD_BEGINS + previous_us);
  message_destroy(question);
}

/* A due time that was skipped has been one, as the question says over a start too. A run by hand is
 * none. */
static void lua_is_told_of_due_times_that_were_skipped(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, store_path);
  save(&w, asking);
  answer(&w, 1 * SECOND, NULL);
  world_live(&w, 1 * SECOND);
  answer(&w, 2 * SECOND, NULL);
  world_live(&w, 1 * SECOND);
  assert_int_equal(world_skipped(&w, "t", "overlap"), 1);
  answer(&w, 3 * SECOND, NULL);
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  free(world_ask(&w, "pause_job", "{\"job\":\"t\"}"));
  world_live(&w, 4 * SECOND);
  free(world_ask(&w, "resume_job", "{\"job\":\"t\"}"));
  free(world_ask(&w, "run_now", "{\"job\":\"t\"}"));
  world_crash(&w);
  save(&w, asking);
  expect_previous(&w, 3 * SECOND);
  world_close(&w);
}

/* What has come and waits is due, whatever a new version says of what comes. */
static void lua_takes_back_nothing_that_is_due(void **state)
{
  static const char waiting[] = "{\"id\":\"t\",\"run\":true,\"overlap\":\"buffer_one\",\"trigger\":"
                                "{\"kind\":\"lua\",\"name\":\"f\",\"script\":\"a\"}}";
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, waiting);
  answer(&w, 1 * SECOND, NULL);
  world_live(&w, 1 * SECOND);
  answer(&w, 2 * SECOND, NULL);
  world_live(&w, 1 * SECOND); /* waits for the end of the first run */
  save(&w, waiting);
  assert_null(world_take(&w, MESSAGE_ASK));
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:00:02.000000Z");
  world_finish(&w, RUN_SUCCEEDED, NULL, NULL);
  expect_previous(&w, 2 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  world_close(&w);
}

/* What the store does not know yet is found again when a step of housekeeping fails, as a question
 * is when its fire is. The answer to the later question counts. */
static void lua_is_asked_again_after_housekeeping_has_failed(void **state)
{
  struct world w;
  sqlite3 *other;
  (void)state;
  world_open(&w, store_path);
  save(&w, asking);
  answer(&w, 1 * SECOND, NULL);
  world_live(&w, 1 * SECOND);
  struct message *first = world_take(&w, MESSAGE_ASK); /* its answer takes long */
  assert_int_equal(sqlite3_open(store_path, &other), SQLITE_OK);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_busy_timeout(w.store->db, 0);
  w.now_us += MINUTE;
  sched_idle(w.sched, w.now_us);
  sqlite3_close(other);
  world_settle(&w);
  struct message *second = world_take(&w, MESSAGE_ASK);
  assert_non_null(second);
  assert_int_equal(second->as.ask.previous_us, WORLD_BEGINS + 1 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  answer_to(&w, second, 80 * SECOND, NULL);
  answer_to(&w, first, 70 * SECOND, NULL);
  world_expect(&w, "show", "{\"job\":\"t\"}", "next_run_at", "2026-01-01T00:01:20.000000Z");
  world_close(&w);
}

/* A store of its own on the disk for each test that crashes. */
static int make_store(void **state)
{
  (void)state;
  store_path = scratch_path("moonbeat.db");
  return 0;
}

#define TEST(function)   cmocka_unit_test(function)
#define STORED(function) cmocka_unit_test_setup_teardown(function, make_store, NULL)

/* The first at once, the next when the time is over, with all that came meanwhile; a crash does not
 * begin the time anew. */
static void a_burst_is_throttled(void **state)
{
  struct world w;
  static const char job[] = "{\"id\":\"t\",\"run\":true,\"trigger\":\"on_event e throttle=10s\"}";
  (void)state;
  world_open(&w, store_path);
  save(&w, job);
  for (int i = 0; i < 5; i++) {
    emit(&w, "e", "{}");
    world_live(&w, SECOND);
  }
  assert_int_equal(world_run_count(&w), 1);
  world_finish_all(&w);
  world_crash(&w);
  save(&w, job);
  world_live(&w, 4 * SECOND);
  assert_int_equal(world_run_count(&w), 0);
  world_live(&w, 2 * SECOND);
  assert_int_equal(world_run_count(&w), 1);
  int count = 0;
  for (const char *at = w.runs.first->as.run.events; (at = strstr(at, "\"event\":\"e\"")); at++)
    count++;
  assert_int_equal(count, 4);
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(an_event_is_a_run),
      TEST(events_wait_for_their_turn),
      TEST(a_debounce_waits_for_quiet),
      TEST(a_full_batch_does_not_wait),
      TEST(what_comes_while_it_is_paused_is_skipped),
      TEST(what_waits_is_tried_when_its_job_is_changed),
      TEST(what_is_throttled_is_tried_when_its_job_is_changed),
      TEST(the_end_of_a_job_sets_off_another),
      TEST(what_never_comes_is_refused),
      TEST(times_and_events_make_one_job),
      TEST(a_removed_job_waits_for_nothing),
      TEST(many_jobs_wait_for_one_event),
      TEST(names_of_the_scheduler_are_refused),
      TEST(why_tells_what_a_sensor_lacks),
      TEST(why_tells_that_a_job_is_missing),
      STORED(lua_is_told_of_due_times_that_were_skipped),
      TEST(lua_takes_back_nothing_that_is_due),
      STORED(lua_is_asked_again_after_housekeeping_has_failed),
      TEST(a_wrong_answer_is_an_error),
      STORED(the_start_is_an_event),
      STORED(a_crash_loses_no_event),
      STORED(sensors_follow_the_jobs),
      STORED(a_position_stays_while_somebody_waits),
      STORED(a_position_outlives_another_settle),
      STORED(a_full_disk_loses_no_event),
      STORED(lua_is_asked_after_each_fire),
      STORED(a_burst_is_throttled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
