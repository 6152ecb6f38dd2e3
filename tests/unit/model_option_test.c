/* Every option of a job is found by its name, wherever it stands in the tables. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/job.h"

static bool is_known(const char *spec)
{
  struct json_document *document;
  struct job *job = NULL;
  struct error error = {0};
  assert_int_equal(json_parse(spec, strlen(spec), &document, NULL), ERROR_OK);
  enum error_code code = job_from_json(json_root(document), NULL, NULL, &job, &error);
  json_free(document);
  if (!code)
    job_destroy(job);
  return !strstr(error.text, "unknown option");
}

/* The value is wrong for most of them, which is another error. */
static void expect_known(const char *within, const char *name)
{
  char *member = memory_printf("\"%s\":{}", name);
  char *spec = within ? memory_printf("{\"id\":\"x\",\"%s\":{%s}}", within, member)
                      : memory_printf("{%s}", member);
  if (!is_known(spec))
    fail_msg("%s", spec);
  free(spec);
  free(member);
}

static void every_option_is_found(void **state)
{
  static const char *const names[] = {"args",
                                      "buffer_limit",
                                      "cancel_grace",
                                      "coalesce",
                                      "concurrency_key",
                                      "concurrency_limit",
                                      "delivery",
                                      "enabled",
                                      "env",
                                      "expect",
                                      "func",
                                      "heartbeat_timeout",
                                      "id",
                                      "isolate",
                                      "limits",
                                      "max_failures",
                                      "max_instances",
                                      "max_interruptions",
                                      "misfire_grace_time",
                                      "name",
                                      "on_failure",
                                      "on_late",
                                      "on_recovered",
                                      "on_success",
                                      "overlap",
                                      "pool",
                                      "priority",
                                      "rate",
                                      "replace_existing",
                                      "replay_limit",
                                      "replay_rate",
                                      "retry",
                                      "run",
                                      "soft_timeout",
                                      "tags",
                                      "timeout",
                                      "timezone",
                                      "trigger",
                                      "unique",
                                      "where"};
  static const char *const retry[] = {"attempts",   "backoff", "decide",    "delay",   "factor",
                                      "give_up_on", "jitter",  "max_delay", "retry_on"};
  static const char *const unique[] = {"key", "on_conflict", "period"};
  static const char *const limits[] = {"cpu", "files", "memory"};
  (void)state;
#define EACH(within, list)                                                                         \
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)                                        \
  expect_known(within, list[i])
  EACH(NULL, names);
  EACH("retry", retry);
  EACH("unique", unique);
  EACH("limits", limits);
  assert_false(is_known("{\"zone\":1}"));
  assert_false(is_known("{\"a\":1}"));
  assert_false(is_known("{\"retry\":{\"delays\":1}}"));
}

static void keys_are_the_same_for_the_same(void **state)
{
  static const struct {
    const char *a, *b;
    bool same;
  } cases[] = {
      {"\"func\":\"a.f\",\"args\":[{\"x\":1,\"y\":[{\"p\":1,\"q\":2}]}]",
       "\"func\":\"a.f\",\"args\":[{\"y\":[{\"q\":2,\"p\":1}],\"x\":1}]", true},
      {"\"func\":\"a.f\",\"args\":[1,2]", "\"func\":\"a.f\",\"args\":[2,1]", false},
      {"\"func\":\"a.f\"", "\"func\":\"a.g\"", false},
      {"\"func\":\"a.f\"", "\"func\":\"b.f\"", false},
      {"\"run\":{\"shell\":\"ls\",\"cwd\":\"/\"}", "\"run\":{\"cwd\":\"/\",\"shell\":\"ls\"}",
       true},
      {"\"run\":{\"shell\":\"ls\"}", "\"run\":{\"shell\":\"ls -l\"}", false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *const sides[] = {cases[i].a, cases[i].b};
    struct buffer keys[2] = {{0}, {0}};
    for (int k = 0; k < 2; k++) {
      char *spec = memory_printf("{\"id\":\"j%d\",\"unique\":true,%s}", k, sides[k]);
      struct json_document *document;
      struct job *job;
      struct error error;
      assert_int_equal(json_parse(spec, strlen(spec), &document, NULL), ERROR_OK);
      assert_int_equal(job_from_json(json_root(document), NULL, NULL, &job, &error), ERROR_OK);
      assert_int_equal(job_unique_key(job, &keys[k], &error), ERROR_OK);
      json_free(document);
      job_destroy(job);
      free(spec);
    }
    if ((strcmp(keys[0].data, keys[1].data) == 0) != cases[i].same)
      fail_msg("%s and %s: %s and %s", sides[0], sides[1], keys[0].data, keys[1].data);
    buffer_deinit(&keys[0]);
    buffer_deinit(&keys[1]);
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_is_found),
      cmocka_unit_test(keys_are_the_same_for_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
