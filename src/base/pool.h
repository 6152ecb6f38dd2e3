/* Items of one size, many of them: without malloc's header each, and side by side, so that what
 * lives long does not lie between what was freed long ago.
 *
 * Not for several threads at once. With AddressSanitizer each item is a block of malloc's. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

enum { POOL_ITEM_MAX = 1024 };

struct pool_block;

struct pool {
  size_t size;
  struct pool_block *roomy; /* blocks with a free place */
  size_t blocks;
};

/* For items of `size` bytes, at most POOL_ITEM_MAX; they are aligned to 8 bytes. */
void pool_init(struct pool *pool, size_t size);
/* All items must have been given back. */
void pool_deinit(struct pool *pool);

void *pool_take(struct pool *pool); /* not zeroed */
void pool_give(struct pool *pool, void *item);

#endif
