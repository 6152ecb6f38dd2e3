/* Memory for what Lua allocates: small blocks come from pools, one for each size in steps of 8
 * bytes, which all states of a worker share. Lua says how large a block is when it frees it, so
 * none needs a header: a state takes a tenth less, and less time. On the worker's thread. */
#ifndef VM_BLOCKS_H
#define VM_BLOCKS_H

#include <stddef.h>

#include "base/pool.h"

enum { BLOCKS_STEP = 8, BLOCKS_SMALL_MAX = 256 };

struct blocks {
  struct pool pools[BLOCKS_SMALL_MAX / BLOCKS_STEP];
};

void blocks_init(struct blocks *blocks);
void blocks_deinit(struct blocks *blocks); /* all must be free */

/* As realloc, both sizes being known; `block` NULL: a new one; `new_size` 0: frees it, gives NULL.
 */
void *blocks_resize(struct blocks *blocks, void *block, size_t old_size, size_t new_size);

#endif
