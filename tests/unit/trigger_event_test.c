/* Triggers that events set off, and the one that asks Lua: their forms, what is refused, what they
 * wait for, which events they want. */
#include "support/trigger_cases.h"

#include "trigger/event.h"

static void test_forms(void **state)
{
  static const struct {
    const char *input, *text, *sentence;
  } cases[] = {
      {"on_start", "on_start", "When moonbeat starts"},
      {"@reboot", "on_start", "When moonbeat starts"},
      {"after_job backup", "after_job backup outcome=succeeded",
       "After job \"backup\" has succeeded"},
      {"after_job backup outcome=failed debounce=1m", "after_job backup outcome=failed debounce=1m",
       "After job \"backup\" has failed, once quiet for 1 minute"},
      {"on_event order", "on_event order", "On event \"order\""},
      {"on_event order filter=(shop=berlin size=5) batch=100",
       "on_event order filter=(shop=berlin size=5) batch=100",
       "On event \"order\" with shop \"berlin\" and size \"5\", up to 100 in one run"},
      {"{\"kind\":\"on_event\",\"event\":\"order\",\"filter\":{\"size\":5,\"isNew\":true}}",
       "on_event order filter={\"size\":\"5\",\"isNew\":\"true\"}",
       "On event \"order\" with size \"5\" and isNew \"true\""},
      {"{\"kind\":\"on_event\",\"event\":\"order\",\"filter\":{\"kind\":\"x y=z\"}}",
       "on_event order filter=\"{\\\"kind\\\":\\\"x y=z\\\"}\"",
       "On event \"order\" with kind \"x y=z\""},
      {"on_file /srv/in/*.csv", "on_file /srv/in/*.csv settle=1s",
       "When a file /srv/in/*.csv is created or changed and settled for 1 second"},
      {"on_file /srv/my files/**/a settle=0s debounce=2s batch=10",
       "on_file /srv/my files/**/a settle=0s debounce=2s batch=10",
       "When a file /srv/my files/**/a is created or changed, once quiet for 2 seconds, "
       "up to 10 in one run"},
      {"on_signal usr1", "on_signal SIGUSR1", "On signal SIGUSR1"},
      {"on_signal SIGRTMIN+3", "on_signal SIGRTMIN+3", "On signal SIGRTMIN+3"},
      {"on_change /srv/app.db table=orders", "on_change /srv/app.db table=orders",
       "When rows of table \"orders\" in /srv/app.db change"},
      {"lua lunch script=office", "lua lunch script=office",
       "When \"lunch\" of script office says"},
      {"any_of (every 1h start=2026-01-01T00:00:00.000000Z) (on_event order)",
       "any_of (every 1h start=2026-01-01T00:00:00.000000Z) (on_event order)",
       "Any of: every hour, from 2026-01-01 00:00, UTC; or on event \"order\""},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].input);
    struct buffer sentence = {0};
    check_forms(trigger, cases[i].text);
    trigger_explain(trigger, &sentence);
    assert_string_equal(sentence.data, cases[i].sentence);
    assert_true(trigger_is_open(trigger));
    buffer_deinit(&sentence);
    trigger_destroy(trigger);
  }
}

static void test_refused(void **state)
{
  static const struct {
    const char *input, *message;
  } cases[] = {
      {"after_job", "after_job: \"job\" is missing"},
      {"after_job x outcome=succeed",
       "after_job: outcome \"succeed\" is none of succeeded, failed, finished, did you mean "
       "\"succeeded\"?"},
      {"after_job x settle=1s", "after_job: unknown option \"settle\""},
      {"on_event", "on_event: \"event\" is missing"},
      {"on_event x batch=0", "on_event: batch 0 is under 1"},
      {"on_event x filter=5", "on_event: \"filter\" must be an object, not an integer"},
      {"on_event x filter={}", "on_event: \"filter\" must have 1 to 32 members"},
      {"{\"kind\":\"on_event\",\"event\":\"x\",\"filter\":{\"a\":[1]}}",
       "on_event: \"filter\": the value of \"a\" must be a text, a number or a boolean"},
      {"on_file in/*.csv", "on_file: glob \"in/*.csv\" must begin with /"},
      {"on_signal SIGURS1", "on_signal: unknown signal \"SIGURS1\", did you mean \"SIGUSR1\"?"},
      {"on_signal TERM", "on_signal: signal TERM cannot be waited for: it stops the daemon"},
      {"on_change app.db table=x", "on_change: database \"app.db\" must begin with /"},
      {"on_change /app.db", "on_change: \"table\" is missing"},
      {"on_event x limit=3", "on_event: \"limit\" is for what the time sets off"},
      {"any_of (on_start) (every 1h) jitter=1m",
       "any_of: \"jitter\" is for what the time sets off"},
      {"all_of (on_start) (every 1h)",
       "all_of: on_start is set off by no time, only any_of can hold it"},
      {"any_of (lua x script=y)", "any_of: a trigger in Lua cannot be part of another one"},
      {"lua x", "lua: \"script\" is missing"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger;
    struct error error = {0};
    if (!read_trigger(cases[i].input, NULL, &trigger, &error))
      fail_msg("%s is taken", cases[i].input);
    assert_string_equal(error.text, cases[i].message);
  }
}

static void add_key(void *context, const struct trigger *source)
{
  struct buffer *keys = context;
  trigger_put_key(source, keys);
  buffer_append_text(keys, "\n");
}

static void check_keys(const char *input, const char *keys)
{
  struct trigger *trigger = parse(input);
  struct buffer got = {0};
  trigger_each_source(trigger, add_key, &got);
  assert_string_equal(got.data ? got.data : "", keys);
  assert_int_equal(trigger_is_open(trigger), *keys != 0);
  buffer_deinit(&got);
  trigger_destroy(trigger);
}

static void test_keys(void **state)
{
  (void)state;
  check_keys("every 1h", "");
  check_keys("on_start", "{\"kind\":\"on_start\"}\n");
  check_keys("after_job a outcome=failed batch=5", "{\"kind\":\"after_job\",\"job\":\"a\"}\n");
  check_keys("on_event e filter=(a=1)", "{\"kind\":\"on_event\",\"event\":\"e\"}\n");
  check_keys("on_file /a/* debounce=5s",
             "{\"kind\":\"on_file\",\"glob\":\"/a/*\",\"settle\":\"1s\"}\n");
  check_keys("on_change /a.db table=t batch=2",
             "{\"kind\":\"on_change\",\"database\":\"/a.db\",\"table\":\"t\"}\n");
  check_keys("lua f script=s", "{\"kind\":\"lua\",\"script\":\"s\"}\n");
  check_keys(
      "any_of (every 1h) (any_of (on_start) (any_of (every 2h) (every 3h))) (on_signal usr2)",
      "{\"kind\":\"on_start\"}\n{\"kind\":\"on_signal\",\"signal\":\"SIGUSR2\"}\n");
}

static bool wants(const char *input, const char *json)
{
  struct trigger *trigger = parse(input);
  struct json_document *event;
  assert_int_equal(json_parse(json, strlen(json), &event, NULL), ERROR_OK);
  bool matches = event_matches(trigger, json_root(event));
  json_free(event);
  trigger_destroy(trigger);
  return matches;
}

static void test_matches(void **state)
{
  (void)state;
  assert_true(wants("after_job a", "{\"state\":\"succeeded\"}"));
  assert_false(wants("after_job a", "{\"state\":\"failed\"}"));
  assert_true(wants("after_job a outcome=failed", "{\"state\":\"timed_out\"}"));
  assert_true(wants("after_job a outcome=failed", "{\"state\":\"interrupted\"}"));
  assert_false(wants("after_job a outcome=failed", "{\"state\":\"cancelled\"}"));
  assert_true(wants("after_job a outcome=finished", "{\"state\":\"cancelled\"}"));
  assert_true(wants("on_event e", "{\"a\":1}"));
  assert_true(wants("on_event e filter=(a=1 b=x)", "{\"b\":\"x\",\"a\":1,\"c\":2}"));
  assert_true(wants("on_event e filter=(a=true)", "{\"a\":true}"));
  assert_false(wants("on_event e filter=(a=1 b=x)", "{\"b\":\"y\",\"a\":1}"));
  assert_false(wants("on_event e filter=(a=1)", "{}"));
}

static void test_delivery(void **state)
{
  (void)state;
  struct trigger *one = parse("on_event e"), *quiet = parse("on_event e debounce=2s"),
                 *both = parse("on_event e debounce=2s batch=7");
  int64_t never_us;
  assert_int_equal(event_batch(one), 1);
  assert_int_equal(event_debounce_us(one), 0);
  assert_int_equal(event_batch(quiet), EVENT_BATCH_OF_BURST);
  assert_int_equal(event_debounce_us(quiet), 2 * S);
  assert_int_equal(event_batch(both), 7);
  assert_false(trigger_next(one, INT64_MIN, &never_us));
  trigger_destroy(one);
  trigger_destroy(quiet);
  trigger_destroy(both);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_forms),   cmocka_unit_test(test_refused),  cmocka_unit_test(test_keys),
      cmocka_unit_test(test_matches), cmocka_unit_test(test_delivery),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
