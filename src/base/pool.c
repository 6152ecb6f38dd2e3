/* Blocks of 16 KiB, aligned to their size, so that an item's address tells its block. A block has a
 * list of the places that were given back; behind `begun` nothing was touched yet. Blocks with a
 * free place stand in a list, full ones in none. A block that has become empty is freed, unless no
 * other has room. */
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

#ifdef __SANITIZE_ADDRESS__

void pool_init(struct pool *pool, size_t size)
{
  *pool = (struct pool){.size = size};
}

void pool_deinit(struct pool *pool)
{
  (void)pool;
}

void *pool_take(struct pool *pool)
{
  return memory_alloc(pool->size);
}

void pool_give(struct pool *pool, void *item)
{
  (void)pool;
  free(item);
}

#else

enum {
  ALIGNMENT = 16 << 10,
  BLOCK_SIZE = ALIGNMENT - 16, /* as malloc puts its header before the next */
};

struct place {
  struct place *next;
};

struct pool_block {
  struct pool_block *next, *previous; /* in pool.roomy */
  struct place *free;
  uint32_t used;
  uint32_t begun; /* offset of what was never used */
};

void pool_init(struct pool *pool, size_t size)
{
  assert(size <= POOL_ITEM_MAX);
  size_t least = size < sizeof(struct place) ? sizeof(struct place) : size;
  *pool = (struct pool){.size = (least + 7) / 8 * 8};
}

void pool_deinit(struct pool *pool)
{
  struct pool_block *block = pool->roomy;
  assert(pool->blocks == (block ? 1 : 0) && (!block || block->used == 0));
  free(block);
  *pool = (struct pool){0};
}

static void insert(struct pool *pool, struct pool_block *block)
{
  block->previous = NULL;
  block->next = pool->roomy;
  if (block->next)
    block->next->previous = block;
  pool->roomy = block;
}

static void take_out(struct pool *pool, struct pool_block *block)
{
  if (block->previous)
    block->previous->next = block->next;
  else
    pool->roomy = block->next;
  if (block->next)
    block->next->previous = block->previous;
}

static bool is_full(const struct pool *pool, const struct pool_block *block)
{
  return !block->free && block->begun + pool->size > BLOCK_SIZE;
}

static struct pool_block *add_block(struct pool *pool)
{
  struct pool_block *block = memory_aligned(ALIGNMENT, BLOCK_SIZE);
  *block = (struct pool_block){.begun = sizeof *block};
  pool->blocks++;
  insert(pool, block);
  return block;
}

void *pool_take(struct pool *pool)
{
  struct pool_block *block = pool->roomy ? pool->roomy : add_block(pool);
  struct place *place = block->free;
  if (place) {
    block->free = place->next;
  } else {
    place = (struct place *)(void *)((char *)block + block->begun);
    block->begun += (uint32_t)pool->size;
  }
  block->used++;
  if (is_full(pool, block))
    take_out(pool, block);
  return place;
}

void pool_give(struct pool *pool, void *item)
{
  struct pool_block *block = (struct pool_block *)((uintptr_t)item & ~(uintptr_t)(ALIGNMENT - 1));
  struct place *place = item;
  bool was_full = is_full(pool, block);
  place->next = block->free;
  block->free = place;
  block->used--;
  if (was_full)
    insert(pool, block);
  if (block->used == 0 && (block->next || block->previous)) {
    take_out(pool, block);
    pool->blocks--;
    free(block);
  }
}

#endif
