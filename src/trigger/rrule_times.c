/* Inside a period: its times of day by number, and which numbers BYSETPOS takes.
 *
 * The times are every allowed hour with every allowed minute with every allowed second, so that the
 * n-th and the rank of one are divisions and bit counts. BYSETPOS counts instances from both ends;
 * its numbers are bit sets, in which the next one that is taken is the next bit. */
#include "time/civil.h"
#include "trigger/rrule.h"

/* ---- times of day ---- */

int32_t rrule_time_rank(const struct rrule_series *series, int64_t s)
{
  if (s <= 0)
    return 0;
  if (s >= CIVIL_DAY_S)
    return series->times;
  int64_t hour = s / 3600, minute = s / 60 % 60, second = s % 60;
  int32_t seconds = __builtin_popcountll(series->seconds);
  int32_t minutes = __builtin_popcountll(series->minutes);
  int32_t rank = __builtin_popcountll(rrule_below(series->hours, hour)) * minutes * seconds;
  if (!(series->hours >> hour & 1))
    return rank;
  rank += __builtin_popcountll(rrule_below(series->minutes, minute)) * seconds;
  if (series->minutes >> minute & 1)
    rank += __builtin_popcountll(rrule_below(series->seconds, second));
  return rank;
}

int64_t rrule_time_at(const struct rrule_series *series, int32_t index)
{
  int32_t seconds = __builtin_popcountll(series->seconds);
  int32_t minutes = __builtin_popcountll(series->minutes);
  return rrule_nth_bit(series->hours, index / seconds / minutes) * 3600 +
         rrule_nth_bit(series->minutes, index / seconds % minutes) * 60 +
         rrule_nth_bit(series->seconds, index % seconds);
}

/* ---- BYSETPOS ---- */

/* The first bit from `n` up, and from `n` down; -1 when there is none. */
static int32_t bit_from(const uint64_t *bits, int32_t n)
{
  for (int32_t i = n / 64; i < RRULE_WORDS; i++) {
    uint64_t word = i == n / 64 ? bits[i] >> n % 64 << n % 64 : bits[i];
    if (word)
      return i * 64 + __builtin_ctzll(word);
  }
  return -1;
}

static int32_t bit_down_from(const uint64_t *bits, int32_t n)
{
  for (int32_t i = n / 64; i >= 0; i--) {
    uint64_t word = i == n / 64 ? bits[i] << (63 - n % 64) >> (63 - n % 64) : bits[i];
    if (word)
      return i * 64 + 63 - __builtin_clzll(word);
  }
  return -1;
}

int64_t rrule_chosen_next(const struct rrule *rule, int64_t size, int64_t index)
{
  enum { LAST = RRULE_WORDS * 64 - 1 };
  if (!rrule_has(rule, RRULE_BYSETPOS) || index >= size)
    return index < size ? index : size;
  const struct rrule_numbers *set = &rule->numbers[RRULE_BYSETPOS];
  int64_t chosen = size;
  if (index < LAST) {
    int32_t n = bit_from(set->plus, (int32_t)index + 1);
    if (n > 0 && n <= size)
      chosen = n - 1;
  }
  int32_t n = bit_down_from(set->minus, (int32_t)(size - index < LAST ? size - index : LAST));
  if (n > 0 && size - n < chosen)
    chosen = size - n;
  return chosen;
}
