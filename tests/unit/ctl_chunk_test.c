/* Where a statement may end, without asking Lua. */
#include "support/unit.h"

#include <string.h>

#include "ctl/chunk.h"

/* Reads it line by line; one letter for each: "." where it may end, "-" where not. */
static void expect_ends(const char *text, const char *expected)
{
  struct chunk chunk = {0};
  char ends[64] = {0};
  size_t count = 0;
  for (const char *end; *text; text = end) {
    end = strchr(text, '\n');
    end = end ? end + 1 : text + strlen(text);
    ends[count++] = chunk_may_end(&chunk, text, (size_t)(end - text)) ? '.' : '-';
  }
  assert_string_equal(ends, expected);
}

static void brackets_and_blocks_go_on(void **state)
{
  (void)state;
  expect_ends("x = 1\n", ".");
  expect_ends("t = {\n1,\n2,\n}\n", "---.");
  expect_ends("f(\n1,\n[[a]])", "--.");
  expect_ends("function f()\nif a then\nb()\nelseif c then d()\nelse e() end\nend", "-----.");
  expect_ends("for i = 1, 2 do\nwhile x do y() end\nend", "--.");
  expect_ends("for i = 1, 2\ndo\nend", ".-.");
  expect_ends("repeat\nx()\nuntil y", "--.");
  expect_ends("local ending, dodo, iffy = 1\nx.y_end = 0xend", "..");
  expect_ends("f = function() return 1\nend", "-.");
  expect_ends("}\nend", ".."); /* Lua tells */
}

static void strings_and_comments_hide_what_they_hold(void **state)
{
  (void)state;
  expect_ends("x = '{' .. \"(\" -- {\ny = 2", "..");
  expect_ends("x = 'a\\'{'\n", ".");
  expect_ends("x = 'a\\\n{'\n", "-.");
  expect_ends("x = 'a\\\r\n{'\n", "-.");
  expect_ends("x = 'a\\z \n  {'\n", "-.");
  expect_ends("x = 'never closed {\ny = {", ".-");
  expect_ends("x = [[\n]=] end }\n]]\n", "--.");
  expect_ends("x = [==[\n]] ]=] { ]==]\n", "-.");
  expect_ends("--[[ {\n]] x = {\n}", "--.");
  expect_ends("--[ {\nx = 1", "..");
  expect_ends("--[=[ ]]\n]=]\n", "-.");
  expect_ends("a[b[1]] = 2\nx = a[\n1]", ".-.");
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(brackets_and_blocks_go_on),
      cmocka_unit_test(strings_and_comments_hide_what_they_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
