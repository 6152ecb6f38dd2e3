/* What scripts keep, asked as they and clients ask: scopes, compare-and-set, counters, ends. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/world.h"

/* As the script asks (NULL: a client). */
static void ask(struct world *w, const char *script, const char *op, const char *params,
                const char *expected)
{
  char *answer = world_ask_as(w, script, op, params);
  if (strcmp(answer, expected) != 0)
    fail_msg("%s %s: %s", op, params, answer);
  free(answer);
}

static void each_script_has_its_own(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1}", "{}");
  ask(&w, "b", "kv_get", "{\"key\":\"x\"}", "{\"value\":null}");
  ask(&w, "b", "kv_set", "{\"key\":\"x\",\"value\":{\"b\":2},\"shared\":true}", "{}");
  ask(&w, "a", "kv_get", "{\"key\":\"x\"}", "{\"value\":1}");
  ask(&w, "a", "kv_get", "{\"key\":\"x\",\"shared\":true}", "{\"value\":{\"b\":2}}");
  ask(&w, NULL, "kv_get", "{\"key\":\"x\"}", "{\"value\":{\"b\":2}}");
  ask(&w, NULL, "kv_get", "{\"key\":\"x\",\"script\":\"a\"}", "{\"value\":1}");
  ask(&w, "a", "kv_get", "{\"key\":\"x\",\"script\":\"b\"}",
      "error: usage: a script has its own values and the shared ones, no others");
  ask(&w, NULL, "kv_list", "{}",
      "{\"entries\":[{\"script\":null,\"key\":\"x\",\"size\":7,\"value\":{\"b\":2}},"
      "{\"script\":\"a\",\"key\":\"x\",\"size\":1,\"value\":1}]}");
  world_close(&w);
}

static void compares_and_counts(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":[1],\"expected\":null}", "{}");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":[2],\"expected\":null}",
      "error: conflict: \"x\" has another value by now");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":[2],\"expected\":[1]}", "{}");
  ask(&w, "a", "kv_incr", "{\"key\":\"x\"}", "error: invalid: \"x\" holds an array, not a number");
  ask(&w, "a", "kv_incr", "{\"key\":\"n\"}", "{\"value\":1}");
  ask(&w, "a", "kv_incr", "{\"key\":\"n\",\"by\":-3}", "{\"value\":-2}");
  ask(&w, "a", "kv_incr", "{\"key\":\"n\",\"by\":0.5}", "{\"value\":-1.5}");
  ask(&w, "a", "kv_incr", "{\"key\":\"m\",\"by\":9223372036854775807}",
      "{\"value\":9223372036854775807}");
  ask(&w, "a", "kv_incr", "{\"key\":\"m\"}",
      "error: limit: \"m\" would be beyond what an integer can hold");
  ask(&w, "a", "kv_incr", "{\"key\":\"m\",\"by\":\"2\"}",
      "error: usage: by must be a number, not a string");
  world_close(&w);
}

static void values_end_by_the_clock(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1,\"ttl\":\"1m\"}", "{}");
  ask(&w, "a", "kv_get", "{\"key\":\"x\"}",
      "{\"value\":1,\"expires_at\":\"2026-01-01T00:01:00.000000Z\"}");
  ask(&w, "a", "kv_incr", "{\"key\":\"n\",\"ttl\":60}", "{\"value\":1}");
  world_pass(&w, 59 * SECOND);
  ask(&w, "a", "kv_incr", "{\"key\":\"n\",\"ttl\":60}", "{\"value\":2}");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":2,\"keep_ttl\":true}", "{}");
  world_pass(&w, SECOND);
  ask(&w, "a", "kv_get", "{\"key\":\"x\"}", "{\"value\":null}");
  ask(&w, "a", "kv_keys", "{}", "{\"keys\":[]}");
  ask(&w, "a", "kv_incr", "{\"key\":\"n\"}", "{\"value\":1}");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1,\"ttl\":0}",
      "error: usage: ttl must be longer than 0");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1,\"ttl\":\"15250000w\"}",
      "error: invalid: ttl: the duration is over 1000 years");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1,\"ttl\":\"soon\"}",
      "error: invalid: ttl: a number is missing at \"soon\": write it like 90s or 1h30m");
  for (int i = 0; i < 3; i++)
    sched_idle(w.sched, w.now_us + 2 * MINUTE);
  char *value;
  int64_t expires_us;
  assert_int_equal(store_kv_get(w.store, "a", "x", 0, &value, &expires_us, NULL), ERROR_OK);
  assert_null(value); /* the row is gone, whatever the time */
  world_close(&w);
}

static void refuses_what_is_too_large(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  char *key = memory_printf("{\"key\":\"%0600d\",\"value\":1}", 0);
  ask(&w, "a", "kv_set", key, "error: limit: a key of 600 bytes is over the limit of 512");
  free(key);
  char *value = memory_printf("{\"key\":\"x\",\"value\":\"%0600000d\"}", 0);
  ask(&w, "a", "kv_set", value,
      "error: limit: the value of \"x\" has 600002 bytes, the limit is 524288");
  free(value);
  ask(&w, "a", "kv_set", "{\"key\":\"\",\"value\":1}", "error: usage: a key must not be empty");
  world_close(&w);
}

static void lists_come_in_pages(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  for (int i = 0; i < 1001; i++) {
    char params[64];
    snprintf(params, sizeof params, "{\"key\":\"k%04d\",\"value\":1}", i);
    ask(&w, "a", "kv_set", params, "{}");
  }
  char *page = world_ask_as(&w, "a", "kv_keys", "{\"prefix\":\"k\"}");
  assert_non_null(strstr(page, "\"k0999\"],\"next_script\":\"a\",\"next\":\"k0999\"}"));
  free(page);
  ask(&w, "a", "kv_keys", "{\"prefix\":\"k\",\"after\":\"k0999\"}", "{\"keys\":[\"k1000\"]}");
  world_close(&w);
}

/* What all share comes before what scripts have: so it is what a list without a script begins with.
 */
static void a_list_goes_on_where_it_is_told(void **state)
{
  static const char rest[] =
      "{\"entries\":[{\"script\":\"a\",\"key\":\"x\",\"size\":1,\"value\":1}]}";
  struct world w;
  (void)state;
  world_open(&w, NULL);
  ask(&w, NULL, "kv_set", "{\"key\":\"x\",\"value\":2}", "{}");
  ask(&w, "a", "kv_set", "{\"key\":\"x\",\"value\":1}", "{}");
  ask(&w, NULL, "kv_list", "{\"after\":\"x\",\"after_script\":\"\"}", rest);
  ask(&w, NULL, "kv_list", "{\"after\":\"x\"}", rest);
  ask(&w, NULL, "kv_list", "{\"after\":\"x\",\"after_script\":null}", rest);
  ask(&w, NULL, "kv_list", "{\"after\":\"x\",\"after_script\":\"a\"}", "{\"entries\":[]}");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_script_has_its_own), cmocka_unit_test(compares_and_counts),
      cmocka_unit_test(values_end_by_the_clock), cmocka_unit_test(refuses_what_is_too_large),
      cmocka_unit_test(lists_come_in_pages),     cmocka_unit_test(a_list_goes_on_where_it_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
