/* any_of and all_of against the plain meaning of the words: the union and the intersection of what
 * their members fire. */
#include "support/trigger_cases.h"

#include <stdio.h>

enum { FIRES_MAX = 6000 };

static const char *const pool[] = {
    "0 9 * * *",
    "0 9 * * 1-5 timezone=Europe/Berlin",
    "*/15 * * * *",
    "30 2 * * * timezone=America/New_York",
    "every 90m start=2026-01-01T00:00:00Z",
    "every 5h",
    "every 1500ms start=2026-11-21T00:00:00Z end=2026-11-21T02:00:00Z",
    "at 2026-11-25T09:00:00Z",
    "in 36h",
    "0 0 1 * *",
    "0 */6 * * *",
};

/* "KIND (a) (b) (c)" of random members. */
static int make_text(char *text, size_t size, const char *kind, const char **members)
{
  int count = 1 + rand() % 3;
  int length = snprintf(text, size, "%s", kind);
  for (int i = 0; i < count; i++) {
    members[i] = pool[(size_t)rand() % COUNT(pool)];
    length += snprintf(text + length, size - (size_t)length, " (%s)", members[i]);
  }
  return count;
}

static bool fires_at(const struct trigger *trigger, int64_t us)
{
  int64_t fire_us;
  return trigger_next(trigger, us - 1, &fire_us) && fire_us == us;
}

static int compare(const void *a, const void *b)
{
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* All instants at which any member fires, or all do. */
static int naive(const char **members, int count, bool all, int64_t until_us, int64_t *fires)
{
  static int64_t every[3 * FIRES_MAX];
  struct trigger *triggers[3];
  int total = 0, kept = 0;
  for (int i = 0; i < count; i++) {
    triggers[i] = parse(members[i]);
    total += list_fires(triggers[i], NOW, until_us, every + total, FIRES_MAX);
  }
  qsort(every, (size_t)total, sizeof *every, compare);
  for (int k = 0; k < total; k++) {
    int agreed = 0;
    for (int i = 0; i < count; i++)
      agreed += fires_at(triggers[i], every[k]);
    if ((k == 0 || every[k] != every[k - 1]) && (!all || agreed == count))
      fires[kept++] = every[k];
  }
  for (int i = 0; i < count; i++)
    trigger_destroy(triggers[i]);
  return kept;
}

static void check_kind(const char *kind, bool all)
{
  static int64_t expected[3 * FIRES_MAX], got[3 * FIRES_MAX];
  int64_t until_us = NOW + 20 * 86400 * S;
  int read = 0;
  for (int round = 0; round < 400; round++) {
    char text[600];
    const char *members[3];
    struct trigger *trigger;
    int count = make_text(text, sizeof text, kind, members);
    if (trigger_from_text(text, NULL, &trigger, NULL))
      continue; /* they do not meet */
    read++;
    trigger_anchor(trigger, NOW, "job");
    int wanted = naive(members, count, all, until_us, expected);
    int found = list_fires(trigger, NOW, until_us, got, 3 * FIRES_MAX);
    if (found != wanted || memcmp(expected, got, (size_t)found * sizeof *got) != 0)
      fail_msg("%s: %d fires, not %d", text, found, wanted);
    if (wanted > 0)
      check_forms(trigger, NULL); /* what does not meet is refused */
    check_count(text, trigger, NOW, until_us);
    check_pure(text, trigger, NOW, until_us);
    trigger_destroy(trigger);
  }
  assert_true(read > 50);
}

static void any_is_the_union(void **state)
{
  (void)state;
  check_kind("any_of", false);
}

static void all_is_the_intersection(void **state)
{
  (void)state;
  check_kind("all_of", true);
}

static void forms_round_trip(void **state)
{
  (void)state;
  static const struct {
    const char *input, *text;
  } cases[] = {
      {"any_of (cron 0 9 * * *) (every 5h)",
       "any_of (cron 0 9 * * * timezone=UTC) (every 5h anchor=2026-11-21T00:00:00.000000Z)"},
      {"any_of(0 9 * * *)( 0 10 * * * )timezone=Asia/Tokyo",
       "any_of (cron 0 9 * * * timezone=Asia/Tokyo) (cron 0 10 * * * timezone=Asia/Tokyo)"},
      {"all_of (any_of (@daily) (@hourly)) (0 */2 * * *)",
       "all_of (any_of (cron @daily timezone=UTC) (cron @hourly timezone=UTC)) "
       "(cron 0 */2 * * * timezone=UTC)"},
      {"{\"kind\":\"any_of\",\"of\":[\"@daily\",{\"kind\":\"date\",\"at\":\"2027-01-01\"}]}",
       "any_of (cron @daily timezone=UTC) (at 2027-01-01T00:00:00.000000Z)"},
      {"any_of (@daily limit=2) (@hourly) until=2027-01-01",
       "any_of (cron @daily timezone=UTC limit=2 limit_from=2026-11-21T00:00:00.000000Z) "
       "(cron @hourly timezone=UTC) until=2027-01-01T00:00:00.000000Z"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].input);
    check_forms(trigger, cases[i].text);
    trigger_destroy(trigger);
  }
}

static void refuses_with_words(void **state)
{
  (void)state;
  static const struct {
    const char *input, *error;
  } cases[] = {
      {"any_of", "any_of: it has no triggers: write them in parentheses"},
      {"{\"kind\":\"any_of\"}", "any_of: it has no triggers: write them in parentheses"},
      {"{\"kind\":\"any_of\",\"of\":\"@daily\"}", "any_of: \"of\" must be an array, not a string"},
      {"any_of (@daily) (61 * * * *)",
       "any_of: cron \"61 * * * *\": minute 61 is over 59, column 1"},
      {"all_of (0 9 * * *) (0 10 * * *)", "all_of: never fires: its triggers do not meet"},
      {"all_of (at 2027-01-01) (at 2027-01-02)", "all_of: never fires: its triggers do not meet"},
      {"all_of (0 9 * * mon) (0 9 * * sun)", "all_of: never fires: its triggers do not meet"},
      {"any_of (any_of (any_of (any_of (any_of (any_of (any_of (@daily)))))))",
       "any_of: combinations are nested more than 6 deep"},
      {"any_of (@daily) fro=2026-01-01", "any_of: unknown option \"fro\", did you mean \"from\"?"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_refused(cases[i].input, cases[i].error);
}

/* What never meets, but is not known to when it is read, ends all the same, and says so. */
static void searches_are_bounded(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "all_of (every 5h) (0 9 * * *)", /* anchored off the second */
      "all_of (all_of (every 5h) (0 9 * * *)) (all_of (every 3h) (* * * * *))",
      "any_of (all_of (every 5h) (0 9 * * *)) (all_of (every 7h) (1 9 * * *))",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger;
    int64_t us;
    assert_int_equal(trigger_from_text(texts[i], NULL, &trigger, NULL), ERROR_OK);
    trigger_anchor(trigger, NOW + 1, "job");
    assert_false(trigger_next(trigger, NOW, &us));
    assert_true(trigger_gave_up(trigger, NOW));
    assert_int_equal(trigger_count(trigger, NOW, INT64_MAX, &us), 0);
    trigger_destroy(trigger);
  }
}

static void long_spans_are_counted(void **state)
{
  (void)state;
  int64_t last_us, ten_years_us = INT64_C(3652) * 86400 * S;
  struct trigger *trigger = parse("any_of (* * * * * *) (0 9 * * *) (every 1d start=2026-11-21T00:"
                                  "00:00.5Z)");
  assert_int_equal(trigger_count(trigger, NOW, NOW + ten_years_us, &last_us),
                   INT64_C(3652) * 86400 + 3652);
  assert_int_equal(last_us, NOW + ten_years_us);
  trigger_destroy(trigger);
}

/* Two years of what is counted by arithmetic, by steps, and between what a calendar covers. */
static void counts_as_it_steps(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "any_of (0 9 * * *) (0 18 * * *) except=(weekdays=sat)",
      "any_of (0 9 * * *) (0 18 * * *) jitter=3h seed=job",
      "any_of (any_of (0 9 * * *) (*/20 9 * * *)) (rrule FREQ=HOURLY;INTERVAL=7 dtstart=20260101)",
      "any_of (0 9 * * * jitter=5h seed=job) (every 7h start=2026-01-01 jitter=7h seed=job)",
      "any_of (all_of (0 */3 * * *) (every 5h start=2026-01-01)) (0 12 * * *) offset=-1h",
      "all_of (rrule FREQ=HOURLY;INTERVAL=7 dtstart=20260101) (0 */2 * * *)",
      "all_of (0 9 * * *) (any_of (* * 13 * *) (* * * * fri)) except=(dates=2027-08-13)",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct trigger *trigger = parse(texts[i]);
    int64_t end_us = NOW + INT64_C(730) * 86400 * S, at_us = NOW, steps = 0, last_us = 0, fire_us;
    for (; trigger_next(trigger, at_us, &fire_us) && fire_us <= end_us; at_us = fire_us)
      steps++;
    int64_t count = trigger_count(trigger, NOW, end_us, &last_us);
    if (count != steps || last_us != at_us)
      fail_msg("%s: %ld counted, %ld stepped", texts[i], (long)count, (long)steps);
    trigger_destroy(trigger);
  }
}

static void explains_itself(void **state)
{
  (void)state;
  check_explained("any_of (every 5h) (at 2027-01-01)",
                  "Any of: every 5 hours; or once, on 2027-01-01 at 00:00:00, UTC");
  check_explained("any_of (any_of (every 5h) (every 7h)) (every 1d start=2026-01-01)",
                  "Any of: (any of: every 5 hours; or every 7 hours); or every day, from "
                  "2026-01-01 00:00, UTC");
  check_explained("all_of (every 5h) (every 7h)",
                  "When all of these meet: every 5 hours; and every 7 hours");
}

static void passes_zones_on(void **state)
{
  (void)state;
  static const struct {
    const char *text, *zone;
    bool matches; /* 02:30 of the night that Berlin lost it */
  } cases[] = {
      {"any_of (30 2 * * *) (every 5h) timezone=Europe/Berlin", "Europe/Berlin", true},
      {"any_of (30 3 * * *) (every 5h) timezone=Europe/Berlin", "Europe/Berlin", false},
      {"all_of (30 2 * * *) (* * * * sun) timezone=Europe/Berlin", "Europe/Berlin", true},
      {"any_of (30 2 * * *) (30 2 * * * timezone=Asia/Tokyo)", NULL, true},
      {"any_of (every 5h) (every 1h)", NULL, false},
      {"30 2 * * * timezone=Europe/Berlin jitter=5s", "Europe/Berlin", true},
  };
  int64_t gap_s = INT64_C(1774749600); /* 2026-03-29 02:00 */
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].text);
    const char *zone = trigger_timezone(trigger);
    if (cases[i].zone)
      assert_string_equal(zone, cases[i].zone);
    else
      assert_null(zone);
    assert_int_equal(trigger_matches_local(trigger, gap_s, gap_s + 3600), cases[i].matches);
    trigger_destroy(trigger);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms_round_trip),        cmocka_unit_test(any_is_the_union),
      cmocka_unit_test(all_is_the_intersection), cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(searches_are_bounded),    cmocka_unit_test(long_spans_are_counted),
      cmocka_unit_test(counts_as_it_steps),      cmocka_unit_test(explains_itself),
      cmocka_unit_test(passes_zones_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
