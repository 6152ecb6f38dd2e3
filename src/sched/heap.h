/* A binary heap of nodes that lie in their owners, smallest (us, number) first. A node knows its
 * place, so that it can be moved or taken out from anywhere. */
#ifndef SCHED_HEAP_H
#define SCHED_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
  int64_t us;
  int64_t number;
  size_t place; /* 0: in no heap; else its index + 1 */
};

struct heap {
  struct heap_node **nodes;
  size_t count, capacity;
};

void heap_deinit(struct heap *heap);
struct heap_node *heap_first(const struct heap *heap); /* NULL when empty */
/* Puts the node in, or moves it, for its present `us` and `number`. */
void heap_put(struct heap *heap, struct heap_node *node);
void heap_remove(struct heap *heap, struct heap_node *node); /* nothing when it is in none */
bool heap_check(const struct heap *heap);                    /* the order holds everywhere */

#endif
