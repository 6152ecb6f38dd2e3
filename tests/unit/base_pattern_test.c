/* The matcher itself: results, captures, messages, and that steps of any size make no difference.
 * That it agrees with Lua's own is checked by vm_pattern_test. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pattern.h"

struct match_case {
  const char *text, *pattern;
  const char *expected; /* "first last capture...", "-", or "!problem" */
};

static const struct match_case cases[] = {
    {"hello", "l", "3 3"},
    {"hello", "", "1 0"},
    {"hello", "l+", "3 4"},
    {"hello", "x*", "1 0"},
    {"hello", "^l", "-"},
    {"hello", "^h.*l", "1 4"},
    {"hello", "h.-l", "1 3"},
    {"hello", "l$", "-"},
    {"hello", "o$", "5 5"},
    {"a$b", "$b", "2 3"},
    {"key = value", "^(%w+)%s*=%s*(%w+)$", "1 11 [key] [value]"},
    {"hello", "()ll()", "3 4 @3 @5"},
    {"hello", "(h)(.)%2", "-"},
    {"abab", "(ab)%1", "1 4 [ab]"},
    {"x = \"it's\" y", "([\"'])(.-)%1", "5 10 [\"] [it's]"},
    {"f(a(b)c)d", "%b()", "2 8"},
    {"f(a(b)c", "%b()", "4 6"},
    {"THE (quick) fox", "%f[%a]%a+", "1 3"},
    {"THE (quick) fox", "%f[%a]%a+%f[%A]", "1 3"},
    {"aaa", "a?a?a?aaa", "1 3"},
    {"colour", "colou?r", "1 6"},
    {"color", "colou?r", "1 5"},
    {"[x]", "[]]", "3 3"},
    {"a-b", "[a-]+", "1 2"},
    {"a^b", "[b^]+", "2 3"},
    {"a%b", "%%", "2 2"},
    {"dfg", "[^a-e]+", "2 3"},
    {"x9", "[%a-z%d]+", "1 2"},
    {"   ", "%s+$", "1 3"},
    {"  x  ", "%s+$", "4 5"},
    {"  x  ", "%s*$", "4 5"},
    {"  x", "%s*$", "4 3"},
    {"aXbXc", "^(.*)X(.*)$", "1 5 [aXb] [c]"},
    {"x", "%", "!malformed pattern (ends with '%')"},
    {"x", "[a", "!malformed pattern (missing ']')"},
    {"x", "[%", "!malformed pattern (missing ']')"},
    {"x", "x(", "1 1 open"},
    {"x", "x)", "!invalid pattern capture"},
    {"x", "%1", "!invalid capture index %1"},
    {"x", "(x%1)", "!invalid capture index %1"},
    {"x", "%b", "!malformed pattern (missing arguments to '%b')"},
    {"x", "%bx", "!malformed pattern (missing arguments to '%b')"},
    {"x", "%fx", "!missing '[' after '%f' in pattern"},
    {"x", "y[", "-"}, /* never come by */
};

static void append_match(const struct pattern *it, char *out, size_t size)
{
  int used = snprintf(out, size, "%d %d", (int)(it->at - it->text) + 1, (int)(it->end - it->text));
  for (int i = 0; i < it->capture_count; i++) {
    const struct pattern_capture *capture = &it->captures[i];
    char *at = out + used;
    size_t room = size - (size_t)used;
    if (capture->size == PATTERN_CAPTURE_POSITION)
      used += snprintf(at, room, " @%d", (int)(capture->start - it->text) + 1);
    else if (capture->size == PATTERN_CAPTURE_OPEN)
      used += snprintf(at, room, " open");
    else
      used += snprintf(at, room, " [%.*s]", (int)capture->size, capture->start);
  }
}

static void match(const struct match_case *test, int64_t step, char *out, size_t size)
{
  struct pattern it;
  struct pattern_point points[32];
  struct pattern_capture captures[PATTERN_CAPTURES_MAX];
  bool is_anchored = test->pattern[0] == '^';
  const char *start = test->pattern + is_anchored;
  assert_true(pattern_points(start, strlen(start)) <= 32);
  pattern_init(&it, test->text, strlen(test->text), start, strlen(start), points, captures);
  pattern_begin(&it, test->text, is_anchored, NULL);
  enum pattern_result result = PATTERN_MORE;
  for (int i = 0; result == PATTERN_MORE && i < 10000; i++) {
    int64_t budget = step;
    result = pattern_step(&it, &budget);
  }
  if (result == PATTERN_MATCHED)
    append_match(&it, out, size);
  else if (result == PATTERN_MALFORMED)
    snprintf(out, size, "!%s", it.problem);
  else
    snprintf(out, size, result == PATTERN_FAILED ? "-" : "endless");
}

static void matches_as_the_manual_says(void **state)
{
  (void)state;
  static const int64_t steps[] = {1, 2, 3, 7, 1000};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    for (size_t n = 0; n < sizeof steps / sizeof steps[0]; n++) {
      char found[200];
      match(&cases[i], steps[n], found, sizeof found);
      if (strcmp(found, cases[i].expected) != 0)
        fail_msg("\"%s\" in \"%s\" by steps of %d: %s, not %s", cases[i].pattern, cases[i].text,
                 (int)steps[n], found, cases[i].expected);
    }
}

static void stops_at_its_budget(void **state)
{
  (void)state;
  enum { SIZE = 100000 };
  char *text = memory_alloc(SIZE);
  memset(text, 'a', SIZE);
  char pattern[200] = "";
  for (int i = 0; i < 60; i++)
    strcat(pattern, "a*");
  strcat(pattern, "b");
  struct error error;
  assert_int_equal(pattern_find(text, SIZE, pattern, 100000, &error), PATTERN_MORE);
  /* What looks for the end of each run of blanks takes as many steps as there are blanks. */
  memset(text, ' ', SIZE);
  text[SIZE - 1] = 'x';
  assert_int_equal(pattern_find(text, SIZE, "%s+$", 4 * SIZE, &error), PATTERN_FAILED);
  text[SIZE - 1] = ' ';
  assert_int_equal(pattern_find(text, SIZE, "%s+$", 4 * SIZE, &error), PATTERN_MATCHED);
  assert_int_equal(pattern_find(text, SIZE, "%s[", 100, &error), PATTERN_MALFORMED);
  assert_string_equal(error.text, "pattern \"%s[\": malformed pattern (missing ']')");
  free(text);
}

static void checks_whole_patterns(void **state)
{
  (void)state;
  static const struct {
    const char *pattern, *problem;
  } checks[] = {
      {"^(%w+)%s*=%s*(.-)$", NULL},
      {"%b()%f[%a]()%1", NULL},
      {"[]]", NULL},
      {"**", NULL},
      {"y[", "malformed pattern (missing ']')"},
      {"y%", "malformed pattern (ends with '%')"},
      {"(y", "unfinished capture"},
      {"y)", "invalid pattern capture"},
      {"(y%1)", "invalid capture index %1"},
      {"%b(", "malformed pattern (missing arguments to '%b')"},
      {"%fa", "missing '[' after '%f' in pattern"},
  };
  for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
    struct error error = {0};
    char expected[200] = "";
    if (checks[i].problem)
      snprintf(expected, sizeof expected, "pattern \"%s\": %s", checks[i].pattern,
               checks[i].problem);
    enum error_code code = pattern_check(checks[i].pattern, &error);
    assert_int_equal(code, checks[i].problem ? ERROR_INVALID : ERROR_OK);
    assert_string_equal(error.text, expected);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_as_the_manual_says),
      cmocka_unit_test(stops_at_its_budget),
      cmocka_unit_test(checks_whole_patterns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
