/* A hash without memory for its table ends the process as all else without memory does: with a
 * sentence. In a child, as it is the end. */
#include "support/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"

/* Sanitizers and valgrind have allocators of their own, which do not come to an end like malloc. */
static bool can_run_out(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  const char *preloaded = getenv("LD_PRELOAD");
  return !preloaded || !strstr(preloaded, "vgpreload");
#endif
}

struct item {
  int key;
  UT_hash_handle hh;
};

static void use_up_memory(void)
{
  struct rlimit none = {0};
  setrlimit(RLIMIT_AS, &none);
  for (size_t size = 1 << 20; size >= 16; size /= 2)
    while (malloc(size)) {
    }
}

static _Noreturn void add_without_memory(int output)
{
  static struct item item, *items;
  dup2(output, STDERR_FILENO);
  setvbuf(stderr, NULL, _IONBF, 0);
  use_up_memory();
  HASH_ADD_INT(items, key, &item);
  _exit(0);
}

static void without_memory_it_says_so(void **state)
{
  (void)state;
  char text[256] = "";
  int ends[2], status;
  if (!can_run_out())
    skip();
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0)
    add_without_memory(ends[1]);
  close(ends[1]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(read(ends[0], text, sizeof text - 1) > 0);
  close(ends[0]);
  assert_non_null(strstr(text, "moonbeat: out of memory ("));
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void keeps_what_is_added(void **state)
{
  (void)state;
  static struct item space[1000];
  struct item *items = NULL, *found;
  for (int i = 0; i < 1000; i++) {
    space[i].key = i * 7;
    HASH_ADD_INT(items, key, &space[i]);
  }
  for (int key = 0; key < 7000; key++) {
    HASH_FIND_INT(items, &key, found);
    assert_ptr_equal(found, key % 7 == 0 ? &space[key / 7] : NULL);
  }
  HASH_CLEAR(hh, items);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_what_is_added),
      cmocka_unit_test(without_memory_it_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
