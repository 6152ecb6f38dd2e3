/* Periods of all sizes keep their microseconds, starts and ends are read on the wall clock, and
 * what the sentences say. The grid itself is trigger_forms_test.c's. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "time/instant.h"
#include "trigger/trigger.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define NOW          INT64_C(1795219200000000) /* 2026-11-21T00:00:00Z */

static struct trigger *read_any(const char *input)
{
  struct trigger *trigger;
  struct error error = {0};
  struct json_document *document = NULL;
  enum error_code code;
  if (*input == '{') {
    assert_int_equal(json_parse(input, strlen(input), &document, NULL), ERROR_OK);
    code = trigger_from_json(json_root(document), NULL, &trigger, &error);
    json_free(document);
  } else {
    code = trigger_from_text(input, NULL, &trigger, &error);
  }
  if (code)
    fail_msg("%s: %s", input, error.text);
  return trigger;
}

static int64_t period_of(const char *input)
{
  struct trigger *trigger = read_any(input);
  int64_t us = 0;
  trigger_anchor(trigger, NOW, "job");
  assert_true(trigger_next(trigger, NOW, &us));
  trigger_destroy(trigger);
  return us - NOW;
}

static void periods_are_exact(void **state)
{
  (void)state;
  static const struct {
    const char *input;
    int64_t us;
  } cases[] = {
      {"every 0.5s", 500000},
      {"every 1.5h", INT64_C(5400000000)},
      {"every 0.1", 100000},
      {"every .001s", 1000},
      {"every 1ms", 1000},
      {"every 1001us", 1001},
      {"every 1.000001", 1000001},
      {"every 0.29", 290000},
      {"every 1w 1us", INT64_C(604800000001)},
      {"every 52000w 1us", INT64_C(31449600000000001)},
      {"{\"kind\":\"interval\",\"every\":0.29}", 290000},
      {"{\"kind\":\"interval\",\"seconds\":0.001}", 1000},
      {"{\"kind\":\"interval\",\"seconds\":1.000001}", 1000001},
      {"{\"kind\":\"interval\",\"seconds\":\"0.29\"}", 290000},
      {"{\"kind\":\"interval\",\"hours\":0.1}", 360000000},
      {"{\"kind\":\"interval\",\"days\":0.1,\"minutes\":0.1}", INT64_C(8646000000)},
      {"{\"kind\":\"interval\",\"weeks\":0.1}", INT64_C(60480000000)},
      /* Doubles have no room for the microseconds of 1000 years; parts and sums are exact. */
      {"{\"kind\":\"interval\",\"days\":365249,\"seconds\":0.000001}", INT64_C(31557513600000001)},
      {"{\"kind\":\"interval\",\"days\":365249.5}", INT64_C(31557556800000000)},
      {"{\"kind\":\"interval\",\"seconds\":31557513600.25}", INT64_C(31557513600250000)},
      {"{\"kind\":\"interval\",\"seconds\":9007199254.740993}", INT64_C(9007199254740993)},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t us = period_of(cases[i].input);
    if (us != cases[i].us)
      fail_msg("%s: %lld", cases[i].input, (long long)us);
  }
}

/* A million periods are a million times one: nothing is lost on the way. */
static void far_fires_stay_on_the_grid(void **state)
{
  (void)state;
  struct trigger *trigger = read_any("every 1001us start=1970-01-01");
  int64_t us, last_us = 0;
  assert_true(trigger_next(trigger, INT64_C(1001) * 1000000000000 - 1, &us));
  assert_int_equal(us, INT64_C(1001) * 1000000000000);
  assert_int_equal(trigger_count(trigger, -1, INT64_C(1001) * 1000000000000, &last_us),
                   1000000000001);
  assert_int_equal(last_us, INT64_C(1001) * 1000000000000);
  trigger_destroy(trigger);
  trigger = read_any("every 52000w start=0001-01-01");
  int64_t count = 0;
  for (us = INT64_MIN; trigger_next(trigger, us, &us); count++)
    assert_true(us <= INSTANT_MAX);
  assert_int_equal(count, 11);
  assert_false(trigger_next(trigger, INSTANT_MAX, &us));
  trigger_destroy(trigger);
}

static void explains_itself(void **state)
{
  (void)state;
  static const struct {
    const char *input, *sentence;
  } cases[] = {
      {"every 90m", "Every 1 hour 30 minutes"},
      {"every 1h", "Every hour"},
      {"every 1ms", "Every millisecond"},
      {"every 1.5s", "Every 1 second 500 milliseconds"},
      {"every 14d", "Every 2 weeks"},
      {"every 1h start=2026-01-01", "Every hour, from 2026-01-01 00:00, UTC"},
      {"every 36h start=2026-03-29 09:30 end=2027-01-01T00:00:00.5+00:00 timezone=Europe/Berlin",
       "Every 1 day 12 hours, from 2026-03-29 09:30, until 2027-01-01 01:00:00.5, Europe/Berlin"},
      {"in 90m", "Once, 1 hour 30 minutes after it is added"},
      {"in 0", "Once, 0 seconds after it is added"},
      {"at 2026-03-29 01:30 timezone=Europe/Berlin",
       "Once, on 2026-03-29 at 01:30:00, Europe/Berlin"},
      /* In a gap the time is that by which it fires. */
      {"at 2026-03-29 02:30 timezone=Europe/Berlin",
       "Once, on 2026-03-29 at 03:30:00, Europe/Berlin"},
      {"at 2026-03-29T02:30:00.25Z", "Once, on 2026-03-29 at 02:30:00.25, UTC"},
      {"at 2026-07-01T00:00Z timezone=America/New_York",
       "Once, on 2026-06-30 at 20:00:00, America/New_York"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = read_any(cases[i].input);
    struct buffer out = {0};
    trigger_explain(trigger, &out);
    assert_string_equal(out.data, cases[i].sentence);
    buffer_deinit(&out);
    trigger_destroy(trigger);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(periods_are_exact),
      cmocka_unit_test(far_fires_stay_on_the_grid),
      cmocka_unit_test(explains_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
