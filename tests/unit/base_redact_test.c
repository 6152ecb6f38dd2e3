/* Values that no text may show. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/redact.h"

static void check(const struct redact *set, const char *text, const char *expected)
{
  struct buffer out = {0};
  redact_append(set, text, strlen(text), &out);
  assert_int_equal(out.size, strlen(expected));
  if (out.size)
    assert_string_equal(out.data, expected);
  buffer_deinit(&out);
}

static void replaces(void **state)
{
  (void)state;
  struct redact *set = redact_create();
  redact_add(set, "token", "s3cret", 6);
  redact_add(set, "long", "s3cret-and-more", 15);
  redact_add(set, "short", "abc", 3);
  redact_add(set, "pem", "a \"b\"\nc\\d", 9);
  redact_add(set, "nul", "x\0y\0z", 5);
  redact_add(set, "key", "-- BEGIN --\nMIIEvQIBADAN\nshort\n-- END --", 40);
  redact_add(set, "dos", "first line\r\n2nd line\r\n", 22);
  redact_add(set, "control", "\0a\t1\r\nb\x7f", 8);
  static const char *const cases[][2] = {
      {"", ""},
      {"s", "s"},
      {"nothing of it", "nothing of it"},
      {"s3cret", "***"},
      {"<s3cret>s3crets3cret", "<***>******"},
      {"s3s3cret", "s3***"},
      {"s3cret-and-more s3cret-and-mor.", "*** ***-and-mor."},
      {"abc", "abc"},
      {"a \"b\"\nc\\d!", "***!"},
      {"{\"x\":\"a \\\"b\\\"\\nc\\\\d\"}", "{\"x\":\"***\"}"}, /* JSON */
      {"\"a \\\"b\\\"\\\nc\\\\d\"", "\"***\""},                /* %q */
      {"-- BEGIN --\nMIIEvQIBADAN\nshort\n-- END --.", "***."},
      {"> MIIEvQIBADAN\n> short", "> ***\n> short"},
      {"cut off: s3cr", "cut off: ***"},
      {"cut off: s3c", "cut off: s3c"},
      {"cut off: s3cret-an... here", "cut off: ***... here"},
      {"cut off: s3cret-an\xe2\x80\xa6", "cut off: ***\xe2\x80\xa6"},
      {"cut off: s3c...", "cut off: s3c..."},
      {"s3cret-an.. s3cret-an!", "***-an.. ***-an!"},
      {"> first line\r\n> 2nd line\r\n", "> ***\r\n> ***\r\n"},
      {"\"\\0a\\0091\\13\\\nb\\127\"", "\"***\""}, /* %q */
      {"s3cre!", "s3cre!"},
      {"x\\u0000y\\u0000z", "***"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    check(set, cases[i][0], cases[i][1]);
  struct buffer out = {0};
  redact_append(set, "1x\0y\0z2", 7, &out);
  assert_string_equal(out.data, "1***2");
  buffer_deinit(&out);
  redact_append_whole(set, "s3cret s3cret-an... s3cre", 25, &out);
  assert_string_equal(out.data, "*** ***-an... s3cre");
  buffer_deinit(&out);
  assert_int_equal(redact_longest(set), 43); /* the key between quotes */
  assert_string_equal(redact_find(set, "is s3cret", 9), "token");
  assert_string_equal(redact_find(set, "s3cret-and-more", 15), "long");
  assert_null(redact_find(set, "is s3cre", 8));
  assert_null(redact_find(set, "s", 1));
  assert_null(redact_find(set, "", 0));
  redact_destroy(set);
}

static void keeps_json_what_it_is(void **state)
{
  (void)state;
  struct redact *set = redact_create();
  redact_add(set, "word", "n123", 4);
  redact_add(set, "number", "98765", 5);
  redact_add(set, "syntax", "\":[1,", 5);
  redact_add(set, "lines", "a\nb\"c", 5);
  static const char *const cases[][2] = {
      {"{\"x\":[1,2]}", "{\"x\":[1,2]}"},
      {"[\"\\n123\",98765,9876,1987650.5]", "[\"\\n123\",\"***\",9876,\"***\"]"},
      {"{\"n123\":\"un1234\"}", "{\"***\":\"u***4\"}"},
      {"[\"a\\nb\\\"c\",null,true]", "[\"***\",null,true]"},
      {"n123", "\"***\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct buffer out = {0};
    redact_append_json(set, cases[i][0], strlen(cases[i][0]), &out);
    assert_string_equal(out.data, cases[i][1]);
    buffer_deinit(&out);
  }
  redact_destroy(set);
}

/* Random texts over few letters, against a search that is plain. */
static void finds_all(void **state)
{
  (void)state;
  static const char *const values[] = {"abab", "ababab", "bbbbb", "abba"};
  struct redact *set = redact_create();
  for (size_t i = 0; i < 4; i++)
    redact_add(set, values[i], values[i], strlen(values[i]));
  srandom(1);
  for (int round = 0; round < 20000; round++) {
    char text[32] = {0};
    size_t size = (size_t)(random() % 31);
    for (size_t i = 0; i < size; i++)
      text[i] = "ab"[random() % 2];
    struct buffer out = {0};
    redact_append(set, text, size, &out);
    bool is_there = false;
    for (size_t i = 0; i < 4; i++) {
      is_there = is_there || strstr(text, values[i]);
      if (out.size)
        assert_null(strstr(out.data, values[i]));
    }
    assert_int_equal(redact_find(set, text, size) != NULL, is_there);
    buffer_deinit(&out);
  }
  redact_destroy(set);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(replaces),
                                     cmocka_unit_test(keeps_json_what_it_is),
                                     cmocka_unit_test(finds_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
