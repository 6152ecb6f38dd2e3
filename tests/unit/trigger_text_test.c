/* The text form by itself: what each line means as JSON, what is wrong with others and where, and
 * that no line, however broken, is read beyond its end or writes beyond its block (which the
 * sanitizers see). */
#include "support/trigger_cases.h"

#include <stdio.h>

#include "trigger/kind.h"

static char *tree_of(const char *line, struct error *error)
{
  struct json *tree;
  struct buffer out = {0};
  struct json_writer writer = {.out = &out};
  /* An own block, so that reading beyond it is seen. */
  char *copy = strdup(line);
  enum error_code code = trigger_text_read(copy, &tree, error);
  if (!code)
    json_write_tree(&writer, tree);
  free(tree);
  free(copy);
  return code ? NULL : buffer_take(&out);
}

static void reads_lines(void **state)
{
  (void)state;
  static const struct {
    const char *line, *json;
  } cases[] = {
      {"0 9 * * *", "{'kind':'cron','expression':'0 9 * * *'}"},
      {"  @daily  ", "{'kind':'cron','expression':'@daily'}"},
      {"H H * * *", "{'kind':'cron','expression':'H H * * *'}"},
      {"CRON_TZ=Asia/Tokyo 0 9 * * *",
       "{'kind':'cron','expression':'CRON_TZ=Asia/Tokyo 0 9 * * *'}"},
      {"cron 0 9 * * * gap=skip", "{'kind':'cron','expression':'0 9 * * *','gap':'skip'}"},
      {"cron \"0 9 * * *\" gap=skip", "{'kind':'cron','expression':'0 9 * * *','gap':'skip'}"},
      {"every 5s start=2026-03-29 02:30 timezone=Europe/Berlin",
       "{'kind':'interval','every':'5s','start':'2026-03-29 02:30','timezone':'Europe/Berlin'}"},
      {"every 5s start = x", "{'kind':'interval','every':'5s start = x'}"},
      {"every 5s start= x y ", "{'kind':'interval','every':'5s','start':'x y'}"},
      {"in \"a \\\"b\\\\ c=d\"", "{'kind':'date','in':'a \\\"b\\\\ c=d'}"},
      {"in a)b", "{'kind':'date','in':'a)b'}"},
      {"any_of (in 5s) (@daily limit=2) until=x",
       "{'kind':'any_of','of':[{'kind':'date','in':'5s'},"
       "{'kind':'cron','expression':'@daily','limit':'2'}],'until':'x'}"},
      {"any_of(in (a) b)(in \")\")",
       "{'kind':'any_of','of':[{'kind':'date','in':'(a) b'},{'kind':'date','in':')'}]}"},
      {"in 5s except=(weekdays=sat,sun times=22:00-06:00) limit=1",
       "{'kind':'date','in':'5s','except':{'weekdays':'sat,sun','times':'22:00-06:00'},'limit':'1'"
       "}"},
      {"in 5s except=(cron=* * (1) * *)",
       "{'kind':'date','in':'5s','except':{'cron':'* * (1) * *'}}"},
      {"all_of (any_of (in 1) (in 2)) (in 3)",
       "{'kind':'all_of','of':[{'kind':'any_of','of':[{'kind':'date','in':'1'},"
       "{'kind':'date','in':'2'}]},{'kind':'date','in':'3'}]}"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct error error = {0};
    char expected[600], *got = tree_of(cases[i].line, &error);
    size_t size = 0;
    for (const char *c = cases[i].json; *c; c++)
      if (*c == '\\' && (c[1] == '"' || c[1] == '\\')) {
        expected[size++] = '\\';
        expected[size++] = *++c;
      } else {
        expected[size++] = *c == '\'' ? '"' : *c;
      }
    expected[size] = '\0';
    if (!got)
      fail_msg("%s: %s", cases[i].line, error.text);
    assert_string_equal(got, expected);
    free(got);
  }
}

static void tells_the_column(void **state)
{
  (void)state;
  static const struct {
    const char *line, *error;
  } cases[] = {
      {"", "the trigger is empty"},
      {"  \t", "the trigger is empty"},
      {"any_of (  )", "the trigger is empty, column 11"},
      {"any_of ()", "the trigger is empty, column 9"},
      {"  evry 5s", "unknown trigger \"evry\", did you mean \"every\"?, column 3"},
      {"any_of (in 5s) (crn 0 9)", "unknown trigger \"crn\", did you mean \"cron\"?, column 17"},
      {"in \"5s", "a quote is not closed: \"5s, column 4"},
      {"in \"5s\"x", "a space is missing behind the quote of \"5s\", column 8"},
      {"in \"5s\" x", "expected an option such as name=value at \"x\", column 9"},
      {"any_of (in 5s", "a parenthesis is not closed: \"(in 5s\", column 8"},
      {"any_of (in 5s) x (in 6s)",
       "expected an option such as name=value at \"x (in 6s)\", column 16"},
      {"any_of (in 5s))", "expected an option such as name=value at \")\", column 15"},
      {"in 5s except=(weekdays=sat", "a parenthesis is not closed: \"(weekdays=sat\", column 14"},
      {"in 5s except=(a=b) c", "expected an option such as name=value at \"c\", column 20"},
      {"in \"\u00e4\u00f6\" \u00fc",
       "expected an option such as name=value at \"\u00fc\", column 9"},
      {"any_of ((((((((((", "unknown trigger"},
      {"in \xff", "the trigger is not valid UTF-8"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct error error = {0};
    assert_null(tree_of(cases[i].line, &error));
    if (strcmp(cases[i].error, "unknown trigger") != 0)
      assert_string_equal(error.text, cases[i].error);
  }
}

static void long_ones_are_refused(void **state)
{
  (void)state;
  enum { SIZE = 200000 };
  static char line[SIZE + 1];
  static const char *const fills[] = {"a", "(", "any_of (", " a=b", "\"", "\\", "in 5s except=("};
  for (size_t i = 0; i < COUNT(fills); i++)
    for (size_t size = 1000; size <= SIZE; size *= 14) {
      struct trigger *trigger;
      for (size_t at = 0; at < size; at++)
        line[at] = fills[i][at % strlen(fills[i])];
      line[size] = '\0';
      assert_int_not_equal(trigger_from_text(line, NULL, &trigger, NULL), ERROR_OK);
    }
}

/* Quotes where they are needed, and only there. */
static void is_written_as_it_was(void **state)
{
  (void)state;
  static const char *const lines[] = {
      "any_of (on_event \"a(b\") (on_event a(b)c)",
      "on_event \"a)b\"",
      "on_event \"(a)\"",
      "on_event \"a  b=c\" debounce=2s",
      "on_event a b",
  };
  for (size_t i = 0; i < COUNT(lines); i++) {
    struct trigger *trigger;
    struct buffer text = {0};
    assert_int_equal(trigger_from_text(lines[i], NULL, &trigger, NULL), ERROR_OK);
    trigger_to_text(trigger, &text);
    assert_string_equal(text.data, lines[i]);
    buffer_deinit(&text);
    trigger_destroy(trigger);
  }
}

static const char *const seeds[] = {
    "cron 0 9 * * 1-5 timezone=Europe/Berlin gap=skip",
    "any_of (cron 0 9 * * *) (every 5h start=2026-01-01) limit=5",
    "all_of (any_of (@daily) (@hourly)) (0 */2 * * *) except=(weekdays=sat,sun cron=* * 1-7 * *)",
    "at \"2026-03-29 02:30\" timezone=Europe/Berlin offset=-15m jitter=5s seed=\"a \\\" b\"",
    "every 1h30m except=(dates=2026-12-24..2027-01-02 times=22:00-06:00 events=\"1d of 0 0 1 * "
    "*\")",
};

static void mutate(char *line, size_t *size)
{
  static const char bytes[] = "()\"\\= \t,*/-:.0123456789abcdefHLW#@\x01\xc3\xa4";
  for (int edits = 1 + rand() % 2; edits > 0; edits--) {
    size_t at = (size_t)rand() % (*size + 1);
    switch (rand() % 4) {
    case 0:
      if (at < *size)
        line[at] = bytes[(size_t)rand() % (sizeof bytes - 1)];
      break;
    case 1:
      memmove(line + at, line + at + (at < *size), *size - at + (at == *size));
      *size -= at < *size;
      break;
    case 2:
      memmove(line + at + 1, line + at, *size - at + 1);
      line[at] = bytes[(size_t)rand() % (sizeof bytes - 1)];
      ++*size;
      break;
    default: /* a piece of another line */
      if (*size < 400) {
        const char *other = seeds[(size_t)rand() % COUNT(seeds)];
        size_t from = (size_t)rand() % strlen(other), length = (size_t)rand() % 40;
        length = strnlen(other + from, length);
        memmove(line + at + length, line + at, *size - at + 1);
        memcpy(line + at, other + from, length);
        *size += length;
      }
    }
  }
}

/* What is read is written so that it reads back as itself. */
static void mutations_round_trip(void **state)
{
  (void)state;
  int read = 0;
  for (int round = 0; round < 20000; round++) {
    char line[1000];
    struct trigger *trigger;
    struct error error = {0};
    strcpy(line, seeds[(size_t)round % COUNT(seeds)]);
    size_t size = strlen(line);
    mutate(line, &size);
    char *copy = strdup(line);
    if (!trigger_from_text(copy, NULL, &trigger, &error)) {
      read++;
      check_forms(trigger, NULL);
      trigger_anchor(trigger, NOW, "job");
      if (trigger_next(trigger, INT64_MIN, &(int64_t){0}))
        check_forms(trigger, NULL);
      trigger_destroy(trigger);
    }
    free(copy);
  }
  assert_true(read > 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_lines),          cmocka_unit_test(tells_the_column),
      cmocka_unit_test(is_written_as_it_was), cmocka_unit_test(long_ones_are_refused),
      cmocka_unit_test(mutations_round_trip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
