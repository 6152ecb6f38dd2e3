/* What a script had declared and declares no longer. They are gathered while the store is read, and
 * dropped when it is read to the end. */
#include "sched/orphans.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

bool orphans_see(struct orphans *orphans, const char *name, const char *script)
{
  if (script && strcmp(script, orphans->script) == 0 && !json_get(orphans->declared, name)) {
    orphans->names = memory_resize(orphans->names, (orphans->count + 1) * sizeof *orphans->names);
    orphans->names[orphans->count++] = memory_strdup(name);
  }
  return true;
}

void orphans_drop(struct sched *s, struct orphans *orphans,
                  void (*drop)(struct sched *s, const char *name))
{
  for (size_t i = 0; i < orphans->count; i++) {
    if (!s->failure)
      drop(s, orphans->names[i]);
    free(orphans->names[i]);
  }
  free(orphans->names);
}
