#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/arguments.h"

enum { WORDS_MAX = 12 };

static enum error_code parse(const char *line, struct arguments *arguments, struct error *error)
{
  static char text[512];
  char *argv[WORDS_MAX] = {0};
  int argc = 0;
  snprintf(text, sizeof text, "moonbeat %s", line);
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
    argv[argc++] = word;
  return arguments_parse(argc, argv, arguments, error);
}

static void takes_lines_apart(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    int command; /* -1: none */
    const char *words;
    const char *option, *value; /* of the command */
    const char *folder;         /* the global --state */
  } cases[] = {
      {"", -1, "", NULL, NULL, NULL},
      {"list", COMMAND_LIST, "", NULL, NULL, NULL},
      {"show job-1", COMMAND_SHOW, "job-1", NULL, NULL, NULL},
      {"show script orders", COMMAND_SHOW_SCRIPT, "orders", NULL, NULL, NULL},
      {"show -- script", COMMAND_SHOW, "script", NULL, NULL, NULL},
      {"--state /x list --state paused", COMMAND_LIST, "", "state", "paused", "/x"},
      {"list --state=./x", COMMAND_LIST, "", "state", NULL, "./x"},
      {"next -n3 every 5s", COMMAND_NEXT, "every 5s", "count", "3", NULL},
      {"next every 5s -n 3", COMMAND_NEXT, "every 5s", "count", "3", NULL},
      {"next --count=3 @daily", COMMAND_NEXT, "@daily", "count", "3", NULL},
      {"run-now j -5 -- --wait", COMMAND_RUN_NOW, "j -5 --wait", NULL, NULL, NULL},
      {"add script a /\xff.lua", COMMAND_ADD_SCRIPT, "a /\xff.lua", NULL, NULL, NULL},
      {"--state /\xff check \xfe", COMMAND_CHECK, "\xfe", NULL, NULL, "/\xff"},
      {"add script a -", COMMAND_ADD_SCRIPT, "a -", NULL, NULL, NULL},
      {"logs -f j@2026-11-21T09:00:00Z", COMMAND_LOGS, "j@2026-11-21T09:00:00Z", NULL, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct arguments arguments;
    struct error error = {0};
    struct buffer words = {0};
    if (parse(cases[i].line, &arguments, &error))
      fail_msg("%s: %s", cases[i].line, error.text);
    assert_int_equal(arguments.command ? (int)arguments.command->id : -1, cases[i].command);
    for (size_t w = 0; w < arguments.word_count; w++)
      buffer_printf(&words, "%s%s", w ? " " : "", arguments.words[w]);
    assert_string_equal(words.data ? words.data : "", cases[i].words);
    buffer_deinit(&words);
    if (cases[i].option && cases[i].value)
      assert_string_equal(arguments_value(&arguments, cases[i].option, ""), cases[i].value);
    else if (cases[i].option)
      assert_null(arguments_value(&arguments, cases[i].option, NULL));
    const char *folder = arguments_global(&arguments, "state");
    assert_string_equal(folder ? folder : "", cases[i].folder ? cases[i].folder : "");
  }
}

static void refuses_with_one_sentence(void **state)
{
  (void)state;
  static const struct {
    const char *line, *sentence;
  } cases[] = {
      {"add job \xff", "add job: \"\xff\" is not UTF-8"},
      {"remove a \xfe", "remove: \"\xfe\" is not UTF-8"},
      {"add job a --command=\xff", "--command: \"\xff\" is not UTF-8"},
      {"add script \xff a.lua", "add script: \"\xff\" is not UTF-8"},
      {"lst", "unknown command \"lst\", did you mean \"list\"?"},
      {"frobnicate", "unknown command \"frobnicate\" (moonbeat --help lists them)"},
      {"add", "\"add\" what? There is \"add job\" or \"add script\""},
      {"add --help", "\"add\" what? There is \"add job\" or \"add script\""},
      {"add scrpt", "unknown command \"add scrpt\", did you mean \"script\"? (there is \"add job\" "
                    "or \"add script\")"},
      {"list --taf x", "unknown option \"--taf\" of list, did you mean \"--tag\"?"},
      {"list -x", "unknown option \"-x\" of list"},
      {"--jsom list", "unknown option \"--jsom\", did you mean \"--json\"?"},
      {"list --state pausd", "--state: \"pausd\" is none of: active paused finished error "
                             "(a folder is written ./pausd)"},
      {"list --tag", "--tag needs a value: --tag TAG"},
      {"list --json=yes", "--json takes no value"},
      {"list --tag a --tag b", "--tag is given twice"},
      {"show", "show needs an argument: moonbeat show JOB"},
      {"add script a", "add script needs another argument: moonbeat add script NAME FILE"},
      {"list x", "\"x\" is one argument too many: moonbeat list"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct arguments arguments;
    struct error error = {0};
    assert_int_equal(parse(cases[i].line, &arguments, &error), ERROR_USAGE);
    assert_string_equal(error.text, cases[i].sentence);
  }
}

static void reads_numbers(void **state)
{
  (void)state;
  struct arguments arguments;
  struct error error;
  long number;
  assert_int_equal(parse("next x -n 7", &arguments, &error), ERROR_OK);
  assert_int_equal(arguments_number(&arguments, "count", 1, 9, 5, &number, &error), ERROR_OK);
  assert_int_equal(number, 7);
  assert_int_equal(arguments_number(&arguments, "count", 1, 6, 5, &number, &error), ERROR_USAGE);
  assert_string_equal(error.text, "--count: \"7\" is no whole number from 1 to 6");
  assert_int_equal(parse("next x", &arguments, &error), ERROR_OK);
  assert_int_equal(arguments_number(&arguments, "count", 1, 9, 5, &number, &error), ERROR_OK);
  assert_int_equal(number, 5);
}

/* ---- the table, its help, and the manual page ---- */

static void help_is_there_for_all(void **state)
{
  (void)state;
  struct buffer overview = {0};
  command_append_overview(&overview);
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    struct buffer help = {0};
    assert_int_equal(commands[i].id, i);
    assert_non_null(strstr(overview.data, commands[i].summary));
    command_append_help(&help, &commands[i]);
    for (const struct option *option = commands[i].options; option->name; option++) {
      char text[64];
      snprintf(text, sizeof text, "--%s", option->name);
      assert_non_null(strstr(help.data, text));
    }
    buffer_deinit(&help);
  }
  buffer_deinit(&overview);
}

static char *read_file(const char *path)
{
  FILE *file = fopen(path, "r");
  struct buffer text = {0};
  char bytes[4096];
  size_t size;
  assert_non_null(file);
  while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
    buffer_append(&text, bytes, size);
  fclose(file);
  return buffer_take(&text);
}

/* In the page a command is `.It Nm moonbeat Cm WORDS` and an option `Fl Fl NAME`, within the
 * command's section. */
static void manual_page_has_all(void **state)
{
  (void)state;
  char *page = read_file("src/ctl/moonbeat.1");
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    char text[96];
    snprintf(text, sizeof text, "\n.It Cm %s", commands[i].words);
    char *section = strstr(page, text);
    while (section && section[strlen(text)] != ' ' && section[strlen(text)] != '\n')
      section = strstr(section + 1, text);
    if (!section) {
      fail_msg("the manual page lacks \"%s\"", commands[i].words);
      break; /* which the compiler cannot know of fail_msg */
    }
    char *end = strstr(section + 1, "\n.It Cm ");
    size_t size = end ? (size_t)(end - section) : strlen(section);
    char *copy = memory_copy(section, size);
    for (const struct option *option = commands[i].options; option->name; option++) {
      snprintf(text, sizeof text, "Fl Fl %s", option->name);
      if (!strstr(copy, text))
        fail_msg("the manual page lacks --%s of \"%s\"", option->name, commands[i].words);
    }
    free(copy);
  }
  free(page);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_lines_apart),   cmocka_unit_test(refuses_with_one_sentence),
      cmocka_unit_test(reads_numbers),       cmocka_unit_test(help_is_there_for_all),
      cmocka_unit_test(manual_page_has_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
