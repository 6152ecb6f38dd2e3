#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

enum { ITEMS = 3000, BYTES_MAX = 720 };

/* Each item holds its own number in all its bytes. */
static unsigned char *items[ITEMS];

static void check_item(int i, size_t size)
{
  for (size_t at = 0; at < size; at++)
    if (items[i][at] != (unsigned char)i)
      fail_msg("item %d of %zu bytes was written to by another", i, size);
}

static void toggle(struct pool *pool, int i, size_t size)
{
  if (items[i]) {
    check_item(i, size);
    pool_give(pool, items[i]);
    items[i] = NULL;
  } else {
    items[i] = pool_take(pool);
    assert_int_equal((uintptr_t)items[i] % 8, 0);
    memset(items[i], i, size);
  }
}

static void items_do_not_overlap(void **state)
{
  static const size_t sizes[] = {1, 8, 24, 56, 64, 200, 208, BYTES_MAX};
  (void)state;
  srand(7);
  for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
    struct pool pool;
    pool_init(&pool, sizes[n]);
    for (int step = 0; step < 60000; step++)
      toggle(&pool, rand() % ITEMS, sizes[n]);
    for (int i = 0; i < ITEMS; i++)
      if (items[i])
        toggle(&pool, i, sizes[n]);
    pool_deinit(&pool);
  }
}

#ifndef __SANITIZE_ADDRESS__
static void what_is_empty_is_freed(void **state)
{
  struct pool pool;
  (void)state;
  pool_init(&pool, 64);
  for (int i = 0; i < ITEMS; i++)
    toggle(&pool, i, 64);
  size_t most = pool.blocks;
  assert_in_range(most, ITEMS * 64 / (16 << 10), ITEMS * 64 / (16 << 10) + 2);
  for (int i = 1; i < ITEMS; i++)
    toggle(&pool, i, 64);
  assert_in_range(pool.blocks, 1, 2);
  toggle(&pool, 0, 64);
  assert_int_equal(pool.blocks, 1);
  toggle(&pool, 0, 64);
  toggle(&pool, 0, 64);
  assert_int_equal(pool.blocks, 1); /* taken and given back again and again: it stays */
  pool_deinit(&pool);
}
#endif

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(items_do_not_overlap),
#ifndef __SANITIZE_ADDRESS__
      cmocka_unit_test(what_is_empty_is_freed),
#endif
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
