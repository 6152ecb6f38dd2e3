/* Numbers that look random and follow from a seed alone (xorshift, Marsaglia 2003, behind a mixer
 * of seeds): the same ones on every machine. */
#ifndef SIM_DRAW_H
#define SIM_DRAW_H

#include <stdbool.h>
#include <stdint.h>

struct draw {
  uint64_t state;
};

static inline struct draw draw_from(uint64_t seed)
{
  uint64_t mixed = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
  mixed = (mixed ^ (mixed >> 31)) * UINT64_C(0xBF58476D1CE4E5B9);
  return (struct draw){(mixed ^ (mixed >> 29)) | 1};
}

static inline uint64_t draw_bits(struct draw *draw)
{
  uint64_t x = draw->state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  draw->state = x;
  return x * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}

/* 0 .. below - 1 */
static inline int64_t draw_below(struct draw *draw, int64_t below)
{
  return (int64_t)(draw_bits(draw) % (uint64_t)below);
}

static inline bool draw_chance(struct draw *draw, int percent)
{
  return draw_below(draw, 100) < percent;
}

/* From 1 to `most`, small ones as likely as large ones: 1..10 as often as 10..100. */
static inline int64_t draw_size(struct draw *draw, int64_t most)
{
  int64_t limit = 10;
  while (limit < most && !draw_chance(draw, 25))
    limit *= 10;
  return 1 + draw_below(draw, limit < most ? limit : most);
}

#endif
