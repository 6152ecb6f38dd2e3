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

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_is_private),
                                     cmocka_unit_test(credentials_come_second),
                                     cmocka_unit_test(no_core_is_left)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
