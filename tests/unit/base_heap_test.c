#include "support/unit.h"

#include <stdlib.h>

#include "base/heap.h"

enum { NODES = 500 };

static void keeps_its_order(void **state)
{
  struct heap heap = {0}, other = {0};
  static struct heap_node nodes[NODES];
  (void)state;
  srand(7);
  for (int step = 0; step < 20000; step++) {
    struct heap_node *node = &nodes[rand() % NODES];
    node->number = node - nodes;
    if (rand() % 3 == 0) {
      heap_remove(node);
    } else {
      node->us = rand() % 100;
      heap_put(rand() % 5 == 0 ? &other : &heap, node);
    }
    if (step % 100 == 0) {
      assert_true(heap_check(&heap));
      assert_true(heap_check(&other));
    }
  }
  int64_t first_us = heap_first(&heap)->us;
  heap_shift(&heap, 7);
  assert_int_equal(heap_first(&heap)->us, first_us + 7);
  assert_true(heap_check(&heap));
  size_t count = heap.count;
  heap_cut(&heap, count / 2);
  assert_int_equal(heap.count, count / 2);
  assert_true(heap_check(&heap));
  int64_t last_us = -1;
  for (struct heap_node *node; (node = heap_first(&heap)); heap_remove(node)) {
    assert_true(node->us >= last_us);
    last_us = node->us;
  }
  assert_int_equal(heap.count, 0);
  heap_deinit(&heap);
  heap_deinit(&other);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_its_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
