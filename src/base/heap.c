
#include "base/heap.h"

#include <stdlib.h>

#include "base/memory.h"

void heap_deinit(struct heap *heap)
{
  free(heap->nodes);
  *heap = (struct heap){0};
}

struct heap_node *heap_first(const struct heap *heap)
{
  return heap->count ? heap->nodes[0] : NULL;
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
  return a->us != b->us ? a->us < b->us : a->number < b->number;
}

static void place(struct heap *heap, size_t index, struct heap_node *node)
{
  heap->nodes[index] = node;
  node->heap = heap;
  node->index = index;
}

static size_t move_up(struct heap *heap, size_t index, struct heap_node *node)
{
  while (index > 0 && before(node, heap->nodes[(index - 1) / 2])) {
    place(heap, index, heap->nodes[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  return index;
}

static size_t move_down(struct heap *heap, size_t index, struct heap_node *node)
{
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= heap->count)
      return index;
    if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
      child++;
    if (!before(heap->nodes[child], node))
      return index;
    place(heap, index, heap->nodes[child]);
    index = child;
  }
}

static void settle(struct heap *heap, size_t index, struct heap_node *node)
{
  index = move_up(heap, index, node);
  index = move_down(heap, index, node);
  place(heap, index, node);
}

void heap_put(struct heap *heap, struct heap_node *node)
{
  if (node->heap == heap) {
    settle(heap, node->index, node);
    return;
  }
  heap_remove(node);
  if (heap->count == heap->capacity) {
    heap->capacity = heap->capacity ? heap->capacity * 2 : 64;
    heap->nodes = memory_resize(heap->nodes, heap->capacity * sizeof *heap->nodes);
  }
  heap->count++;
  place(heap, move_up(heap, heap->count - 1, node), node);
}

void heap_remove(struct heap_node *node)
{
  struct heap *heap = node->heap;
  if (!heap)
    return;
  node->heap = NULL;
  struct heap_node *last = heap->nodes[--heap->count];
  if (last != node)
    settle(heap, node->index, last);
}

static int by_order(const void *a, const void *b)
{
  const struct heap_node *x = *(struct heap_node *const *)a, *y = *(struct heap_node *const *)b;
  return before(x, y) ? -1 : before(y, x) ? 1 : 0;
}

void heap_cut(struct heap *heap, size_t keep)
{
  /* What is sorted is a heap. */
  qsort(heap->nodes, heap->count, sizeof *heap->nodes, by_order);
  for (size_t i = 0; i < heap->count; i++) {
    heap->nodes[i]->heap = i < keep ? heap : NULL;
    heap->nodes[i]->index = i;
  }
  if (heap->count > keep)
    heap->count = keep;
}

bool heap_check(const struct heap *heap)
{
  for (size_t i = 0; i < heap->count; i++)
    if (heap->nodes[i]->heap != heap || heap->nodes[i]->index != i ||
        (i && before(heap->nodes[i], heap->nodes[(i - 1) / 2])))
      return false;
  return true;
}
