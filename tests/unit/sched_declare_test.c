/* A script with very many jobs, as one that is written by a program may have. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/store.h"
#include "support/world.h"

enum { JOBS = 20000 };

static void save(struct world *w, int first, int step, int timeout)
{
  struct buffer text = {0};
  buffer_append_text(&text, "{\"jobs\":[");
  for (int i = 0; i < JOBS; i++)
    buffer_printf(&text,
                  "%s{\"id\":\"import-%06d\",\"run\":true,\"trigger\":\"every 1h\",\"timeout\":%d}",
                  i ? "," : "", first + i * step, timeout);
  buffer_append_text(&text, "]}");
  world_save(w, "a", text.data);
  buffer_deinit(&text);
}

static void expect_jobs(struct world *w)
{
  char *text = world_ask(w, "status", "{}"), *expected = memory_printf("\"active\":%d", JOBS);
  if (!strstr(text, expected))
    fail_msg("%s", text);
  free(text);
  free(expected);
}

/* A new version may have them in another order. */
static void very_many_jobs_stay_who_they_are(void **state)
{
  struct stored_job before = {0}, after = {0};
  struct world w;
  (void)state;
  world_open(&w, NULL);
  save(&w, 0, 1, 10);
  expect_jobs(&w);
  assert_int_equal(store_find_job(w.store, "import-000007", &before, NULL), ERROR_OK);
  save(&w, JOBS - 1, -1, 20);
  expect_jobs(&w);
  assert_int_equal(store_find_job(w.store, "import-000007", &after, NULL), ERROR_OK);
  assert_int_equal(after.job->number, before.job->number);
  assert_int_equal(after.job->timeout_us, 20 * SECOND);
  stored_job_deinit(&before);
  stored_job_deinit(&after);
  world_close(&w);
}

static void an_id_that_comes_twice_is_told_where_it_comes_again(void **state)
{
  struct world w;
  (void)state;
  world_open(&w, NULL);
  world_save(&w, "a",
             "{\"jobs\":[{\"id\":\"x\",\"run\":true},{\"id\":\"y\",\"run\":true},"
             "{\"id\":\"x\",\"run\":true,\"where\":\"jobs/a.lua:3\"}]}");
  char *text = world_ask(&w, "scripts", "{}");
  assert_non_null(strstr(text, "jobs/a.lua:3: job \\\"x\\\" is declared twice"));
  free(text);
  world_expect(&w, "show", "{\"job\":\"y\"}", "error",
               "error: not_found: there is no job \"y\" (script a does not load)");
  world_close(&w);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(very_many_jobs_stay_who_they_are),
      cmocka_unit_test(an_id_that_comes_twice_is_told_where_it_comes_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
