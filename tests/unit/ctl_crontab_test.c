/* What lines of a crontab mean, what a job file says of them, and what jobs are called. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ctl/crontab.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void check_text(const char *line, const char *wanted, const char *found)
{
  if (wanted && (!found || strcmp(wanted, found) != 0))
    fail_msg("%s: \"%s\", not \"%s\"", line, found ? found : "(null)", wanted);
  if (!wanted && found)
    fail_msg("%s: \"%s\", not nothing", line, found);
}

static void reads_settings(void **state)
{
  (void)state;
  static const struct {
    const char *line, *name, *value;
  } cases[] = {
      {"A=b", "A", "b"},
      {"  MAILTO = joe@example.com  ", "MAILTO", "joe@example.com"},
      {"A=", "A", ""},
      {"A=\"\"", "A", ""},
      {"A=\" x \"", "A", " x "},
      {"A='say \"hi\"' ", "A", "say \"hi\""},
      {"\"A\" = b c # no comment", "A", "b c # no comment"},
      {"PATH=$HOME/bin:/bin", "PATH", "$HOME/bin:/bin"},
      {"A=b\r", "A", "b"},
      {"A_1\t=\t*", "A_1", "*"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct crontab_line line;
    struct error error;
    if (crontab_read_line(cases[i].line, i % 2, &line, &error))
      fail_msg("%s: %s", cases[i].line, error.text);
    assert_int_equal(line.kind, CRONTAB_SETTING);
    check_text(cases[i].line, cases[i].name, line.name);
    check_text(cases[i].line, cases[i].value, line.value);
    crontab_line_deinit(&line);
  }
}

static void reads_entries(void **state)
{
  (void)state;
  static const struct {
    const char *line, *schedule, *user, *command, *input;
  } cases[] = {
      {"0 9 * * 1-5 a b", "0 9 * * 1-5", NULL, "a b", NULL},
      {" \t0\t9  * * 1-5\ta  b \t", "0 9 * * 1-5", NULL, "a  b", NULL},
      {"-0 9 * * * a", "0 9 * * *", NULL, "a", NULL},
      {"@daily a", "@daily", NULL, "a", NULL},
      {"@reboot\ta=b c", "@reboot", NULL, "a=b c", NULL},
      {"* * * * * x=1 make", "* * * * *", NULL, "x=1 make", NULL},
      {"* * * * * date +\\%F", "* * * * *", NULL, "date +%F", NULL},
      {"* * * * * cat%a%b", "* * * * *", NULL, "cat", "a\nb\n"},
      {"* * * * * cat %%a\\%%", "* * * * *", NULL, "cat", "\na%\n"},
      {"* * * * * cat%", "* * * * *", NULL, "cat", "\n"},
      {"* * * * * a \\b", "* * * * *", NULL, "a \\b", NULL},
      {"0 9 * * 1-5 root a b", "0 9 * * 1-5", "root", "a b", NULL},
      {"@daily\twww-data\ta%x", "@daily", "www-data", "a", "x\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct crontab_line line;
    struct error error;
    if (crontab_read_line(cases[i].line, cases[i].user, &line, &error))
      fail_msg("%s: %s", cases[i].line, error.text);
    assert_int_equal(line.kind, CRONTAB_ENTRY);
    check_text(cases[i].line, cases[i].schedule, line.schedule);
    check_text(cases[i].line, cases[i].user, line.user);
    check_text(cases[i].line, cases[i].command, line.command);
    check_text(cases[i].line, cases[i].input, line.input);
    crontab_line_deinit(&line);
  }
}

static void passes_over_the_rest(void **state)
{
  (void)state;
  struct crontab_line line;
  assert_int_equal(crontab_read_line(" \t", false, &line, NULL), ERROR_OK);
  assert_int_equal(line.kind, CRONTAB_BLANK);
  assert_int_equal(crontab_read_line("\t# A=b ", false, &line, NULL), ERROR_OK);
  assert_int_equal(line.kind, CRONTAB_COMMENT);
  assert_string_equal(line.text, " A=b");
  crontab_line_deinit(&line);
}

static void refuses_with_the_column(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    bool is_system;
    const char *sentence;
  } cases[] = {
      {"0 9 * *", false, "five fields are wanted, here are 4, column 1"},
      {"  make", false, "five fields are wanted, here is 1, column 3"},
      {"0 9 * * *", false, "there is no command behind the schedule, column 10"},
      {"@daily", false, "there is no command behind the schedule, column 7"},
      {"@daily root", true, "there is no command behind the user, column 12"},
      {"0 9 * * * %x", false, "there is no command before the %, column 11"},
      {"A=\"b", false, "the quote of A's value is not closed, column 3"},
      {"A=\"b\" c", false, "something stands behind the quoted value of A, column 7"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct crontab_line line;
    struct error error = {0};
    assert_int_equal(crontab_read_line(cases[i].line, cases[i].is_system, &line, &error),
                     ERROR_INVALID);
    check_text(cases[i].line, cases[i].sentence, error.text);
  }
}

static void names_jobs(void **state)
{
  (void)state;
  static const struct {
    const char *command, *id;
  } cases[] = {
      {"/usr/local/bin/backup.sh --all >/dev/null 2>&1", "backup"},
      {"cd /srv/app && nice -n 10 python3 manage.py clean", "manage"},
      {"cd / && run-parts --report /etc/cron.hourly", "cron_hourly"},
      {"test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
       "cron_daily"},
      {"[ -x /usr/lib/php/clean ] && if [ ! -d /run/systemd ]; then /usr/lib/php/clean; fi",
       "clean"},
      {"test -x /c -a \\! -d /run && perl -e 'sleep int(rand(43200))' && certbot -q renew",
       "certbot"},
      {"flock -n /tmp/lock sudo -u joe /opt/Sync.py", "sync"},
      {"A=1 B='2 3' timeout 5m \"/opt/my tool\"", "my_tool"},
      {"sh -c 'echo hi; echo ho'", "sh"},
      {"command -v certbot >/dev/null && certbot renew", "certbot"},
      {"cd /tmp", "job"},
      {"(echo a; echo b) | mail joe", "echo"},
      {"", "job"},
      {"&& || ;", "job"},
      {"'", "job"},
      {"/ü/éé", "job"},
      {"java -jar /opt/x.jar", "x"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *id = crontab_job_id(cases[i].command);
    check_text(cases[i].command, cases[i].id, id);
    free(id);
  }
}

/* ---- the job file ---- */

static const char *home_of(const char *user)
{
  return strcmp(user, "root") == 0 ? "/root" : strcmp(user, "joe") == 0 ? "/home/joe" : NULL;
}

/* The job file without its head. */
static char *convert(const char *text, bool is_system, struct crontab_report *report)
{
  const struct crontab_source source = {.name = "tab", .is_system = is_system, .home_of = home_of};
  struct buffer lua = {0};
  crontab_write_jobs(text, strlen(text), &source, &lua, report);
  char *body = strstr(lua.data, "\n\n");
  assert_non_null(body);
  buffer_remove_front(&lua, (size_t)(body + 2 - lua.data));
  return buffer_take(&lua);
}

static void writes_job_files(void **state)
{
  (void)state;
  static const struct {
    bool is_system;
    const char *text, *lua, *messages;
  } cases[] = {
      {false, "#[[ nightly\n0 2 * * * a \"b\\c\"\n",
       "-- [[ nightly\n"
       "job \"a\" {\n  trigger = cron \"0 2 * * *\",\n"
       "  run = command { shell = \"a \\\"b\\\\c\\\"\", cwd = os.getenv \"HOME\" },\n}\n",
       ""},
      {false, "CRON_TZ=Asia/Tokyo\nend=1\nSHELL=/bin/bash\nHOME=/srv\n@daily a%x\n@daily a",
       "-- CRON_TZ=Asia/Tokyo\n"
       "local env = { [\"end\"] = \"1\", SHELL = \"/bin/bash\", HOME = \"/srv\" }\n"
       "job \"a\" {\n  trigger = cron(\"@daily\", { timezone = \"Asia/Tokyo\" }),\n"
       "  run = command { \"/bin/bash\", \"-c\", \"a\", stdin = \"x\\n\", cwd = \"/srv\", env = "
       "env },\n"
       "}\n"
       "job \"a_2\" {\n  trigger = cron(\"@daily\", { timezone = \"Asia/Tokyo\" }),\n"
       "  run = command { \"/bin/bash\", \"-c\", \"a\", cwd = \"/srv\", env = env },\n}\n",
       ""},
      {true, "@reboot root a\n@reboot joe b\n",
       "job \"a\" {\n  trigger = on_start(),\n"
       "  run = command { shell = \"a\", cwd = \"/root\" },\n}\n"
       "job \"b\" {\n  trigger = on_start(),\n"
       "  run = command { \"runuser\", \"-s\", \"/bin/sh\", \"-c\", \"b\", \"--\", \"joe\", cwd = "
       "\"/home/joe\" },\n}\n",
       ""},
      {false, "MAILTO=\"\"\n\n  61 * * * * a\n",
       "-- MAILTO=\n\n"
       "-- NOT IMPORTED, column 3 of line 3: cron \"61 * * * *\": minute 61 is over 59\n"
       "--   61 * * * * a\n",
       "tab:3:3: cron \"61 * * * *\": minute 61 is over 59\n"},
      {false, "A=1\n@daily a\nA=2\nA=3\n@daily b\n",
       "local env = { A = \"1\" }\n"
       "job \"a\" {\n  trigger = cron \"@daily\",\n"
       "  run = command { shell = \"a\", cwd = os.getenv \"HOME\", env = env },\n}\n"
       "env = { A = \"3\" }\n"
       "job \"b\" {\n  trigger = cron \"@daily\",\n"
       "  run = command { shell = \"b\", cwd = os.getenv \"HOME\", env = env },\n}\n",
       ""},
      {false, "CRON_TZ=Mars\n@daily a\nCRON_TZ=\n@daily \xff\n",
       "-- NOT IMPORTED, column 1 of line 1: unknown time zone \"Mars\"\n-- CRON_TZ=Mars\n"
       "-- NOT IMPORTED, column 1 of line 2: the CRON_TZ above it is unknown\n-- @daily a\n"
       "-- CRON_TZ=\n"
       "-- NOT IMPORTED, column 8 of line 4: not valid UTF-8\n-- @daily \\xff\n",
       "tab:1:1: unknown time zone \"Mars\"\ntab:2:1: the CRON_TZ above it is unknown\n"
       "tab:4:8: not valid UTF-8\n"},
      {true, "0, column 99999999999999999999 * * root a\n",
       "-- NOT IMPORTED, column 3 of line 1: cron \"0, column 99999999999999999999 * *\": minute: "
       "a value is missing\n"
       "-- 0, column 99999999999999999999 * * root a\n",
       "tab:1:3: cron \"0, column 99999999999999999999 * *\": minute: a value is missing\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct crontab_report report;
    char *lua = convert(cases[i].text, cases[i].is_system, &report);
    assert_string_equal(lua, cases[i].lua);
    assert_string_equal(report.messages.data ? report.messages.data : "", cases[i].messages);
    buffer_deinit(&report.messages);
    free(lua);
  }
}

static void numbers_what_is_there_often(void **state)
{
  (void)state;
  enum { COUNT_OF_X = 20000 };
  struct crontab_report report;
  struct buffer text = {0};
  buffer_append_text(&text, "@daily x\n@daily x\n@daily x_2\n@daily x_4\n");
  for (int i = 3; i <= COUNT_OF_X; i++)
    buffer_append_text(&text, "@daily x\n");
  char *lua = convert(text.data, false, &report);
  const char *at = lua;
  static const char *const ids[] = {"x", "x_2", "x_2_2", "x_4", "x_3", "x_5", "x_20001"};
  for (size_t i = 0; i < COUNT(ids); i++) {
    char *job = memory_printf("job \"%s\" {", ids[i]);
    assert_non_null(at = strstr(at, job));
    free(job);
  }
  assert_null(strstr(at + 1, "job \""));
  free(lua);
  buffer_deinit(&text);
}

static void knows_the_form_of_the_system(void **state)
{
  (void)state;
  struct crontab_report report;
  free(convert("@daily root a\n@daily joe b\n", false, &report));
  assert_true(report.looks_like_system);
  free(convert("@daily root a\n@daily b\n", false, &report));
  assert_false(report.looks_like_system);
  free(convert("", false, &report));
  assert_false(report.looks_like_system);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_settings),
      cmocka_unit_test(reads_entries),
      cmocka_unit_test(passes_over_the_rest),
      cmocka_unit_test(refuses_with_the_column),
      cmocka_unit_test(names_jobs),
      cmocka_unit_test(writes_job_files),
      cmocka_unit_test(numbers_what_is_there_often),
      cmocka_unit_test(knows_the_form_of_the_system),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
