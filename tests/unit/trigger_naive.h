/* What wall-clock triggers should fire, worked out without cleverness: each local time is resolved
 * by itself, the instants are sorted, and the trigger must give exactly these, by stepping and by
 * counting. */
#ifndef TRIGGER_NAIVE_H
#define TRIGGER_NAIVE_H

#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "time/zone.h"
#include "trigger/trigger.h"

static const char *const naive_gaps[] = {"first", "skip", "shift"};
static const char *const naive_overlaps[] = {"first", "second", "both"};

/* Zones whose clocks do what others' do not. */
static const char *const naive_zones[] = {"UTC",
                                          "Australia/Lord_Howe",
                                          "Africa/Casablanca",
                                          "Pacific/Apia",
                                          "America/Sao_Paulo",
                                          "Europe/Berlin",
                                          "America/New_York",
                                          "Antarctica/Troll",
                                          "Asia/Kathmandu",
                                          "Europe/Dublin"};
enum { NAIVE_ZONES = sizeof naive_zones / sizeof naive_zones[0] };

struct naive {
  const struct zone *zone;
  const char *gap, *overlap;
  int64_t *fires; /* seconds */
  size_t count, capacity;
};

/* A fixed sequence, so that a failure comes again. */
static inline uint32_t naive_random(uint32_t below)
{
  static uint64_t state = 20260131;
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(state >> 33) % below;
}

static inline void naive_push(struct naive *naive, int64_t utc_s)
{
  if (naive->count == naive->capacity) {
    naive->capacity = naive->capacity ? 2 * naive->capacity : 256;
    naive->fires = memory_resize(naive->fires, naive->capacity * sizeof *naive->fires);
  }
  naive->fires[naive->count++] = utc_s;
}

static inline void naive_add(struct naive *naive, int64_t local_s)
{
  struct local_times times;
  zone_resolve(naive->zone, local_s, &times);
  if (times.kind == LOCAL_GAP) {
    if (!strcmp(naive->gap, "shift"))
      naive_push(naive, times.first_s);
    else if (!strcmp(naive->gap, "first") && times.length_s < 3 * 3600)
      naive_push(naive, times.transition_s);
    return;
  }
  if (times.kind == LOCAL_NORMAL || strcmp(naive->overlap, "second") != 0)
    naive_push(naive, times.first_s);
  if (times.kind == LOCAL_OVERLAP && strcmp(naive->overlap, "first") != 0)
    naive_push(naive, times.second_s);
}

static inline int naive_compare(const void *a, const void *b)
{
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static inline void naive_sort(struct naive *naive)
{
  size_t kept = 0;
  if (naive->count)
    qsort(naive->fires, naive->count, sizeof *naive->fires, naive_compare);
  for (size_t i = 0; i < naive->count; i++)
    if (!kept || naive->fires[kept - 1] != naive->fires[i])
      naive->fires[kept++] = naive->fires[i];
  naive->count = kept;
}

/* The trigger's fires in (from_s, until_s] are those of `naive`, and so are the counts of some
 * parts of it. `text` is for messages. */
static inline void naive_check(struct naive *naive, const struct trigger *trigger, const char *text,
                               int64_t from_s, int64_t until_s)
{
  int64_t at_us = from_s * 1000000;
  size_t i = 0;
  naive_sort(naive);
  while (i < naive->count && naive->fires[i] <= from_s)
    i++;
  for (;; i++) {
    bool has_next = trigger_next(trigger, at_us, &at_us) && at_us <= until_s * 1000000;
    bool is_due = i < naive->count && naive->fires[i] <= until_s;
    if (has_next != is_due || (has_next && at_us != naive->fires[i] * 1000000))
      fail_msg("%s: fires at %lld, should at %lld", text,
               has_next ? (long long)at_us / 1000000 : -1,
               is_due ? (long long)naive->fires[i] : -1);
    if (!has_next)
      break;
  }
  for (int round = 0; round < 8; round++) {
    int64_t after_s = from_s + naive_random((uint32_t)(until_s - from_s));
    int64_t to_s = after_s + naive_random((uint32_t)(until_s - after_s + 1));
    int64_t last_us = -1, want = 0, want_last_s = -1;
    for (i = 0; i < naive->count; i++)
      if (naive->fires[i] > after_s && naive->fires[i] <= to_s) {
        want++;
        want_last_s = naive->fires[i];
      }
    int64_t got = trigger_count(trigger, after_s * 1000000, to_s * 1000000, &last_us);
    if (got != want || (want && last_us != want_last_s * 1000000))
      fail_msg("%s: counts %lld in (%lld, %lld], should %lld", text, (long long)got,
               (long long)after_s, (long long)to_s, (long long)want);
  }
}

static inline void naive_deinit(struct naive *naive)
{
  free(naive->fires);
}

#endif
