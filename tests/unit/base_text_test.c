/* Patterns of text. */
#include "support/unit.h"

#include "base/text.h"

static void patterns_match(void **state)
{
  static const struct {
    const char *pattern, *text;
    bool matches;
  } cases[] = {
      {"", "", true},
      {"", "a", false},
      {"a", "a", true},
      {"a", "ab", false},
      {"ab", "a", false},
      {"*", "", true},
      {"*", "job_error", true},
      {"job_*", "job_", true},
      {"job_*", "jo", false},
      {"*_error", "job_error", true},
      {"*_error", "job_errors", false},
      {"?", "", false},
      {"?", "x", true},
      {"a?c", "abc", true},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"*a*a*a*b", "aaaaaaaaaaaaaaaa", false},
      {"**", "x", true},
      {"*?", "", false},
      {"[a]", "a", false},
      {"100 % done", "100 % done", true},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (text_matches(cases[i].pattern, cases[i].text) != cases[i].matches)
      fail_msg("\"%s\" against \"%s\"", cases[i].pattern, cases[i].text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(patterns_match)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
