/* A heap of nodes that lie in their owners, smallest (us, number) first. A node knows its place, so
 * that it can be moved or taken out from anywhere.
 *
 * Each place has four below it and the order's numbers beside the pointer: a hundred thousand nodes
 * are nine steps deep, and a step reads neighbours in one array, not owners all over the memory
 * (LaMarca and Ladner, The influence of caches on the performance of heaps, 1996). */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap;

struct heap_node {
  int64_t us;
  int64_t number;
  struct heap *heap; /* it lies in; NULL: in none */
  size_t index;
};

/* What a node lies in: `type`, as its `member`. */
#define heap_owner(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The node's numbers as they were when it was put. */
struct heap_place {
  int64_t us;
  int64_t number;
  struct heap_node *node;
};

struct heap {
  struct heap_place *places;
  size_t count, capacity;
};

void heap_deinit(struct heap *heap);
struct heap_node *heap_first(const struct heap *heap); /* NULL when empty */
/* Puts the node in, or moves it, for its present `us` and `number`; out of another heap if need be.
 */
void heap_put(struct heap *heap, struct heap_node *node);
void heap_remove(struct heap_node *node); /* nothing when it is in none */
/* Adds `us` to each node's; their order stays. */
void heap_shift(struct heap *heap, int64_t us);
/* Keeps the `keep` first nodes; the others are in no heap then and lie behind them in `places`. */
void heap_cut(struct heap *heap, size_t keep);
bool heap_check(const struct heap *heap); /* the order holds everywhere */

#endif
