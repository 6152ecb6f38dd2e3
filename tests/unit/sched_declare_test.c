/* A script with very many jobs, as one that is written by a program may have. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "support/world.h"

enum { JOBS = 20000, JOBS_OF_FEW = 500 };

static char *write_jobs(int first, int count, int step, int timeout)
{
  struct buffer text = {0};
  buffer_append_text(&text, "{\"jobs\":[");
  for (int i = 0; i < count; i++)
    buffer_printf(&text,
                  "%s{\"id\":\"warehouse.europe.customers.and.orders.nightly.import.%06d\","
                  "\"run\":true,\"trigger\":\"every 1h\",\"timeout\":%d}",
                  i ? "," : "", first + i * step, timeout);
  buffer_append_text(&text, "]}");
  return buffer_take(&text);
}

/* In seconds of the processor. */
static double save(struct world *w, const char *script, char *text)
{
  clock_t begin = clock();
  world_save(w, script, text);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  free(text);
  return seconds;
}

static void expect_jobs(struct world *w)
{
  char *text = world_ask(w, "status", "{}"), *expected = memory_printf("\"active\":%d", JOBS);
  if (!strstr(text, expected))
    fail_msg("%s", text);
  free(text);
  free(expected);
}

static void many_jobs_of_one_file_cost_what_they_cost_in_many_files(void **state)
{
  struct world w;
  double apart = 0, together, again;
  (void)state;
  world_open(&w, NULL);
  for (int first = 0; first < JOBS; first += JOBS_OF_FEW) {
    char *name = memory_printf("s%d", first);
    apart += save(&w, name, write_jobs(first, JOBS_OF_FEW, 1, 10));
    free(name);
  }
  expect_jobs(&w);
  world_close(&w);
  world_open(&w, NULL);
  together = save(&w, "all", write_jobs(0, JOBS, 1, 10));
  again = save(&w, "all", write_jobs(JOBS - 1, JOBS, -1, 20));
  expect_jobs(&w);
  world_close(&w);
  if (together > 2 * apart + 0.1 || again > 4 * apart + 0.1)
    fail_msg("%.2f s in many files, %.2f s in one, %.2f s changed", apart, together, again);
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
      cmocka_unit_test(many_jobs_of_one_file_cost_what_they_cost_in_many_files),
      cmocka_unit_test(an_id_that_comes_twice_is_told_where_it_comes_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
