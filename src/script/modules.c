#include "script/modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

struct modules {
  struct source source; /* its path is the key */
  bool is_met, is_walked;
  bool is_quiet; /* its first look tells nothing */
  UT_hash_handle hh;
};

static void forget(struct modules **modules, struct modules *module)
{
  HASH_DEL(*modules, module);
  source_deinit(&module->source);
  free(module);
}

void modules_deinit(struct modules **modules)
{
  struct modules *module, *next;
  HASH_ITER(hh, *modules, module, next)
    forget(modules, module);
}

void modules_meet(struct modules **modules, const char *path, bool is_named)
{
  struct modules *module;
  HASH_FIND_STR(*modules, path, module);
  if (!module) {
    module = memory_alloc(sizeof *module);
    source_init(&module->source, path);
    module->is_quiet = is_named;
    HASH_ADD_KEYPTR(hh, *modules, module->source.path, strlen(module->source.path), module);
  }
  module->is_met = true;
  module->is_walked = module->is_walked || !is_named;
}

bool modules_has(const struct modules *modules, const char *path)
{
  struct modules *module;
  HASH_FIND_STR(modules, path, module);
  return module != NULL;
}

bool modules_look(struct modules **modules, const struct moment *moment,
                  const struct modules_visitor *visitor)
{
  bool is_settled = true;
  struct modules *module, *next;
  HASH_ITER(hh, *modules, module, next) {
    struct moment when = *moment;
    when.is_first = when.is_first || module->is_quiet;
    enum source_change change = source_look(&module->source, &when, NULL, NULL);
    is_settled = is_settled && source_is_settled(&module->source, change);
    if (change != LOOK_SAME && change != LOOK_UNSETTLED && !module->is_quiet)
      visitor->changed(visitor->context, module->source.path);
    module->is_quiet = module->is_quiet && change == LOOK_UNSETTLED;
    if (!module->is_walked)
      visitor->outside(visitor->context, module->source.path);
    if (!module->is_met && change != LOOK_UNSETTLED)
      forget(modules, module);
    else
      module->is_met = false;
  }
  return is_settled;
}
