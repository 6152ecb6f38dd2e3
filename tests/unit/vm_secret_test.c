/* Whose files are read as secrets, and what reading one does to the process. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/redact.h"
#include "support/scratch.h"
#include "support/vm_unit.h"
#include "vm/secret.h"
#include "vm/state.h"

static char *folder;

static void put(const char *name, const char *text, size_t size, mode_t mode)
{
  char *path = memory_printf("%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fwrite(text, 1, size, file);
  fclose(file);
  assert_int_equal(chmod(path, mode), 0);
  free(path);
}

static void check(const char *name, enum error_code code, const char *expected)
{
  struct buffer value = {0};
  struct error error = {0};
  assert_int_equal(secret_read(name, &value, &error), code);
  if (code && !strstr(error.text, expected))
    fail_msg("%s", error.text);
  if (!code)
    assert_string_equal(value.data, expected);
  buffer_deinit(&value);
}

static int set_up(void **state)
{
  (void)state;
  folder = scratch_folder();
  put("plain", "word", 4, 0600);
  put("line", "word\n", 5, 0400);
  put("lines", "a\n\n", 3, 0600);
  put("dos", "word\r\n", 6, 0600);
  put("empty", "", 0, 0600);
  put("group", "word", 4, 0640);
  put("world", "word", 4, 0604);
  put("written", "word", 4, 0602);
  char *large = memory_alloc(SECRET_SIZE_MAX + 1);
  put("large", large, SECRET_SIZE_MAX + 1, 0600);
  free(large);
  char *path = memory_printf("%s/folder", folder);
  mkdir(path, 0700);
  free(path);
  return 0;
}

static void reads_what_is_private(void **state)
{
  (void)state;
  unsetenv("CREDENTIALS_DIRECTORY");
  secret_set_folder(NULL);
  check("plain", ERROR_NOT_FOUND, "there is no secret \"plain\" in any folder");
  secret_set_folder(folder);
  check("plain", ERROR_OK, "word");
  check("line", ERROR_OK, "word");
  check("lines", ERROR_OK, "a\n");
  check("dos", ERROR_OK, "word");
  check("empty", ERROR_OK, "");
  check("group", ERROR_PERMISSION, "(mode 0640): chmod 600 it");
  check("world", ERROR_PERMISSION, "(mode 0604): chmod 600 it");
  check("written", ERROR_PERMISSION, "(mode 0602): chmod 600 it");
  check("large", ERROR_LIMIT, "is over the limit of 65536 bytes");
  check("folder", ERROR_INVALID, "is no plain file");
  check("plan", ERROR_NOT_FOUND, "did you mean \"plain\"?");
  static const char *const names[] = {"", ".", "..", ".x", "a/b", "a b", "../x", "a\nb"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    check(names[i], ERROR_USAGE, "the name of a secret has letters");
}

static void credentials_come_second(void **state)
{
  (void)state;
  secret_set_folder("/nowhere/at/all");
  setenv("CREDENTIALS_DIRECTORY", folder, 1);
  check("plain", ERROR_OK, "word");
  check("group", ERROR_OK, "word"); /* as access lists show there */
  check("world", ERROR_PERMISSION, "(mode 0604)");
  char *expected = memory_printf("in /nowhere/at/all or %s", folder);
  check("missing", ERROR_NOT_FOUND, expected);
  free(expected);
}

static void no_core_is_left(void **state)
{
  (void)state;
  struct vm vm = {0};
  struct buffer value = {0};
  buffer_append_text(&value, "value");
  assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
  char *text = vm_redact(&vm, memory_strdup("a value"));
  assert_string_equal(text, "a value");
  secret_remember(&vm, "name", &value);
  assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
  text = vm_redact(&vm, text);
  assert_string_equal(text, "a ***");
  assert_string_equal(vm_secret_in(&vm, "value"), "name");
  assert_null(vm_redact(&vm, NULL));
  free(text);
  redact_destroy(vm.secrets);
  buffer_deinit(&value);
}

/* What the script prints, or its error, shows nothing of it. */
static void check_shown(const char *source, const char *expected)
{
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm(&bench);
  struct piece *piece = piece_start(vm, source, 0);
  piece_wait(&bench, piece);
  const char *shown = piece->outcome == VM_SUCCEEDED ? piece->log.data : piece->error;
  if (strncmp(shown, expected, strlen(expected)) != 0)
    fail_msg("%s\n  shows    %s\n  expected %s", source, shown, expected);
  assert_null(strstr(shown, "LONG")); /* as all values here begin */
  piece_free(piece);
  vm_kill_all(vm);
  vm_destroy(vm);
  bench_close(&bench);
}

static void no_cut_shows_a_part(void **state)
{
  (void)state;
  char token[3008];
  memset(token, 'x', sizeof token);
  memcpy(token, "LONG", 4);
  put("TOKEN", token, 3007, 0600);
  put("KEY", "LONGKEYabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 69, 0600);
  put("BIN", "LONG\xff\xfe\x01\r\n1LONG", 14, 0600);
  put("DOS", "LONG line 1\r\nLONG line 2\r\n", 26, 0600);
  secret_set_folder(folder);
  static const char *const cases[][2] = {
      {"log.info { token = secret 'TOKEN' }", "{ token = \"***\" }"},
      {"log.info { [secret 'TOKEN'] = 1 }", "{\n  *** = 1,\n}"},
      {"error(('x'):rep(1500) .. inspect(secret 'TOKEN'))", "t.lua:1: xxx"},
      {"print(inspect(secret 'BIN'))", "\"***\""},
      {"print(('%q'):format(secret 'BIN'))", "\"***\""},
      {"for l in secret('DOS'):gmatch '[^\\r\\n]+' do print(l) end", "***\n***\n"},
      {"for l in secret('DOS'):gmatch '[^\\n]+' do print(l) end", "***\n***\n"},
      {"local db = sqlite.open ':memory:' db:exec(\"INSERT INTO keys VALUES ('\" .. secret 'TOKEN' "
       ".. \"')\")",
       "t.lua:1: db:exec: no such table: keys in \"INSERT INTO keys VALUES ('***...\""},
      {"load(\"local x = '\" .. secret 'KEY' .. \"' error('boo')\")()",
       "[string \"local x = '***...\"]:1: boo"},
      {"load('error(\"boo\")', '=' .. secret 'KEY')()", "***:1: boo"},
      {"load('error(\"boo\")', '@' .. secret 'KEY')()", "***:1: boo"},
      {"fs.read(secret 'KEY', secret 'TOKEN')", "t.lua:1: fs.read: options must be a table"},
      {"fs.read('a', { offset = secret 'TOKEN' })",
       "t.lua:1: fs.read: offset must be an integer, got ***..."},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    check_shown(cases[i][0], cases[i][1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_is_private), cmocka_unit_test(credentials_come_second),
      cmocka_unit_test(no_core_is_left), cmocka_unit_test(no_cut_shows_a_part)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
