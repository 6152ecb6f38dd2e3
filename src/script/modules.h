/* The files that scripts `require`: which there are and which have changed. A module is known by
 * the path under which it was met, in a subfolder of the jobs folder or in a script's list; one
 * file met under two paths is two modules that change together. Used by scan.c only, on its thread.
 */
#ifndef SCRIPT_MODULES_H
#define SCRIPT_MODULES_H

#include "script/source.h"

struct modules; /* NULL is an empty set */

void modules_deinit(struct modules **modules);

/* Between two looks each module that still matters is met. One that is `named` by a script was in
 * use before it was met, so that its first look is no change. */
void modules_meet(struct modules **modules, const char *path, bool is_named);

bool modules_has(const struct modules *modules, const char *path);

/* For each that is new, changed or gone: `changed`; for each that lies outside of the folders that
 * are walked: `outside`. Those that were not met and are gone are forgotten. False when something
 * must be looked at again soon. */
struct modules_visitor {
  void (*changed)(void *context, const char *path);
  void (*outside)(void *context, const char *path);
  void *context;
};
bool modules_look(struct modules **modules, const struct moment *moment,
                  const struct modules_visitor *visitor);

#endif
