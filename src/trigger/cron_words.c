/* A mask is given its shape, because people say "every 5 minutes" and "Monday to Friday" and not
 * twelve numbers. Two values are a list. */
#include "trigger/cron_words.h"

#include <stdarg.h>
#include <stdio.h>

enum { FEW = 3 };

/* Whether the values that are missing are in a row, with present ones on both sides: then what is
 * there is a run that goes over the end. */
static bool goes_over_end(uint64_t mask, int32_t low, int32_t high)
{
  uint64_t all = ((UINT64_C(2) << high) - 1) & ~((UINT64_C(1) << low) - 1), gap = all & ~mask;
  uint64_t is_row = gap >> __builtin_ctzll(gap);
  return (is_row & (is_row + 1)) == 0 && mask >> low & 1 && mask >> high & 1;
}

static bool has_equal_steps(const struct cron_shape *s)
{
  if (s->last - s->first != (s->count - 1) * s->step)
    return false;
  for (int32_t value = s->first; value <= s->last; value += s->step)
    if (!(s->mask >> value & 1))
      return false;
  return true;
}

struct cron_shape cron_shape_of(uint64_t mask, int32_t low, int32_t high)
{
  struct cron_shape s = {.kind = SHAPE_LIST, .mask = mask, .count = __builtin_popcountll(mask)};
  int32_t span = high - low + 1;
  uint64_t rest = mask & (mask - 1);
  s.first = __builtin_ctzll(mask);
  s.last = 63 - __builtin_clzll(mask);
  s.step = rest ? __builtin_ctzll(rest) - s.first : 1;
  if (s.count == 1) {
    s.kind = SHAPE_ONE;
  } else if (s.count == span) {
    s.kind = SHAPE_ALL;
  } else if (s.count >= FEW && has_equal_steps(&s)) {
    s.kind = s.step == 1 ? SHAPE_RUN : SHAPE_STEPS;
    s.is_even = span % s.step == 0 && s.first == low && s.last + s.step > high;
  } else if (s.count >= FEW && goes_over_end(mask, low, high)) {
    uint64_t gap = ~mask & ~((UINT64_C(1) << low) - 1);
    s.kind = SHAPE_RUN;
    s.step = 1;
    s.last = __builtin_ctzll(gap) - 1;
    s.first = s.last + span - s.count + 1;
  }
  return s;
}

/* ---- lists ---- */

void cron_items_add(struct cron_items *items, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  if (items->count < CRON_ITEMS_MAX)
    vsnprintf(items->text[items->count++], CRON_ITEM_SIZE, format, arguments);
  va_end(arguments);
}

void cron_items_put(struct buffer *out, const struct cron_items *items, const char *conjunction)
{
  for (int i = 0; i < items->count; i++) {
    if (i > 0 && i == items->count - 1)
      buffer_printf(out, " %s ", conjunction);
    else if (i > 0)
      buffer_append_text(out, ", ");
    buffer_append_text(out, items->text[i]);
  }
}

static void add_values(struct cron_items *items, int32_t from, int32_t until, cron_name_of *name)
{
  if (name && until > from)
    cron_items_add(items, "%s to %s", name(from), name(until));
  else if (name)
    cron_items_add(items, "%s", name(from));
  else if (until > from)
    cron_items_add(items, "%d to %d", from, until);
  else
    cron_items_add(items, "%d", from);
}

void cron_put_values(struct buffer *out, uint64_t mask, cron_name_of *name, const char *conjunction)
{
  struct cron_items items = {0};
  while (mask) {
    int32_t from = __builtin_ctzll(mask), until = from;
    while (until < 63 && mask >> (until + 1) & 1)
      until++;
    if (until - from + 1 < FEW)
      until = from;
    add_values(&items, from, until, name);
    mask &= until < 63 ? ~((UINT64_C(2) << until) - 1) : 0;
  }
  cron_items_put(out, &items, conjunction);
}

const char *cron_ordinal(char text[16], int32_t n)
{
  static const char *const ends[] = {"th", "st", "nd", "rd"};
  bool is_teen = n / 10 % 10 == 1;
  snprintf(text, 16, "%d%s", n, is_teen || n % 10 > 3 ? "th" : ends[n % 10]);
  return text;
}
