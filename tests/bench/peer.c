/* APScheduler in the same round, where it is installed, so that a ratio means something on a
 * machine whose speed drifts. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void bench_peer(const struct bench_options *options)
{
  char line[256];
  char *command = memory_printf("mkdir -p '%s' && /usr/bin/python3 '%s' '%s' %d 2>/dev/null",
                                options->folder, BENCH_PEER, options->folder, options->scale);
  FILE *pipe = popen(command, "r");
  free(command);
  bool any = false;
  while (pipe && fgets(line, sizeof line, pipe)) {
    char *value = strchr(line, '\t'), *unit = value ? strchr(value + 1, '\t') : NULL;
    if (!unit)
      continue;
    *value++ = *unit++ = '\0';
    unit[strcspn(unit, "\n")] = '\0';
    bench_report(line, atof(value), unit);
    any = true;
  }
  if (pipe)
    pclose(pipe);
  if (!any)
    fprintf(stderr, "  no APScheduler here (python3-apscheduler, python3-sqlalchemy): no ratios\n");
}
