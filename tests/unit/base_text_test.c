/* Patterns of text, and how text is shown. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
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

static void near_names_are_few(void **state)
{
  static const char *const names[] = {"pool", "args", "list", "timeout", "trigger", NULL};
  static const struct {
    const char *wrong, *nearest;
  } cases[] = {
      {"pol", "pool"},
      {"foo", NULL},
      {"polo", "pool"},
      {"lits", "list"},
      {"dock", NULL},
      {"timout", "timeout"},
      {"tmieuot", "timeout"},
      {"triger", "trigger"},
      {"x", NULL},
      {"", NULL},
      {"calendar", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *nearest = text_nearest(cases[i].wrong, names);
    if (!nearest || !cases[i].nearest ? nearest != cases[i].nearest
                                      : strcmp(nearest, cases[i].nearest) != 0)
      fail_msg("\"%s\": %s", cases[i].wrong, nearest ? nearest : "none");
  }
}

/* ---- what is shown does nothing ---- */

static size_t encode(char out[5], uint32_t point)
{
  memset(out, 0, 5);
  if (point < 0x80) {
    out[0] = (char)point;
    return 1;
  }
  size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = length; --i > 0; point >>= 6)
    out[i] = (char)(0x80 | (point & 0x3f));
  out[0] = (char)(lead[length] | point);
  return length;
}

/* By the characters' names in Unicode: Cc, the bidi controls of UAX #9, line ends and the byte
 * order mark. */
static bool is_harmful(uint32_t point)
{
  static const uint32_t others[] = {0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c,
                                    0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff};
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f))
    return true;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (point == others[i])
      return true;
  return false;
}

static void assert_harmless(const char *text, size_t size)
{
  struct buffer out = {0};
  text_append_visible(&out, text, size);
  assert_true(out.size > 0);
  assert_true(text_is_utf8(out.data, out.size, NULL));
  for (size_t at = 0; at < out.size;) {
    size_t length = text_utf8_length(out.data + at, out.size - at);
    uint32_t point = (unsigned char)out.data[at];
    if (length > 1) {
      point &= 0xffu >> (length + 1);
      for (size_t i = 1; i < length; i++)
        point = point << 6 | ((unsigned char)out.data[at + i] & 0x3f);
    }
    assert_false(is_harmful(point));
    at += length;
  }
  buffer_deinit(&out);
}

static void every_character_is_shown(void **state)
{
  (void)state;
  char text[5];
  for (uint32_t point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff)
      continue;
    size_t size = encode(text, point);
    assert_harmless(text, size);
    if (is_harmful(point))
      continue;
    struct buffer out = {0};
    text_append_visible(&out, text, size);
    assert_int_equal(out.size, size);
    assert_memory_equal(out.data, text, size);
    buffer_deinit(&out);
  }
}

/* Most of what is no UTF-8 is seen within three bytes. */
static void every_few_bytes_are_shown(void **state)
{
  (void)state;
  static const unsigned char thirds[] = {0,    0x07, 0x1b, 'x',  0x7f, 0x80, 0x8e, 0x9b,
                                         0x9f, 0xa0, 0xa6, 0xae, 0xbf, 0xc2, 0xe2, 0xff};
  for (unsigned first = 0; first < 256; first++)
    for (unsigned second = 0; second < 256; second++)
      for (size_t i = 0; i < sizeof thirds; i++) {
        char text[] = {(char)first, (char)second, (char)thirds[i]};
        assert_harmless(text, 1);
        assert_harmless(text, 2);
        assert_harmless(text, 3);
      }
}

static void check_abridged(const char *text, size_t most, const char *begin, const char *end)
{
  char *fit = text_abridge(memory_strdup(text), most);
  size_t size = strlen(fit), left_out = 0;
  assert_true(size <= most);
  assert_true(text_is_utf8(fit, size, NULL));
  assert_memory_equal(fit, begin, strlen(begin));
  assert_string_equal(fit + size - strlen(end), end);
  const char *mark = strstr(fit, " ... (");
  assert_int_equal(sscanf(mark, " ... (%zu bytes left out) ... ", &left_out), 1);
  const char *rest = strstr(mark, " out) ... ") + strlen(" out) ... ");
  size_t kept = (size_t)(mark - fit) + strlen(rest);
  assert_int_equal(kept + left_out, strlen(text));
  assert_memory_equal(fit, text, (size_t)(mark - fit));
  assert_string_equal(rest, text + strlen(text) - strlen(rest));
  free(fit);
}

static char *repeat(const char *piece, size_t times)
{
  struct buffer out = {0};
  for (size_t i = 0; i < times; i++)
    buffer_append_text(&out, piece);
  return buffer_take(&out);
}

static void a_long_text_is_abridged(void **state)
{
  (void)state;
  static const char *const pieces[] = {"abcdefghi\n", "\xc3\xa9", "\xe2\x82\xac",
                                       "\xf0\x9f\x90\x9d"};
  assert_null(text_abridge(NULL, 200));
  char *just = repeat("x", 200);
  assert_ptr_equal(text_abridge(just, 200), just);
  free(just);
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    char *text = repeat(pieces[i], 10000);
    for (size_t most = 200; most < 212; most++)
      check_abridged(text, most, pieces[i], pieces[i]);
    free(text);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(patterns_match), cmocka_unit_test(near_names_are_few),
      cmocka_unit_test(a_long_text_is_abridged), cmocka_unit_test(every_character_is_shown),
      cmocka_unit_test(every_few_bytes_are_shown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
