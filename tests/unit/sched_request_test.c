/* Operations that are asked for wrongly, whatever they do. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/world.h"

/* One that is of another type is not passed over as if it were not given: who lists one page after
 * the other would begin anew, and who asks for few would be told of all. */
static void a_text_is_no_other_value(void **state)
{
  static const struct {
    const char *operation, *params, *answer;
  } cases[] = {
      {"list", "{\"after\":5}", "after"},
      {"list", "{\"state\":[]}", "state"},
      {"list", "{\"tag\":true}", "tag"},
      {"list", "{\"script\":{}}", "script"},
      {"list", "{\"tag\":\"a\\u0000b\"}", "tag"},
      {"runs", "{\"state\":5}", "state"},
      {"runs", "{\"before\":5}", "before"},
      {"kv_keys", "{\"prefix\":5}", "prefix"},
      {"kv_keys", "{\"after\":5}", "after"},
      {"kv_list", "{\"prefix\":5}", "prefix"},
      {"kv_list", "{\"script\":5}", "script"},
      {"kv_list", "{\"after\":5}", "after"},
      {"kv_list", "{\"after\":\"x\",\"after_script\":5}", "after_script"},
      {"pools", "{\"name\":5}", "name"},
      {"cancel_run", "{\"run\":5}", "run"},
  };
  struct world w;
  (void)state;
  world_open(&w, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char wanted[100];
    snprintf(wanted, sizeof wanted, "error: usage: %s must be a string", cases[i].answer);
    char *answer = world_ask(&w, cases[i].operation, cases[i].params);
    if (strcmp(answer, wanted) != 0)
      fail_msg("%s %s: %s", cases[i].operation, cases[i].params, answer);
    free(answer);
  }
  free(world_ask(&w, "kv_set", "{\"key\":\"x\",\"value\":1}"));
  world_expect(&w, "kv_list", "{\"after\":null,\"script\":null,\"prefix\":null}", "entries",
               "[{\"script\":null,\"key\":\"x\",\"size\":1,\"value\":1}]");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_is_no_other_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
