/* The library as a whole, by walking over the tables that scripts see: what is there is documented.
 */
#include "support/unit.h"

#include "support/vm_unit.h"

/* Lua's own, and the words of job files, which doc.lua tells of one by one. */
static const char walk[] =
    "local own = {} "
    "for name in ('_G coroutine math string table utf8 scheduler'):gmatch('%S+') do own[name] = "
    "true end "
    "own.os, own.io = true, true "
    "local names = { 'exec', 'inspect', 'lock', 'secret', 'sleep', 'os.execute', 'io.popen' } "
    "for library, members in pairs(_G) do "
    "  if type(members) == 'table' and not own[library] then "
    "    names[#names + 1] = library "
    "    for name, member in pairs(members) do "
    "      if type(member) == 'function' then names[#names + 1] = library .. '.' .. name end "
    "    end "
    "  end "
    "end "
    "table.sort(names) "
    "for _, name in ipairs(names) do help(name) end "
    "return #names > 60 and 'walked' or table.concat(names, ' ')";

static void test_help_knows_all(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *vm = bench_vm_with(&bench, (struct vm_options){.script = "console"});
  struct piece *piece = piece_start(vm, walk, 0);
  piece_wait(&bench, piece);
  assert_string_equal(piece->error, "");
  assert_string_equal(piece->result, "walked");
  buffer_append_byte(&piece->log, '\0');
  const char *missing = strstr(piece->log.data, "no help on");
  if (missing)
    fail_msg("%.*s", (int)strcspn(missing, "\n"), missing);
  piece_free(piece);
  vm_destroy(vm);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_help_knows_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
