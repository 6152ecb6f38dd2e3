#include "vm/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void blocks_init(struct blocks *blocks)
{
  for (size_t i = 0; i < BLOCKS_SMALL_MAX / BLOCKS_STEP; i++)
    pool_init(&blocks->pools[i], (i + 1) * BLOCKS_STEP);
}

void blocks_deinit(struct blocks *blocks)
{
  for (size_t i = 0; i < BLOCKS_SMALL_MAX / BLOCKS_STEP; i++)
    pool_deinit(&blocks->pools[i]);
}

/* NULL: not a small one. */
static struct pool *pool_of(struct blocks *blocks, size_t size)
{
  return size <= BLOCKS_SMALL_MAX ? &blocks->pools[(size - 1) / BLOCKS_STEP] : NULL;
}

static void *take(struct pool *pool, size_t size)
{
  return pool ? pool_take(pool) : memory_resize(NULL, size);
}

static void give(struct pool *pool, void *block)
{
  if (pool)
    pool_give(pool, block);
  else
    free(block);
}

void *blocks_resize(struct blocks *blocks, void *block, size_t old_size, size_t new_size)
{
  struct pool *from = block ? pool_of(blocks, old_size) : NULL;
  struct pool *to = new_size > 0 ? pool_of(blocks, new_size) : NULL;
  if (!block)
    return new_size > 0 ? take(to, new_size) : NULL;
  if (new_size == 0) {
    give(from, block);
    return NULL;
  }
  if (from == to)
    return from ? block : memory_resize(block, new_size);
  void *copy = take(to, new_size);
  memcpy(copy, block, old_size < new_size ? old_size : new_size);
  give(from, block);
  return copy;
}
