/* Recurrence rules of iCalendar (RFC 5545, 3.3.10): the rule as read, and the series of local times
 * that it makes from a DTSTART. Zones are not known here: rrule.c asks a series for local times and
 * wall.h for what they mean.
 *
 * The rule's lists are bit sets. A series is the rule with what DTSTART fills in, and with COUNT
 * turned into the last local time once and for all, so that a question needs no history. Pure; a
 * series is immutable; any thread. Private to src/trigger. */
#ifndef TRIGGER_RRULE_H
#define TRIGGER_RRULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "trigger/rrule_moment.h"

enum rrule_freq {
  RRULE_YEARLY,
  RRULE_MONTHLY,
  RRULE_WEEKLY,
  RRULE_DAILY,
  RRULE_HOURLY,
  RRULE_MINUTELY,
  RRULE_SECONDLY,
};

/* The lists of numbers stand first: their values index `numbers` of struct rrule. */
enum rrule_part {
  RRULE_BYSECOND,
  RRULE_BYMINUTE,
  RRULE_BYHOUR,
  RRULE_BYMONTHDAY,
  RRULE_BYYEARDAY,
  RRULE_BYWEEKNO,
  RRULE_BYMONTH,
  RRULE_BYSETPOS,
  RRULE_NUMBERS, /* how many lists */
  RRULE_BYDAY = RRULE_NUMBERS,
  RRULE_FREQ,
  RRULE_INTERVAL,
  RRULE_COUNT,
  RRULE_UNTIL,
  RRULE_WKST,
  RRULE_PARTS,
};

enum { RRULE_WORDS = 6, RRULE_TEXT_MAX = 16384 };

/* Bit n is set for n in `plus`, for -n in `minus`; n is at most 366. */
struct rrule_numbers {
  uint64_t plus[RRULE_WORDS], minus[RRULE_WORDS];
};

struct rrule {
  enum rrule_freq freq;
  uint32_t given; /* bit p: part p stands in the text */
  int32_t interval, count;
  struct rrule_moment until;
  int32_t week_start; /* 0 is Sunday */
  struct rrule_numbers numbers[RRULE_NUMBERS];
  uint8_t weekdays; /* of BYDAY without ordinals; bit 0 is Sunday */
  /* BYDAY with ordinals, by weekday: bit n is the n-th, of nth_last the n-th last. */
  uint64_t nth[7], nth_last[7];
  uint16_t months; /* those that BYMONTH, BYYEARDAY and BYWEEKNO leave room in; bit 1 is January */
};

static inline bool rrule_has(const struct rrule *rule, enum rrule_part part)
{
  return rule->given >> part & 1;
}

/* The text of a rule, small letters allowed. Columns in messages are those of `text`. */
enum error_code rrule_parse(const char *text, struct rrule *rule, struct error *error);

/* ---- dates (rrule_days.c) ---- */

/* Fills `months` of a rule that is read. */
void rrule_find_months(struct rrule *rule);

/* The dates of a month that the rule's parts allow, bit d for the d-th. `first_day` is the first of
 * that month. */
uint32_t rrule_month_days(const struct rrule *rule, int32_t year, int32_t month, int64_t first_day);

/* The days of the week that begins at `first_day` which the parts allow, bit n for the n-th, from
 * 0. */
uint32_t rrule_week_days(const struct rrule *rule, int64_t first_day);

/* ---- the series (rrule_expand.c, rrule_count.c) ---- */

/* For what recurs within the day: which of the candidates, at `k` steps from the first, have a time
 * of day that the parts allow. It repeats after `size` candidates, when they are back at the same
 * time of day. */
struct rrule_wheel {
  uint64_t *bits; /* NULL: all */
  uint32_t *rank; /* of each word: how many are allowed before it */
  int64_t size, allowed;
};

struct rrule_series {
  struct rrule rule;
  int64_t dtstart_s;
  int64_t last_s; /* inclusive */
  /* The local times of a period: of the day for FREQ=DAILY and slower, else of the hour, minute or
   * second. Every hour with every minute with every second. */
  uint64_t hours, minutes, seconds;
  int32_t times;      /* how many they are */
  int32_t first_time; /* the first that BYSETPOS takes, FREQ=DAILY and faster; `times`: none */
  bool has_dates;     /* not every date is allowed */
  int64_t period;     /* of dtstart: year, month, week or day, counted from a fixed one */
  int64_t base_s;     /* FREQ=HOURLY and faster: of the first candidate */
  int64_t unit_s;     /* a candidate's length */
  int64_t step_s;     /* from candidate to candidate */
  struct rrule_wheel wheel;
};

/* `last_s` is the end that is known besides COUNT and a local UNTIL. */
void rrule_series_init(struct rrule_series *series, const struct rrule *rule, int64_t dtstart_s,
                       int64_t last_s);
void rrule_series_deinit(struct rrule_series *series);

/* The first local time at or after `local_s`; false when there is none. `*steps` gains the number
 * of months and periods that were looked at: the measure of the work. */
bool rrule_series_next(const struct rrule_series *series, int64_t local_s, int64_t *found_s,
                       uint32_t *steps);

/* How many there are in [from_s, until_s). For hours, minutes and seconds on certain dates a lower
 * bound when the span has more than 40,000 rows of such dates. */
int64_t rrule_series_count(const struct rrule_series *series, int64_t from_s, int64_t until_s);

/* Why a rule has no instance, as an error. `series` is NULL when DTSTART is not known;
 * `has_exdates` tells that instances were taken away from it. */
enum error_code rrule_refuse_never(const struct rrule *rule, const struct rrule_series *series,
                                   bool has_exdates, struct error *error);

/* ---- shared by rrule_expand.c, rrule_times.c and rrule_count.c ---- */

/* The days of a year, month or week, in rows: bit n of a mask is the n-th day after `first_day`. */
struct rrule_period {
  int32_t rows, days;
  int64_t first_day[12];
  uint32_t mask[12];
};

int64_t rrule_period_of(const struct rrule_series *series, int64_t local_s);
/* The first period of the series at or after one of any number. */
int64_t rrule_align(const struct rrule_series *series, int64_t number);
void rrule_period_fill(const struct rrule_series *series, int64_t number,
                       struct rrule_period *period);
/* The instances of a period are numbered in order, before BYSETPOS. */
int64_t rrule_period_rank(const struct rrule_series *series, const struct rrule_period *period,
                          int64_t local_s);
int64_t rrule_period_at(const struct rrule_series *series, const struct rrule_period *period,
                        int64_t index);

/* After so many periods the years, months or weeks of a series come again. */
int64_t rrule_cycle(const struct rrule *rule);

/* The times of a period, as seconds from its begin: how many before `s`, and which is the n-th. */
int32_t rrule_time_rank(const struct rrule_series *series, int64_t s);
int64_t rrule_time_at(const struct rrule_series *series, int32_t index);

/* The first index at or after `index` that BYSETPOS takes of `size` instances; `size` when none. */
int64_t rrule_chosen_next(const struct rrule *rule, int64_t size, int64_t index);

/* Months with allowed dates, one after the other; of FREQ=DAILY only every interval-th date. */
struct rrule_dates {
  int64_t day;       /* where the month's mask begins */
  int64_t first_day; /* of the month */
  int32_t year, month;
  uint32_t mask; /* dates from `day` on */
};
/* Begins at `day`; false when there is none up to `last_day`. */
bool rrule_dates_begin(const struct rrule_series *series, int64_t day, int64_t last_day,
                       struct rrule_dates *dates, uint32_t *steps);
bool rrule_dates_next(const struct rrule_series *series, int64_t last_day,
                      struct rrule_dates *dates, uint32_t *steps);

/* Turns COUNT into the last local time; called once by rrule_series_init. */
void rrule_count_limit(struct rrule_series *series);

/* The bits under the n-th; n is at most 63. */
static inline uint64_t rrule_below(uint64_t bits, int64_t n)
{
  return bits & ((UINT64_C(1) << n) - 1);
}

/* The position of the n-th bit that is set, counted from 0. */
static inline int32_t rrule_nth_bit(uint64_t bits, int32_t n)
{
  while (n-- > 0)
    bits &= bits - 1;
  return __builtin_ctzll(bits);
}

/* ---- words (rrule_explain.c) ---- */

/* The sentence without the zone. `dtstart_s` is NULL when it is not known yet. */
void rrule_explain(const struct rrule *rule, const int64_t *dtstart_s, struct buffer *out);

#endif
