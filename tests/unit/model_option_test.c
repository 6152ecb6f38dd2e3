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

/* NULL: there is none. */
static void expect_error(const char *spec, const char *expected)
{
  struct json_document *document;
  struct job *job = NULL;
  struct error error = {0};
  assert_int_equal(json_parse(spec, strlen(spec), &document, NULL), ERROR_OK);
  enum error_code code = job_from_json(json_root(document), NULL, NULL, &job, &error);
  json_free(document);
  if (!code)
    job_destroy(job);
  if (expected ? !strstr(error.text, expected) : code != ERROR_OK)
    fail_msg("%.100s: %s", spec, error.text);
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

/* A text of so many letters in the place of %s. */
static char *fill(const char *format, int length)
{
  char *letters = memory_printf("%0*d", length, 0),
       *spec = memory_alloc(strlen(format) + (size_t)length);
  const char *at = strstr(format, "%s");
  sprintf(spec, "%.*s%s%s", (int)(at - format), format, letters, at + 2);
  free(letters);
  return spec;
}

#define RUN "\"run\":{\"shell\":\"ls\"}"

static void words_have_their_bounds(void **state)
{
  static const struct {
    const char *spec;
    int most;
    const char *error;
  } cases[] = {
      {"{\"id\":\"%s\"," RUN "}", 255, ": id of 256 bytes: it must have 1 to 255"},
      {"{\"id\":\"x\"," RUN ",\"name\":\"%s\"}", 255,
       "job \"x\": name of 256 bytes: it may have 255"},
      {"{\"id\":\"x\"," RUN ",\"tags\":\"%s\"}", 100,
       "job \"x\": tags: one of 101 bytes: each must have 1 to 100"},
      {"{\"id\":\"x\"," RUN ",\"tags\":[\"a\",\"%s\"]}", 100,
       "job \"x\": tags: one of 101 bytes: each must have 1 to 100"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (int over = 0; over < 2; over++) {
      char *spec = fill(cases[i].spec, cases[i].most + over);
      expect_error(spec, over ? cases[i].error : NULL);
      free(spec);
    }
}

static void ids_that_cannot_be_are_told_in_one_line(void **state)
{
  (void)state;
  expect_error("{\"id\":\"a\\nb\"," RUN "}", "job \"a\\nb\": id holds a control character");
  expect_error("{\"id\":\"x@2026-11-21T22:22:45.250329Z\"," RUN "}",
               "reads as the run of job \"x\" at a time");
  expect_error("{\"id\":\"x@2026-11-21\"," RUN "}", "reads as the run of job \"x\" at a time");
  expect_error("{\"id\":\"x@home\"," RUN "}", NULL);
  expect_error("{\"id\":\"@daily\"," RUN "}", NULL);
}

/* Which of the two is meant nobody knows. */
static void nothing_is_given_twice(void **state)
{
  (void)state;
  expect_error("{\"id\":\"x\"," RUN ",\"args\":[1],\"args\":[1]}", "args is given twice");
  expect_error("{\"id\":\"x\"," RUN ",\"retry\":{\"delay\":\"1s\",\"delay\":\"2s\"}}",
               "retry.delay is given twice");
}

/* In Lua 6 / 2 is 3.0. */
static void whole_numbers_may_have_a_point(void **state)
{
  (void)state;
  expect_error("{\"id\":\"x\"," RUN ",\"max_instances\":3.0,\"priority\":-2.0}", NULL);
  expect_error("{\"id\":\"x\"," RUN ",\"retry\":2.0}", NULL);
  expect_error("{\"id\":\"x\"," RUN ",\"retry\":{\"attempts\":2.0}}", NULL);
  expect_error("{\"id\":\"x\"," RUN ",\"max_instances\":2.5}",
               "max_instances must be a whole number, not a decimal number");
  expect_error("{\"id\":\"x\"," RUN ",\"priority\":1e300}", "priority must be a whole number");
}

static void a_grace_lets_something_run(void **state)
{
  (void)state;
  expect_error("{\"id\":\"x\"," RUN ",\"misfire_grace_time\":0}",
               "job \"x\": misfire_grace_time is under a millisecond, and no run begins that soon");
  expect_error("{\"id\":\"x\"," RUN ",\"misfire_grace_time\":0.001}", NULL);
}

/* So that sums with instants can be counted. */
static void lengths_have_their_bound(void **state)
{
  static const struct {
    const char *name, *option;
  } cases[] = {
      {"cancel_grace", "\"cancel_grace\":\"15250000w\""},
      {"expect", "\"expect\":\"365251d\""},
      {"heartbeat_timeout", "\"heartbeat_timeout\":31557600001"},
      {"limits.cpu", "\"limits\":{\"cpu\":1e12}"},
      {"misfire_grace_time", "\"misfire_grace_time\":1e300"},
      {"rate: \"1/53000w\"", "\"rate\":\"1/53000w\""},
      {"retry.delay", "\"retry\":{\"delay\":\"9223372036854s\"}"},
      {"retry.jitter", "\"retry\":{\"jitter\":\"9223372036854s\"}"},
      {"retry.max_delay", "\"retry\":{\"max_delay\":\"9223372036854s\"}"},
      {"soft_timeout", "\"soft_timeout\":\"15250000w\""},
      {"timeout", "\"timeout\":\"9223372036854s\""},
      {"unique.period", "\"unique\":{\"period\":\"15250000w\"}"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *spec = memory_printf("{\"id\":\"x\"," RUN ",%s}", cases[i].option);
    char *error = memory_printf("job \"x\": %s: the duration is over 1000 years", cases[i].name);
    expect_error(spec, error);
    free(spec);
    free(error);
  }
  expect_error("{\"id\":\"x\"," RUN ",\"timeout\":\"365250d\"}", NULL);
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

/* Not when it runs. */
static void commands_are_read_whole(void **state)
{
  static const struct {
    const char *run, *error;
  } cases[] = {
      {"\"argv\":[\"ls\"],\"cwd\":5", "job \"x\": command.cwd must be a string, not an integer"},
      {"\"argv\":[\"ls\"],\"cwdd\":\"/\"",
       "unknown option \"command.cwdd\", did you mean \"cwd\"?"},
      {"\"argv\":[\"ls\",{}]", "a word of a command must be a string"},
      {"\"argv\":[\"ls\",\"a\\u0000b\"]", "a word of a command holds a NUL byte"},
      {"\"argv\":[\"\"]", "the name of a command's program is empty"},
      {"\"shell\":\"\"", "the shell line of a command is empty"},
      {"\"shell\":\" \\n\"", "the shell line of a command is empty"},
      {"\"shell\":\"ls\",\"clean_env\":1", "command.clean_env must be true or false"},
      {"\"shell\":\"ls\",\"env\":5", "command.env must be a table of strings"},
      {"\"shell\":\"ls\",\"env\":{\"A\":true}", "command.env.A is no variable of an environment"},
      {"\"shell\":\"ls\",\"env\":{\"A=B\":\"c\"}", "command.env.A=B is no variable"},
      {"\"shell\":\"ls\",\"stdin\":{}", "command.stdin must be a string"},
      {"\"shell\":\"ls\",\"timeout\":\"5x\"", "command.timeout: "},
      {"\"shell\":\"ls\",\"grace\":true", "command.grace: a duration is a number of seconds"},
      {"\"argv\":[\"ls\",\"\"],\"cwd\":\"/\",\"env\":{\"A\":1,\"B\":false},\"clean_env\":true,"
       "\"stdin\":\"a\\u0000\",\"timeout\":0,\"grace\":\"1s\"",
       NULL},
      {"\"shell\":\"ls\",\"env\":[]", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *spec = memory_printf("{\"id\":\"x\",\"run\":{%s}}", cases[i].run);
    expect_error(spec, cases[i].error);
    free(spec);
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_is_found),
      cmocka_unit_test(words_have_their_bounds),
      cmocka_unit_test(ids_that_cannot_be_are_told_in_one_line),
      cmocka_unit_test(nothing_is_given_twice),
      cmocka_unit_test(whole_numbers_may_have_a_point),
      cmocka_unit_test(a_grace_lets_something_run),
      cmocka_unit_test(lengths_have_their_bound),
      cmocka_unit_test(keys_are_the_same_for_the_same),
      cmocka_unit_test(commands_are_read_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
