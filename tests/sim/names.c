#include "sim/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/run.h"
#include "sim/book.h"

void names_add(struct names *names, const char *name)
{
  if (names->count == names->capacity) {
    names->capacity = names->capacity ? names->capacity * 2 : 64;
    names->list = memory_resize(names->list, names->capacity * sizeof *names->list);
  }
  names->list[names->count++] = memory_strdup(name);
}

void names_add_run(struct names *names, const char *job, int64_t scheduled_us, int64_t attempt)
{
  struct buffer id = {0};
  run_format_id(&id, job, scheduled_us);
  if (attempt)
    buffer_printf(&id, ", attempt %lld", (long long)attempt);
  names_add(names, id.data);
  buffer_deinit(&id);
}

static int compare(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct names *names)
{
  if (names->count)
    qsort(names->list, names->count, sizeof *names->list, compare);
}

static void free_names(struct names *names)
{
  for (size_t i = 0; i < names->count; i++)
    free(names->list[i]);
  free(names->list);
}

void names_compare(const char *who, struct names *ended, struct names *heard)
{
  sort(ended);
  sort(heard);
  for (size_t i = 0; i < ended->count || i < heard->count; i++) {
    int order = i == ended->count   ? 1
                : i == heard->count ? -1
                                    : strcmp(ended->list[i], heard->list[i]);
    bool is_twice = i > 0 && i < heard->count && strcmp(heard->list[i], heard->list[i - 1]) == 0;
    if (order < 0)
      blame("%s: %s has ended, and it does not hear of that", who, ended->list[i]);
    if (order > 0)
      blame("%s: hears %s of the end of %s", who, is_twice ? "twice" : "too early", heard->list[i]);
  }
  free_names(ended);
  free_names(heard);
}
