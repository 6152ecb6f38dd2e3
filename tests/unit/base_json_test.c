#include "support/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void reads_and_writes_the_same(void **state)
{
  (void)state;
  static const char *const cases[] = {
      "null",
      "true",
      "[]",
      "{}",
      "[1,2.5,-3,\"x\"]",
      "{\"a\":{\"b\":[null]},\"c\":\"\\n\\u0001\"}",
      "9007199254740993",
      "-9223372036854775808",
      "1.0",
      "1e+300",
      "0.1",
      "\"\xc3\xa9\xf0\x9f\x99\x82\"",
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct json_document *document;
    struct error error;
    assert_int_equal(json_parse(cases[i], strlen(cases[i]), &document, &error), ERROR_OK);
    struct buffer out = {0};
    struct json_writer writer = {.out = &out};
    json_write_tree(&writer, json_root(document));
    assert_string_equal(out.data, cases[i]);
    buffer_deinit(&out);
    json_free(document);
  }
}

static void refuses_with_the_place(void **state)
{
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"", "line 1, column 1: a value is missing"},
      {"[1,]", "line 1, column 4: not a number"},
      {"[1 2]", "line 1, column 4: a comma or ] is missing"},
      {"{\n\"a\" 1}", "line 2, column 5: a colon is missing"},
      {"nul", "line 1, column 1: not a JSON value"},
      {"01", "line 1, column 3: not a number"},
      {"1.", "line 1, column 3: digits are missing behind the point"},
      {"\"\xff\"", "line 1, column 2: invalid UTF-8"},
      {"\"\\ud800\"", "line 1, column 8: a lone high surrogate"},
      {"\"a\nb\"", "line 1, column 3: a control character in a string must be escaped"},
      {"1 1", "line 1, column 3: something stands behind the value"},
      {"NaN", "line 1, column 1: not a number"},
      {"1e999", "line 1, column 6: the number is out of range"},
      {"\"abc", "line 1, column 5: the text ends inside a string"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct json_document *document;
    struct error error;
    assert_int_not_equal(json_parse(cases[i].text, strlen(cases[i].text), &document, &error),
                         ERROR_OK);
    assert_null(document);
    assert_string_equal(error.text, cases[i].error);
  }
}

static void bounds_the_depth(void **state)
{
  (void)state;
  char deep[100000];
  memset(deep, '[', sizeof deep);
  struct json_document *document;
  struct error error;
  assert_int_equal(json_parse(deep, sizeof deep, &document, &error), ERROR_LIMIT);
}

static void finds_members(void **state)
{
  (void)state;
  static const char text[] = "{\"n\":1,\"t\":\"x\",\"b\":true,\"f\":2.5,\"a\":[1,2]}";
  struct json_document *document;
  assert_int_equal(json_parse(text, sizeof text - 1, &document, NULL), ERROR_OK);
  const struct json *root = json_root(document);
  assert_int_equal(json_integer(json_get(root, "n"), 0), 1);
  assert_string_equal(json_text(json_get(root, "t"), ""), "x");
  assert_true(json_boolean(json_get(root, "b"), false));
  assert_true(json_number(json_get(root, "f"), 0) == 2.5);
  assert_int_equal(json_get(root, "a")->count, 2);
  assert_null(json_get(root, "z"));
  json_free(document);
}

static void check_written(struct buffer *out, const char *expected)
{
  assert_string_equal(out->data, expected);
  buffer_clear(out);
}

static void check_number(struct buffer *out, double value)
{
  struct json_writer writer = {.out = out};
  char text[40];
  for (int digits = 15; digits == 15 || (digits <= 17 && strtod(text, NULL) != value); digits++)
    snprintf(text, sizeof text, "%.*g", digits, value);
  if (!strpbrk(text, ".eE"))
    strcat(text, ".0");
  json_write_number(&writer, value);
  check_written(out, text);
}

/* As the library's shortest form that is read as the same number. */
static void writes_numbers_in_their_shortest_form(void **state)
{
  (void)state;
  static const double some[] = {0.0,   -0.0,     1e15,   999999999999999.0, 1e-4,  9.9e-5, 0.1,
                                1e-8,  123.4567, 1.0625, 4503599627370496,  0.125, 1e300,  5e-324,
                                1e-10, 0.3,      0.7,    2.0 / 3.0,         1e22,  1.1e14, -7.25};
  struct buffer out = {0};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    check_number(&out, some[i]);
  uint64_t random = 88172645463325252U;
  for (int i = 0; i < 200000; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    double scale = 1;
    for (int decimals = i % 12; decimals > 0; decimals--)
      scale *= 10;
    check_number(&out, (double)(random >> (i % 53 + 11)) / (i % 3 ? scale : -scale));
  }
  static const int64_t integers[] = {0, 7, -10, INT64_MAX, INT64_MIN, 1000000};
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
    struct json_writer writer = {.out = &out};
    char text[40];
    snprintf(text, sizeof text, "%" PRId64, integers[i]);
    json_write_integer(&writer, integers[i]);
    check_written(&out, text);
  }
  buffer_deinit(&out);
}

static void escapes_what_must_be(void **state)
{
  (void)state;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  json_write_string(&writer, "\0\1\b\t\n\f\r\x1f \"\\\x7fz", 13);
  check_written(&out, "\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001f \\\"\\\\\\u007fz\"");
  buffer_deinit(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_and_writes_the_same),
      cmocka_unit_test(refuses_with_the_place),
      cmocka_unit_test(bounds_the_depth),
      cmocka_unit_test(finds_members),
      cmocka_unit_test(writes_numbers_in_their_shortest_form),
      cmocka_unit_test(escapes_what_must_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
