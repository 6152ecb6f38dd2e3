#include "support/unit.h"

#include <string.h>

#include "ctl/table.h"

static const struct table_column columns[] = {
    {.title = "JOB", .may_shrink = true}, {.title = "N", .is_right = true}, {.title = "STATE"}};

static void expect(const struct screen *screen, const char *const (*rows)[3], size_t count,
                   const char *text)
{
  struct table *table = table_create(columns, 3, screen);
  struct buffer out = {0};
  for (size_t i = 0; i < count * 3; i++)
    table_cell(table, i % 3 == 2 ? COLOR_GREEN : COLOR_NONE, rows[i / 3][i % 3]);
  table_flush(table, &out);
  assert_string_equal(out.data ? out.data : "", text);
  assert_int_equal(table_row_count(table), count);
  buffer_deinit(&out);
  table_destroy(table);
}

static void aligns(void **state)
{
  (void)state;
  static const char *const rows[][3] = {{"a", "1", "active"}, {"longer", "100", NULL}};
  struct screen plain = {0}, colored = {.has_color = true, .is_terminal = true, .width = 80};
  expect(&plain, rows, 0, "");
  expect(&plain, rows, 2,
         "JOB       N  STATE\n"
         "a         1  active\n"
         "longer  100  -\n");
  expect(&colored, rows, 1,
         "\x1b[1mJOB\x1b[0m  \x1b[1mN\x1b[0m  \x1b[1mSTATE\x1b[0m\n"
         "a    1  \x1b[32mactive\x1b[0m\n");
}

static void aligns_wide_and_marked_characters(void **state)
{
  (void)state;
  static const char *const rows[][3] = {{"日本", "1", "x"}, {"e\xcc\x81t\xc3\xa9", "2", "x"}};
  expect(&(struct screen){0}, rows, 2,
         "JOB   N  STATE\n"
         "日本  1  x\n"
         "e\xcc\x81t\xc3\xa9   2  x\n");
}

static void shows_nothing_that_acts(void **state)
{
  (void)state;
  static const char *const rows[][3] = {{"\x1b[2J", "1", "a\nb"}};
  expect(&(struct screen){0}, rows, 1,
         "JOB      N  STATE\n"
         "\\x1b[2J  1  a\\nb\n");
}

static void shrinks_what_may(void **state)
{
  (void)state;
  static const char *const rows[][3] = {{"a-very-long-name", "1", "active"}};
  expect(&(struct screen){.width = 22}, rows, 1,
         "JOB          N  STATE\n"
         "a-very-lon…  1  active\n");
  /* What may not shrink is not cut, however narrow the screen. */
  expect(&(struct screen){.width = 5}, rows, 1,
         "JOB       N  STATE\n"
         "a-very-…  1  active\n");
}

static void prints_page_by_page(void **state)
{
  (void)state;
  struct table *table = table_create(columns, 3, &(struct screen){0});
  struct buffer out = {0};
  table_cell(table, COLOR_NONE, "a");
  table_cell(table, COLOR_NONE, "1");
  table_cell(table, COLOR_NONE, "x");
  table_flush(table, &out);
  table_cell(table, COLOR_NONE, "wider");
  table_cell(table, COLOR_NONE, "2");
  table_cell(table, COLOR_NONE, "x");
  table_flush(table, &out);
  table_flush(table, &out);
  assert_string_equal(out.data, "JOB  N  STATE\n"
                                "a    1  x\n"
                                "wider  2  x\n");
  buffer_deinit(&out);
  table_destroy(table);
}

static void tells_times(void **state)
{
  (void)state;
  static const struct {
    int64_t us;
    const char *span, *when;
  } cases[] = {
      {0, "0ms", "now"},
      {350000, "350ms", "now"},
      {1200000, "1.2s", "in 1s"},
      {12000000, "12s", "in 12s"},
      {192000000, "3m 12s", "in 3m 12s"},
      {7500000000, "2h 5m", "in 2h 5m"},
      {7200000000, "2h", "in 2h"},
      {86400000000 * 4 + 10800000000, "4d 3h", "in 4d 3h"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct buffer out = {0};
    append_span(&out, cases[i].us);
    assert_string_equal(out.data, cases[i].span);
    buffer_clear(&out);
    append_when(&out, 1000000000 + cases[i].us, 1000000000);
    assert_string_equal(out.data, cases[i].when);
    buffer_deinit(&out);
  }
  struct buffer out = {0};
  append_when(&out, 0, 7500000000);
  assert_string_equal(out.data, "2h 5m ago");
  buffer_deinit(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(aligns),
      cmocka_unit_test(aligns_wide_and_marked_characters),
      cmocka_unit_test(shows_nothing_that_acts),
      cmocka_unit_test(shrinks_what_may),
      cmocka_unit_test(prints_page_by_page),
      cmocka_unit_test(tells_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
