/* A C program that hosts a scheduler through moonbeat.h: in memory, without a folder of any kind,
 * and on folders of its own. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/moonbeat.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "support/scratch.h"

#define SOURCE                                                                                     \
  "function add(run, a, b) print(run.id) return { sum = a + b } end\n"                             \
  "function nap(run) sleep '1h' end\n"

/* The answer as a tree; the error's text where it fails. */
static struct json_document *ask(struct moonbeat *m, const char *operation, const char *params)
{
  struct json_document *document = NULL;
  struct error error = {0};
  char *result = NULL;
  if (moonbeat_request(m, operation, params, &result, &error))
    fail_msg("%s: %s", operation, error.text);
  assert_int_equal(json_parse(result, strlen(result), &document, NULL), ERROR_OK);
  free(result);
  return document;
}

static void tell(struct moonbeat *m, const char *operation, const char *params)
{
  json_free(ask(m, operation, params));
}

static void add_script(struct moonbeat *m)
{
  struct buffer params = {0};
  struct json_writer writer = {.out = &params};
  json_begin_object(&writer);
  json_put_text(&writer, "name", "sums");
  json_put_text(&writer, "source", SOURCE);
  json_end_object(&writer);
  tell(m, "add_script", params.data);
  buffer_deinit(&params);
}

/* Waits until the job's latest run is in that state, and returns the run. */
static struct json_document *wait_for_run(struct moonbeat *m, const char *job, const char *state)
{
  char *params = memory_printf("{\"job\":\"%s\",\"limit\":1}", job);
  int64_t stop_us = clock_wall_us() + 10000000;
  for (;;) {
    struct json_document *answer = ask(m, "runs", params);
    const struct json *runs = json_get(json_root(answer), "runs");
    json_each(run, runs)
      if (strcmp(json_text(json_get(run, "state"), ""), state) == 0) {
        free(params);
        return answer;
      }
    json_free(answer);
    if (clock_wall_us() > stop_us)
      fail_msg("%s is not %s", job, state);
    usleep(5000);
  }
}

static const struct json *first_run(const struct json_document *answer)
{
  json_each(run, json_get(json_root(answer), "runs"))
    return run;
  return NULL;
}

static void runs_in_memory(void **state)
{
  (void)state;
  struct moonbeat_options options = MOONBEAT_OPTIONS_DEFAULT;
  struct error error = {0};
  options.memory = true;
  options.workers = 1;
  struct moonbeat *m = moonbeat_start(&options, &error);
  assert_non_null(m);
  add_script(m);
  tell(m, "add_job",
       "{\"id\":\"sum\",\"func\":\"sums.add\",\"args\":[2,3],\"trigger\":\"in 10ms\"}");
  struct json_document *answer = wait_for_run(m, "sum", "succeeded");
  const struct json *run = first_run(answer);
  assert_int_equal(json_integer(json_get(json_get(run, "result"), "sum"), 0), 5);
  assert_true(strcmp(json_text(json_get(run, "started_at"), ""),
                     json_text(json_get(run, "scheduled_at"), "~")) >= 0);
  json_free(answer);

  tell(m, "add_job", "{\"id\":\"nap\",\"func\":\"sums.nap\"}");
  tell(m, "run_now", "{\"job\":\"nap\"}");
  json_free(wait_for_run(m, "nap", "running"));
  moonbeat_stop(m, 0);
  assert_int_equal(moonbeat_wait(m), 0);
}

static void says_what_is_wrong(void **state)
{
  (void)state;
  struct moonbeat_options options = MOONBEAT_OPTIONS_DEFAULT;
  struct error error = {0};
  char *result = NULL;
  options.state_folder = "/proc/nowhere";
  assert_null(moonbeat_start(&options, &error));
  assert_non_null(strstr(error.text, "cannot make the state folder /proc/nowhere"));

  options.state_folder = NULL;
  options.memory = true;
  struct moonbeat *m = moonbeat_start(&options, &error);
  assert_non_null(m);
  assert_int_equal(moonbeat_request(m, "lsit", NULL, &result, &error), ERROR_USAGE);
  assert_string_equal(error.text, "unknown operation \"lsit\", did you mean \"list\"?");
  assert_int_equal(moonbeat_request(m, "show", "{\"job\":\"x\"}", &result, &error),
                   ERROR_NOT_FOUND);
  assert_int_equal(moonbeat_request(m, "show", "{\"job\":", &result, &error), ERROR_INVALID);
  assert_null(result);
  moonbeat_stop(m, 0);
  assert_int_equal(moonbeat_wait(m), 0);
}

/* Two in one process, each on a state of its own; and no two on the same. */
static void keeps_what_it_was_told(void **state)
{
  (void)state;
  struct error error = {0};
  struct moonbeat_options options = MOONBEAT_OPTIONS_DEFAULT;
  options.state_folder = scratch_path("state");
  options.serve = false;
  for (int round = 0; round < 2; round++) {
    struct moonbeat *m = moonbeat_start(&options, &error);
    assert_non_null(m);
    if (round == 0) {
      assert_null(moonbeat_start(&options, &error));
      assert_int_equal(error.code, ERROR_BUSY);
      add_script(m);
      tell(m, "add_job",
           "{\"id\":\"sum\",\"func\":\"sums.add\",\"args\":[1,1],\"trigger\":\"in 1h\"}");
    }
    struct json_document *answer = ask(m, "show", "{\"job\":\"sum\"}");
    assert_string_equal(json_text(json_get(json_root(answer), "state"), ""), "active");
    json_free(answer);
    tell(m, "run_now", "{\"job\":\"sum\"}");
    json_free(wait_for_run(m, "sum", "succeeded"));
    moonbeat_stop(m, 0);
    assert_int_equal(moonbeat_wait(m), 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_in_memory),
      cmocka_unit_test(says_what_is_wrong),
      cmocka_unit_test(keeps_what_it_was_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
