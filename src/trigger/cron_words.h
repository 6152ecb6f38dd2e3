/* What the sentences about cron schedules are made of: the shape of a mask, and lists of words.
 * Private to src/trigger. */
#ifndef TRIGGER_CRON_WORDS_H
#define TRIGGER_CRON_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum cron_shape_kind {
  SHAPE_ALL,
  SHAPE_ONE,
  SHAPE_RUN,   /* three and more in a row; may go over the end: then `first` is over `last` */
  SHAPE_STEPS, /* three and more with equal steps between */
  SHAPE_LIST,
};

struct cron_shape {
  enum cron_shape_kind kind;
  int32_t first, last, step, count;
  bool is_even; /* equal steps that go on over the end, as those of 0, 15, 30, 45 do */
  uint64_t mask;
};

/* Of a mask of values from `low` to `high`, of which there is at least one. */
struct cron_shape cron_shape_of(uint64_t mask, int32_t low, int32_t high);

enum { CRON_ITEMS_MAX = 64, CRON_ITEM_SIZE = 96 };

struct cron_items {
  int count;
  char text[CRON_ITEMS_MAX][CRON_ITEM_SIZE];
};

void cron_items_add(struct cron_items *items, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "a", "a and b", "a, b and c" */
void cron_items_put(struct buffer *out, const struct cron_items *items, const char *conjunction);

typedef const char *cron_name_of(int32_t value);

/* The values of a mask, three and more in a row as "a to b". Without `name` they are numbers. */
void cron_put_values(struct buffer *out, uint64_t mask, cron_name_of *name,
                     const char *conjunction);

const char *cron_ordinal(char text[16], int32_t n); /* "2nd"; returns `text` */

#endif
