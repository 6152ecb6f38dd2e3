/* Every way in which people and programs save files, done to a real folder while a watch looks at
 * it and a mailbox in the scheduler's place writes down what it hears. */
#include "support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "script/watch.h"
#include "support/scratch.h"

struct bench {
  uv_loop_t loop;
  uv_timer_t timer;
  struct bus *bus;
  struct watch *watch;
  char *root;          /* a folder of its own */
  char *folder;        /* root/jobs */
  bool is_loading;     /* the scheduler has not yet told which modules its scripts use */
  struct buffer heard; /* a line for each message */
};

static void set_modules(struct bench *bench, const char *script, const char *json)
{
  struct message *message = message_create(MESSAGE_MODULES, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  message->as.modules.script = memory_strdup(script);
  message->as.modules.text = memory_strdup(json);
  watch_receive(bench->watch, message);
}

static void hear_source(struct bench *bench, const struct message *m)
{
  buffer_printf(&bench->heard, "%s=%.40s\n", m->as.source.script, m->as.source.text);
  if (!bench->is_loading && bench->watch)
    set_modules(bench, m->as.source.script, "[]");
}

static void on_messages(void *context, struct message_list *messages)
{
  struct bench *bench = context;
  struct message *m;
  while ((m = message_list_pop(messages))) {
    if (m->kind == MESSAGE_SCANNED)
      buffer_printf(&bench->heard, "scanned %d\n", (int)m->tag);
    else if (m->as.source.problem)
      buffer_printf(&bench->heard, "%s? %s\n", m->as.source.script, m->as.source.problem);
    else if (!m->as.source.text)
      buffer_printf(&bench->heard, "%s gone\n", m->as.source.script);
    else
      hear_source(bench, m);
    message_destroy(m);
  }
}

static void on_timeout(uv_timer_t *timer)
{
  uv_stop(timer->loop);
}

static void run_for(struct bench *bench, uint64_t ms)
{
  uv_update_time(&bench->loop);
  uv_timer_start(&bench->timer, on_timeout, ms, 0);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
}

static const char *heard(const struct bench *bench)
{
  return bench->heard.size ? bench->heard.data : "";
}

/* Runs until the text is heard, and then long enough to hear what should not come. */
static void expect_within(struct bench *bench, const char *text, int64_t ms)
{
  int64_t end = clock_monotonic_us() + ms * 1000;
  while (strcmp(heard(bench), text) != 0 && clock_monotonic_us() < end)
    run_for(bench, 10);
  assert_string_equal(heard(bench), text);
  run_for(bench, 150);
  assert_string_equal(heard(bench), text);
  buffer_clear(&bench->heard);
}

static void expect(struct bench *bench, const char *text)
{
  expect_within(bench, text, 1000);
}

static void expect_nothing(struct bench *bench)
{
  run_for(bench, 650);
  assert_string_equal(heard(bench), "");
}

/* In root, with $J for the jobs folder. */
static void shell(struct bench *bench, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void shell(struct bench *bench, const char *format, ...)
{
  struct buffer command = {0};
  buffer_printf(&command, "cd %s && J=%s && { ", bench->root, bench->folder);
  char text[2000];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  buffer_printf(&command, "%s ; } >/dev/null 2>&1", text);
  assert_int_equal(system(command.data), 0);
  buffer_deinit(&command);
}

static bool has(const char *program)
{
  char command[100];
  snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
  return system(command) == 0;
}

static void open_watch(struct bench *bench)
{
  struct error error = {0};
  assert_int_equal(watch_open(&bench->loop, bench->bus, bench->folder, &bench->watch, &error), 0);
}

static int set_up(void **state)
{
  struct bench *bench = memory_alloc(sizeof *bench);
  log_set_level(LOG_OFF);
  bench->root = scratch_folder();
  bench->folder = memory_printf("%s/jobs", bench->root);
  mkdir(bench->folder, 0777);
  uv_loop_init(&bench->loop);
  uv_timer_init(&bench->loop, &bench->timer);
  bench->bus = bus_create();
  bus_open(bench->bus, ADDRESS_SCHEDULER, &bench->loop, on_messages, bench);
  *state = bench;
  return 0;
}

/* With a folder that holds a.lua, of which the first scan has been heard. */
static int set_up_watched(void **state)
{
  set_up(state);
  struct bench *bench = *state;
  shell(bench, "echo one > $J/a.lua");
  usleep(100000);
  open_watch(bench);
  expect(bench, "a=one\n\nscanned 0\n");
  return 0;
}

static int tear_down(void **state)
{
  struct bench *bench = *state;
  watch_close(bench->watch);
  bus_close(bench->bus, ADDRESS_SCHEDULER);
  uv_close((uv_handle_t *)&bench->timer, NULL);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&bench->loop), 0);
  bus_destroy(bench->bus);
  buffer_deinit(&bench->heard);
  free(bench->folder);
  free(bench);
  return 0;
}

static void scans_what_is_there(void **state)
{
  struct bench *bench = *state;
  shell(bench, "cd $J; mkdir lib .git; echo b > b.lua; echo a > a.lua; echo m > lib/m.lua;"
               "echo x > .hidden.lua; echo x > c.lua~; echo x > d.txt; echo x > .git/e.lua;"
               "echo x > f.lua.swp; echo x > g.lua.tmp; echo x > 4913; ln -s ../l.lua l.lua;"
               "echo l > ../l.lua; echo x > '#h.lua#'");
  open_watch(bench);
  expect(bench, "a=a\n\nb=b\n\nl=l\n\nscanned 0\n");
}

static void needs_a_folder(void **state)
{
  struct bench *bench = *state;
  struct error error = {0};
  char text[200];
  rmdir(bench->folder);
  assert_int_equal(watch_open(&bench->loop, bench->bus, bench->folder, &bench->watch, &error),
                   ERROR_NOT_FOUND);
  snprintf(text, sizeof text, "jobs folder %s cannot be read: No such file or directory",
           bench->folder);
  assert_string_equal(error.text, text);
  assert_null(bench->watch);
}

static void sees_each_way_of_saving(void **state)
{
  static const struct {
    const char *tool, *command, *heard;
  } cases[] = {
      {"sh", "echo two > $J/a.lua", "a=two\n\n"},
      {"sh", "echo two > $J/a.lua", ""}, /* the same content again */
      {"sh", "touch $J/a.lua", ""},
      {"sh", "chmod 600 $J/a.lua", ""},
      {"sh", ": > $J/a.lua; sleep 0.3; echo three > $J/a.lua", "a=three\n\n"},
      {"sh", "echo four > $J/.a.lua.x; mv $J/.a.lua.x $J/a.lua", "a=four\n\n"},
      {"sh", "mv $J/a.lua $J/a.lua~; sleep 0.2; echo five > $J/a.lua; rm $J/a.lua~", "a=five\n\n"},
      {"sh", "rm $J/a.lua; sleep 0.2; echo six > $J/a.lua", "a=six\n\n"},
      {"sh", "mv $J/a.lua elsewhere; sleep 0.2; mv elsewhere $J/a.lua", ""},
      {"sh", "printf seven | dd of=$J/a.lua conv=notrunc", "a=seven\n"},
      {"sed", "sed -i s/seven/eight/ $J/a.lua", "a=eight\n"},
      {"perl", "perl -pi -e s/eight/nine/ $J/a.lua", "a=nine\n"},
      {"vim", "vim -u NONE -es -c ':%s/nine/ten/' -c :wq $J/a.lua", "a=ten\n\n"},
      {"vim", "vim -u NONE -es -c 'set backup backupcopy=no' -c ':%s/ten/eleven/' -c :wq $J/a.lua",
       "a=eleven\n\n"},
      {"vim", "vim -u NONE -es -c 'set nowritebackup' -c ':%s/eleven/12/' -c :wq $J/a.lua",
       "a=12\n\n"},
      {"rsync", "mkdir s; echo thirteen > s/a.lua; rsync -a s/ $J/", "a=thirteen\n\n"},
      {"rsync", "echo 14 > s/a.lua; rsync -a --inplace s/ $J/", "a=14\n\n"},
      {"rsync", "echo fifteen > s/a.lua; rsync -a --delay-updates s/ $J/", "a=fifteen\n\n"},
      {"cp", "echo 16 > s/a.lua; cp s/a.lua $J/a.lua", "a=16\n\n"},
      {"install", "echo 17 > s/a.lua; install s/a.lua $J/a.lua", "a=17\n\n"},
      {"ln", "ln -sf $PWD/s/a.lua $J/a.lua; echo 18 > s/a.lua", "a=18\n\n"},
      {"ln", "echo 19 > s/a.lua", "a=19\n\n"}, /* behind the link */
      {"ln", "rm $J/a.lua; echo 20 > $J/a.lua", "a=20\n\n"},
      {"sh", "cp $J/a.lua $J/b.lua", "b=20\n\n"},
      {"sh", "mv $J/b.lua $J/c.lua", "c=20\n\nb gone\n"},
      {"sh", "mv $J/c.lua $J/a.lua", "c gone\n"},
      {"sh", "rm $J/a.lua", "a gone\n"},
      {"sh", "echo 21 > $J/a.lua", "a=21\n\n"},
      {"sh", "mkdir $J/lib; echo m > $J/lib/m.lua; echo x > $J/x.txt; echo x > $J/.x.lua", ""},
  };
  struct bench *bench = *state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (!has(cases[i].tool))
      continue;
    print_message("    %s\n", cases[i].command);
    shell(bench, "%s", cases[i].command);
    if (cases[i].heard[0])
      expect(bench, cases[i].heard);
    else
      expect_nothing(bench);
  }
}

/* What the loop does while a file is in the middle of being written. */
static void waits_for_a_slow_writer(void **state)
{
  struct bench *bench = *state;
  shell(bench, ": > $J/a.lua");
  run_for(bench, 300);
  shell(bench, "printf 'two ' >> $J/a.lua");
  run_for(bench, 50);
  shell(bench, "printf 'halves' >> $J/a.lua");
  expect(bench, "a=two halves\n");
  shell(bench, ": > $J/a.lua"); /* and one who means it */
  expect(bench, "a=\n");
  shell(bench, "mv $J/a.lua b");
  run_for(bench, 300);
  assert_string_equal(heard(bench), "");
  shell(bench, "mv b $J/a.lua");
  expect_nothing(bench);
}

static void follows_git(void **state)
{
  struct bench *bench = *state;
  if (!has("git"))
    skip();
  shell(bench, "cd $J; git init; git config user.name x; git config user.email x; git add a.lua; "
               "git commit -m 1; git checkout -b other; echo two > a.lua; echo b > b.lua; "
               "git add b.lua; git commit -am 2");
  expect(bench, "a=two\n\nb=b\n\n");
  shell(bench, "cd $J; git checkout -f -");
  expect(bench, "a=one\n\nb gone\n");
  shell(bench, "cd $J; git checkout other");
  expect(bench, "a=two\n\nb=b\n\n");
}

static void follows_a_config_map(void **state)
{
  struct bench *bench = *state;
  shell(bench,
        "cd $J; rm a.lua; mkdir ..1; echo one > ..1/a.lua; echo b > ..1/b.lua; ln -s ..1 ..data;"
        "ln -s ..data/a.lua a.lua; ln -s ..data/b.lua b.lua");
  expect(bench, "b=b\n\n");
  shell(bench, "cd $J; mkdir ..2; echo two > ..2/a.lua; echo b > ..2/b.lua; ln -s ..2 ..data_tmp;"
               "mv -T ..data_tmp ..data; rm -r ..1");
  expect(bench, "a=two\n\n");
  shell(bench, "cd $J; mkdir ..3; echo 3 > ..3/a.lua; ln -s ..3 ..data_tmp; "
               "mv -T ..data_tmp ..data; rm -r ..2 b.lua");
  expect(bench, "a=3\n\nb gone\n");
}

static void follows_a_folder_that_is_a_link(void **state)
{
  struct bench *bench = *state;
  watch_close(bench->watch);
  shell(bench, "mv jobs v1; mkdir v2; echo two > v2/a.lua; ln -s v1 jobs");
  open_watch(bench);
  expect(bench, "a=one\n\nscanned 0\n");
  shell(bench, "echo more > v1/b.lua");
  expect(bench, "b=more\n\n");
  shell(bench, "ln -s v2 next; mv -T next jobs");
  expect(bench, "a=two\n\nb gone\n");
  shell(bench, "echo three > v2/a.lua");
  expect(bench, "a=three\n\n");
}

static void keeps_scripts_while_the_folder_is_gone(void **state)
{
  struct bench *bench = *state;
  shell(bench, "mv jobs away");
  expect_nothing(bench);
  shell(bench, "mv away jobs; echo two > jobs/a.lua");
  expect_within(bench, "a=two\n\n", 1500);
  shell(bench, "rm -r jobs; sleep 0.2; mkdir jobs; echo three > jobs/a.lua");
  expect_within(bench, "a=three\n\n", 1500);
  shell(bench, "echo four > jobs/a.lua"); /* the new folder is watched as the old one was */
  expect(bench, "a=four\n\n");
  shell(bench, "mv jobs away");
  run_for(bench, 500);
  struct message *ask = message_create(MESSAGE_RESCAN, ADDRESS_SCHEDULER, ADDRESS_FRONT);
  ask->tag = 5;
  watch_receive(bench->watch, ask);
  expect(bench, "scanned 5\n");
}

static void survives_many_writes(void **state)
{
  struct bench *bench = *state;
  for (int i = 0; i < 500; i++) {
    char path[100];
    snprintf(path, sizeof path, "%s/a.lua", bench->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%d", i);
    fclose(file);
    run_for(bench, 1);
  }
  run_for(bench, 500);
  const char *all = heard(bench);
  size_t size = strlen(all);
  assert_true(size >= 6);
  assert_string_equal(all + size - 6, "a=499\n");
  int count = 0;
  for (const char *c = all; *c; c++)
    count += *c == '\n';
  assert_in_range(count, 1, 6); /* not one message for each write */
  assert_null(strstr(all, "gone"));
  assert_null(strstr(all, "a=\n"));
  buffer_clear(&bench->heard);
}

static void says_why_a_file_cannot_be_used(void **state)
{
  struct bench *bench = *state;
  static const struct {
    const char *command, *problem;
  } cases[] = {
      {"mkdir $J/b.lua", "b? %s/b.lua is a directory, a script must be a file\n"},
      {"rmdir $J/b.lua; mkfifo $J/b.lua", "b? %s/b.lua is a named pipe, a script must be a file\n"},
      {"rm $J/b.lua; ln -s nowhere $J/b.lua",
       "b? %s/b.lua is a symbolic link to nowhere, which does not exist\n"},
      {"ln -sfn b.lua $J/b.lua", "b? %s/b.lua is a symbolic link that leads back to itself\n"},
      {"rm $J/b.lua; truncate -s 100M $J/b.lua",
       "b? %s/b.lua has 100.0 MiB, a script may have 4 MiB\n"},
      {"printf 'x\\ny\\n  \\377' > $J/b.lua",
       "b? %s/b.lua:3: byte 0xff is not UTF-8, save the file in that encoding\n"},
      {"echo fine > $J/b.lua", "b=fine\n\n"},
      {"printf '\\377' > $J/b.lua",
       "b? %s/b.lua:1: byte 0xff is not UTF-8, save the file in that encoding\n"},
      {"echo fine > $J/b.lua",
       "b=fine\n\n"}, /* the same as before the problem: sent all the same */
      {"rm $J/b.lua", "b gone\n"},
      {"echo x > $J/9.lua", "9? %s/9.lua cannot be a script: script name \"9\": letters, digits, _ "
                            "and - only, a letter or _ first\n"},
      {"rm $J/9.lua", "9 gone\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct buffer text = {0};
    const char *folder = strstr(cases[i].problem, "%s");
    size_t before = folder ? (size_t)(folder - cases[i].problem) : strlen(cases[i].problem);
    buffer_append(&text, cases[i].problem, before);
    if (folder)
      buffer_printf(&text, "%s%s", bench->folder, folder + 2);
    shell(bench, "%s", cases[i].command);
    expect(bench, text.data);
    buffer_deinit(&text);
  }
}

static void says_that_a_file_is_unreadable(void **state)
{
  struct bench *bench = *state;
  char text[200];
  shell(bench, "chmod 755 . $J; chmod 0 $J/a.lua");
  bool is_root = geteuid() == 0;
  if (is_root && seteuid(65534) != 0)
    skip();
  snprintf(text, sizeof text, "a? %s/a.lua cannot be read: Permission denied\n", bench->folder);
  expect(bench, text);
  if (is_root)
    assert_int_equal(seteuid(0), 0);
  shell(bench, "chmod 644 $J/a.lua");
  expect(bench, "a=one\n\n");
}

static void rescans_when_asked(void **state)
{
  struct bench *bench = *state;
  shell(bench, "echo two > $J/a.lua; rm -f $J/b.lua; echo c > $J/c.lua");
  for (uint64_t tag = 7; tag <= 8; tag++) {
    struct message *ask = message_create(MESSAGE_RESCAN, ADDRESS_SCHEDULER, ADDRESS_FRONT);
    ask->tag = tag;
    watch_receive(bench->watch, ask);
  }
  expect(bench, "a=two\n\nc=c\n\nscanned 7\nscanned 8\n");
}

static void sends_scripts_whose_modules_change(void **state)
{
  struct bench *bench = *state;
  char modules[200];
  bench->is_loading = true;
  shell(bench, "mkdir $J/lib; echo m > $J/lib/m.lua; echo o > $J/lib/o.lua; echo e > e.lua;"
               "echo b > $J/b.lua; echo c > $J/c.lua; sleep 0.1");
  snprintf(modules, sizeof modules, "[\"%s/lib/m.lua\",\"%s/e.lua\"]", bench->folder, bench->root);
  set_modules(bench, "a", "[]");
  expect(bench, "b=b\n\nc=c\n\n");
  set_modules(bench, "a", modules);
  set_modules(bench, "b", "[]");
  expect(bench, "a=one\n\n"); /* e.lua is younger than what was sent */
  set_modules(bench, "a", modules);
  expect_nothing(bench);
  set_modules(bench, "c", NULL);
  shell(bench, "echo m2 > $J/lib/m.lua");
  expect(bench, "a=one\n\n");
  set_modules(bench, "a", modules);
  shell(bench, "touch $J/lib/m.lua; echo o2 > $J/lib/o.lua");
  expect_nothing(bench);
  shell(bench, "echo e2 > e.lua"); /* outside of the folder */
  expect(bench, "a=one\n\n");
  shell(bench, "echo o3 > $J/lib/o.lua"); /* a did not load, and may have waited for this */
  expect(bench, "a=one\n\n");
  set_modules(bench, "a", modules);
  shell(bench, "rm $J/lib/m.lua");
  expect(bench, "a=one\n\n");
  set_modules(bench, "a", modules);
  shell(bench, "echo m3 > $J/lib/m.lua");
  expect(bench, "a=one\n\n");
}

/* A module of which the watch did not know, saved between the sending and the answer. */
static void notices_a_module_that_changed_meanwhile(void **state)
{
  struct bench *bench = *state;
  char modules[200];
  bench->is_loading = true;
  snprintf(modules, sizeof modules, "[\"%s/e.lua\"]", bench->root);
  shell(bench, "echo e > e.lua");
  set_modules(bench, "a", modules);
  expect(bench, "a=one\n\n");
  set_modules(bench, "a", modules);
  expect_nothing(bench);
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, set_up_watched, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(scans_what_is_there, set_up, tear_down),
      cmocka_unit_test_setup_teardown(needs_a_folder, set_up, tear_down),
      WATCHED(sees_each_way_of_saving),
      WATCHED(waits_for_a_slow_writer),
      WATCHED(follows_git),
      WATCHED(follows_a_config_map),
      WATCHED(follows_a_folder_that_is_a_link),
      WATCHED(keeps_scripts_while_the_folder_is_gone),
      WATCHED(survives_many_writes),
      WATCHED(says_why_a_file_cannot_be_used),
      WATCHED(says_that_a_file_is_unreadable),
      WATCHED(rescans_when_asked),
      WATCHED(sends_scripts_whose_modules_change),
      WATCHED(notices_a_module_that_changed_meanwhile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
