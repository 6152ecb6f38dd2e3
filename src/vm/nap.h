/* A wait for an instant that something may end before. Never shorter than asked, else. On the
 * worker's thread. */
#ifndef VM_NAP_H
#define VM_NAP_H

#include <lua.h>
#include <stdint.h>

#include "base/heap.h"
#include "vm/wait.h"

struct nap {
  struct wait wait;      /* first; released by its kind */
  struct heap_node node; /* us: when it is over, monotonic */
};

/* As wait_begin(), for so long. */
int nap_begin(lua_State *L, struct nap *nap, int64_t us, const struct wait_kind *kind);

/* Now. Nothing when it is over already. */
void nap_end(struct nap *nap);

#endif
