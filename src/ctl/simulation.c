#include "ctl/simulation.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static void *add(void **items, size_t *count, size_t *capacity, size_t size)
{
  if (*count == *capacity) {
    *capacity = *capacity ? *capacity * 2 : 16;
    *items = memory_resize(*items, *capacity * size);
  }
  void *item = (char *)*items + (*count)++ * size;
  return memset(item, 0, size);
}

#define ADD(simulation, name)                                                                      \
  add((void **)&(simulation)->name##s, &(simulation)->name##_count,                                \
      &(simulation)->name##_capacity, sizeof *(simulation)->name##s)

struct simulation_job *simulation_add_job(struct simulation *simulation)
{
  return ADD(simulation, job);
}

struct simulation_attempt *simulation_add_attempt(struct simulation *simulation)
{
  return ADD(simulation, attempt);
}

struct simulation_skip *simulation_add_skip(struct simulation *simulation)
{
  return ADD(simulation, skip);
}

struct simulation_pool *simulation_add_pool(struct simulation *simulation)
{
  return ADD(simulation, pool);
}

struct simulation_problem *simulation_add_problem(struct simulation *simulation)
{
  return ADD(simulation, problem);
}

void simulation_deinit(struct simulation *simulation)
{
  for (size_t i = 0; i < simulation->job_count; i++) {
    job_destroy(simulation->jobs[i].job);
    free(simulation->jobs[i].error);
  }
  for (size_t i = 0; i < simulation->attempt_count; i++)
    free(simulation->attempts[i].key);
  for (size_t i = 0; i < simulation->skip_count; i++)
    free(simulation->skips[i].key);
  for (size_t i = 0; i < simulation->pool_count; i++)
    free(simulation->pools[i].name);
  for (size_t i = 0; i < simulation->problem_count; i++) {
    free(simulation->problems[i].script);
    free(simulation->problems[i].text);
  }
  free(simulation->jobs);
  free(simulation->attempts);
  free(simulation->skips);
  free(simulation->pools);
  free(simulation->problems);
  *simulation = (struct simulation){0};
}

const struct simulation_wish *simulation_find_wish(const struct simulation_wish *wishes,
                                                   size_t count, const char *id)
{
  while (count-- > 0)
    if (text_matches(wishes[count].pattern, id))
      return &wishes[count];
  return NULL;
}
