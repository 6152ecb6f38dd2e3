/* uthash, whose tables take their memory as all else does: by itself it ends the process with
 * status 255 and without a word when there is none. The only file that includes it. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/memory.h"

#define uthash_malloc(size) memory_resize(NULL, size)

#include <uthash.h>

#endif
