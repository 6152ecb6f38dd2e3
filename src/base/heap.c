#include "base/heap.h"

#include <stdlib.h>

#include "base/memory.h"

enum { BRANCHES = 4, CAPACITY_LEAST = 64 };

void heap_deinit(struct heap *heap)
{
  free(heap->places);
  *heap = (struct heap){0};
}

struct heap_node *heap_first(const struct heap *heap)
{
  return heap->count ? heap->places[0].node : NULL;
}

static void resize(struct heap *heap, size_t capacity)
{
  heap->capacity = capacity;
  heap->places = memory_resize(heap->places, capacity * sizeof *heap->places);
}

static bool before(const struct heap_place *a, const struct heap_place *b)
{
  return a->us != b->us ? a->us < b->us : a->number < b->number;
}

static struct heap_place place_for(struct heap_node *node)
{
  return (struct heap_place){.us = node->us, .number = node->number, .node = node};
}

static void fill(struct heap *heap, size_t index, const struct heap_place *place)
{
  heap->places[index] = *place;
  place->node->heap = heap;
  place->node->index = index;
}

static size_t move_up(struct heap *heap, size_t index, const struct heap_place *place)
{
  while (index > 0) {
    const struct heap_place *parent = &heap->places[(index - 1) / BRANCHES];
    if (!before(place, parent))
      break;
    fill(heap, index, parent);
    index = (index - 1) / BRANCHES;
  }
  return index;
}

/* Of those below it; heap->count when there are none. */
static size_t first_below(const struct heap *heap, size_t index)
{
  size_t child = BRANCHES * index + 1, end = child + BRANCHES;
  if (child >= heap->count)
    return heap->count;
  if (end > heap->count)
    end = heap->count;
  for (size_t other = child + 1; other < end; other++)
    if (before(&heap->places[other], &heap->places[child]))
      child = other;
  return child;
}

static size_t move_down(struct heap *heap, size_t index, const struct heap_place *place)
{
  size_t child;
  while ((child = first_below(heap, index)) < heap->count && before(&heap->places[child], place)) {
    fill(heap, index, &heap->places[child]);
    index = child;
  }
  return index;
}

static void settle(struct heap *heap, size_t index, struct heap_node *node)
{
  struct heap_place place = place_for(node);
  index = move_up(heap, index, &place);
  index = move_down(heap, index, &place);
  fill(heap, index, &place);
}

void heap_put(struct heap *heap, struct heap_node *node)
{
  if (node->heap == heap) {
    settle(heap, node->index, node);
    return;
  }
  heap_remove(node);
  if (heap->count == heap->capacity)
    resize(heap, heap->capacity ? heap->capacity * 2 : CAPACITY_LEAST);
  struct heap_place place = place_for(node);
  heap->count++;
  fill(heap, move_up(heap, heap->count - 1, &place), &place);
}

void heap_remove(struct heap_node *node)
{
  struct heap *heap = node->heap;
  if (!heap)
    return;
  node->heap = NULL;
  struct heap_node *last = heap->places[--heap->count].node;
  if (last != node)
    settle(heap, node->index, last);
  if (heap->capacity > CAPACITY_LEAST && heap->count < heap->capacity / 4)
    resize(heap, heap->capacity / 2);
}

void heap_shift(struct heap *heap, int64_t us)
{
  for (size_t i = 0; i < heap->count; i++)
    heap->places[i].us = heap->places[i].node->us += us;
}

static int by_order(const void *a, const void *b)
{
  return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

void heap_cut(struct heap *heap, size_t keep)
{
  /* What is sorted is a heap. */
  qsort(heap->places, heap->count, sizeof *heap->places, by_order);
  for (size_t i = 0; i < heap->count; i++) {
    heap->places[i].node->heap = i < keep ? heap : NULL;
    heap->places[i].node->index = i;
  }
  if (heap->count > keep)
    heap->count = keep;
}

bool heap_check(const struct heap *heap)
{
  for (size_t i = 0; i < heap->count; i++) {
    const struct heap_place *place = &heap->places[i];
    const struct heap_node *node = place->node;
    if (node->heap != heap || node->index != i || node->us != place->us ||
        node->number != place->number || (i && before(place, &heap->places[(i - 1) / BRANCHES])))
      return false;
  }
  return true;
}
