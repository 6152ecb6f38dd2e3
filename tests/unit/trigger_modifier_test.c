/* The options of all kinds against a plain application of their words, one after the other, to a
 * list of the fires without them. */
#include "support/trigger_cases.h"

#include <stdio.h>
#include <time.h>

enum { FIRES_MAX = 20000 };

static void forms_round_trip(void **state)
{
  (void)state;
  static const struct {
    const char *input, *text;
  } cases[] = {
      {"0 9 * * * from=2026-12-01 until=2026-12-31 09:00 timezone=Asia/Tokyo",
       "cron 0 9 * * * timezone=Asia/Tokyo from=2026-11-30T15:00:00.000000Z "
       "until=2026-12-31T00:00:00.000000Z"},
      {"every 1h limit=5", "every 1h anchor=2026-11-21T00:00:00.000000Z limit=5 "
                           "limit_from=2026-11-21T00:00:00.000000Z"},
      {"every 1h jitter=90 offset=-15m", "every 1h anchor=2026-11-21T00:00:00.000000Z offset=-15m "
                                         "jitter=1m30s seed=job"},
      {"{\"kind\":\"cron\",\"expression\":\"@daily\",\"offset\":-0.5,\"jitter\":2,\"limit\":3}",
       "cron @daily timezone=UTC limit=3 limit_from=2026-11-21T00:00:00.000000Z offset=-500ms "
       "jitter=2s seed=job"},
      {"{\"kind\":\"interval\",\"every\":\"1h\",\"options\":{\"limit\":5,\"jitter\":\"5s\"}}",
       "every 1h anchor=2026-11-21T00:00:00.000000Z limit=5 limit_from=2026-11-21T00:00:00.000000Z "
       "jitter=5s seed=job"},
      {"@daily offset=0 jitter=0", "cron @daily timezone=UTC"},
      {"@daily except=(weekdays=Saturday,sun dates=2026-12-24..2027-01-02,2026-12-24)",
       "cron @daily timezone=UTC except=(dates=2026-12-24..2027-01-02 weekdays=sat,sun)"},
      {"every 1h start=2026-01-01 except=(times=22:00-06:00) timezone=Europe/Berlin",
       "every 1h start=2025-12-31T23:00:00.000000Z timezone=Europe/Berlin "
       "except=(times=22:00-06:00)"},
      {"any_of (@daily) (@hourly) except=(cron=* * 1-7 * *) timezone=Europe/Berlin",
       "any_of (cron @daily timezone=Europe/Berlin) (cron @hourly timezone=Europe/Berlin) "
       "timezone=Europe/Berlin except=(cron=* * 1-7 * *)"},
      {"H * * * * seed=a jitter=5s", "cron H * * * * timezone=UTC seed=a jitter=5s"},
      {"H * * * * jitter=5s", "cron H * * * * timezone=UTC seed=job jitter=5s"},
      {"H * * * *", "cron H * * * * timezone=UTC seed=job"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct trigger *trigger = parse(cases[i].input);
    assert_string_not_equal(trigger_kind_name(trigger), "modifier");
    check_forms(trigger, cases[i].text);
    trigger_anchor(trigger, NOW + 77 * S, "other");
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
      {"@daily from=2027-01-01 until=2026-01-01",
       "cron \"@daily\": never fires: the end 2026-01-01T00:00:00+00:00 is before the start "
       "2027-01-01T00:00:00+00:00"},
      {"at 2026-01-01 from=2027-01-01",
       "date: never fires: there is no fire from its \"from\" until its \"until\""},
      {"@daily limit=0", "cron \"@daily\": limit 0 is under 1"},
      {"@daily limit=five", "cron \"@daily\": limit \"five\" is not a number"},
      {"every 1h limit=0", "interval: limit 0 is under 1"},
      {"@daily offset=soon", "cron \"@daily\": offset \"soon\": a number is missing at \"soon\": "
                             "write it like 90s or 1h30m"},
      {"@daily offset=-2000000w",
       "cron \"@daily\": offset \"-2000000w\": the duration is over 1000 years"},
      {"@daily jitter=-5s", "cron \"@daily\": jitter \"-5s\": a duration cannot be negative"},
      {"@daily seed=a", "cron \"@daily\": \"seed\" means nothing without an H"},
      {"every 5s seed=a", "interval: \"seed\" means nothing without \"jitter\""},
      {"every 5s limit_from=2026-01-01",
       "interval: \"limit_from\" means nothing without \"limit\""},
      {"@daily except=", "cron \"@daily\": \"except\" is empty"},
      {"@daily except=holidays",
       "cron \"@daily\": except \"holidays\": unknown calendar \"holidays\""},
      {"@daily except=(weekdays=mon-sun)",
       "cron \"@daily\": never fires: each fire that it searched for is excepted"},
      {"0 9 * * sat except=(weekdays=sat,sun)",
       "cron \"0 9 * * sat\": never fires: each fire that it searched for is excepted"},
      {"@daily except=(weekday=sat)",
       "cron \"@daily\": except: unknown option \"weekday\", did you mean \"weekdays\"?"},
      {"* * * * * limit=20000 except=(weekdays=sat)",
       "cron \"* * * * *\": a limit over 10000 is too far to be searched for here"},
      {"{\"kind\":\"interval\",\"every\":\"1h\",\"limit\":5,\"options\":{\"limit\":5}}",
       "interval: the option \"limit\" stands twice"},
      {"@daily untill=2026-01-01", "cron: unknown option \"untill\", did you mean \"until\"?"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check_refused(cases[i].input, cases[i].error);
}

/* ---- options one by one ---- */

struct options {
  int64_t from_us, until_us, offset_us, jitter_us;
  int limit;
  bool no_weekends, no_nights;
};

static const char *const bases[] = {
    "every 37m start=2026-11-01T00:00:00Z",
    "*/20 * * * *",
    "0 9,17 * * 1-5 timezone=Europe/Berlin",
    "*/7 9 * * * * timezone=America/New_York",
    "0 0 * * *",
    "every 5ms start=2026-11-21T10:00:00Z end=2026-11-21T10:00:05Z",
    "any_of (every 5h start=2026-11-01T00:00:00Z) (0 9 * * *)",
    "at 2026-11-22T09:00:00Z",
};

static struct options choose(void)
{
  struct options options = {.from_us = INT64_MIN, .until_us = INT64_MAX};
  if (rand() % 3 == 0)
    options.from_us = NOW + (rand() % 86400) * S;
  if (rand() % 3 == 0)
    options.until_us = NOW + (100000 + rand() % 400000) * S;
  if (rand() % 3 == 0)
    options.offset_us = (rand() % 20000 - 10000) * S;
  if (rand() % 3 == 0)
    options.limit = 1 + rand() % 300;
  options.no_weekends = rand() % 4 == 0;
  options.no_nights = rand() % 4 == 0;
  return options;
}

static void put_instant(char *text, const char *name, int64_t us)
{
  char instant[INSTANT_TEXT_SIZE];
  instant_format(instant, us);
  sprintf(text + strlen(text), " %s=%s", name, instant);
}

static void append_options(char *text, const struct options *o)
{
  if (o->from_us != INT64_MIN)
    put_instant(text, "from", o->from_us);
  if (o->until_us != INT64_MAX)
    put_instant(text, "until", o->until_us);
  if (o->no_weekends || o->no_nights)
    sprintf(text + strlen(text), " except=(timezone=UTC%s%s)",
            o->no_weekends ? " weekdays=sat,sun" : "", o->no_nights ? " times=21:30-05:15:30" : "");
  if (o->limit)
    sprintf(text + strlen(text), " limit=%d", o->limit);
  if (o->offset_us)
    sprintf(text + strlen(text), " offset=%lds", (long)(o->offset_us / S));
}

static bool is_excepted(const struct options *o, int64_t us)
{
  int64_t seconds = instant_seconds(us), of_day = seconds % 86400;
  int32_t weekday = civil_weekday(civil_day_of(seconds));
  return (o->no_weekends && (weekday == 0 || weekday == 6)) ||
         (o->no_nights && (of_day >= 77400 || of_day < 18930));
}

/* What is left of the fires of the base when each option has had its say. */
static int apply(const struct options *o, const struct trigger *base, int64_t *fires)
{
  static int64_t all[FIRES_MAX];
  int64_t begin_us = o->limit ? NOW - o->offset_us : NOW - 20000 * S;
  int count = list_fires(base, begin_us - 1, INT64_MAX, all, FIRES_MAX), kept = 0;
  for (int i = 0; i < count; i++) {
    if (all[i] < o->from_us || all[i] > o->until_us || is_excepted(o, all[i]))
      continue;
    if (o->limit && kept == o->limit)
      break;
    fires[kept++] = all[i] + o->offset_us;
  }
  return kept;
}

static void options_apply_in_order(void **state)
{
  (void)state;
  static int64_t expected[FIRES_MAX], got[FIRES_MAX];
  for (int round = 0; round < 400; round++) {
    char text[600];
    const char *base = bases[(size_t)rand() % COUNT(bases)];
    struct options options = choose();
    struct trigger *trigger, *plain = parse(base);
    strcpy(text, base);
    append_options(text, &options);
    int wanted = apply(&options, plain, expected);
    trigger_destroy(plain);
    if (trigger_from_text(text, NULL, &trigger, NULL)) {
      assert_int_equal(wanted, 0);
      continue;
    }
    trigger_anchor(trigger, NOW, "job");
    int skip = 0;
    while (skip < wanted && expected[skip] <= NOW - 1000 * S)
      skip++;
    int most = wanted - skip < 2000 ? wanted - skip : 2000;
    int found = list_fires(trigger, NOW - 1000 * S, INT64_MAX, got, most ? most : 1);
    if (found != most || memcmp(got, expected + skip, (size_t)found * sizeof *got) != 0)
      fail_msg("%s: %d fires from %ld, not %d from %ld", text, found, (long)got[0], most,
               (long)expected[skip]);
    check_count(text, trigger, NOW, found ? got[found - 1] : NOW + 86400 * S);
    check_pure(text, trigger, NOW, INT64_MAX);
    check_forms(trigger, NULL);
    trigger_destroy(trigger);
  }
}

static void jitter_keeps_order(void **state)
{
  (void)state;
  static const char *const jitters[] = {"1ms", "700ms", "5s", "13m", "3h", "2d"};
  static int64_t plain_fires[FIRES_MAX], fires[FIRES_MAX];
  for (size_t b = 0; b < COUNT(bases); b++)
    for (size_t j = 0; j < COUNT(jitters); j++) {
      char text[300];
      int64_t from_us = NOW - 3600 * S, until_us = NOW + 86400 * S;
      snprintf(text, sizeof text, "%s offset=-10s jitter=%s", bases[b], jitters[j]);
      struct trigger *trigger = parse(text);
      snprintf(text, sizeof text, "%s offset=-10s", bases[b]);
      struct trigger *plain = parse(text);
      int count = list_fires(plain, from_us, until_us, plain_fires, FIRES_MAX - 1);
      int moved = 0, same = 0;
      for (int i = 0; i < count; i++) {
        int64_t after_us = plain_fires[i] - 1, behind_us;
        /* Each fire is at or behind its own time and before the next one's. */
        assert_true(trigger_next(trigger, after_us, &fires[i]));
        if (i > 0 && fires[i] == fires[i - 1])
          assert_true(trigger_next(trigger, fires[i - 1], &fires[i]));
        assert_true(fires[i] >= plain_fires[i]);
        if (trigger_next(plain, plain_fires[i], &behind_us))
          assert_true(fires[i] < behind_us);
        moved += fires[i] != plain_fires[i];
        same += i > 1 && fires[i] - plain_fires[i] == fires[i - 1] - plain_fires[i - 1];
      }
      if (count > 20) {
        assert_true(moved > count / 2);
        assert_true(same < count / 2);
      }
      check_count(text, trigger, from_us, until_us);
      check_pure(text, trigger, from_us, until_us);
      trigger_destroy(plain);
      trigger_destroy(trigger);
    }
}

/* The delays are the same for ever: a job keeps its times over an update. */
static void jitter_is_stable(void **state)
{
  (void)state;
  int64_t us;
  struct trigger *trigger = parse("0 9 * * * jitter=1h");
  assert_true(trigger_next(trigger, NOW, &us));
  assert_int_equal(us, INT64_C(1795253917067102));
  trigger_destroy(trigger);
}

static void limits_reach_far(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t last_us; /* from NOW */
  } cases[] = {
      {"every 1s limit=1000000000", INT64_C(1000000000) * S},
      {"* * * * * * limit=86401", 86400 * S},
      {"0 0 * * * limit=100000", INT64_C(99999) * 86400 * S},
      {"@daily limit=3 offset=-15m", 3 * 86400 * S - 900 * S},
      {"@daily limit=1", 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t last_us, behind_us;
    struct trigger *trigger = parse(cases[i].text);
    assert_true(trigger_count(trigger, NOW - 1, INT64_MAX, &last_us) > 0);
    assert_int_equal(last_us - NOW, cases[i].last_us);
    assert_false(trigger_next(trigger, last_us, &behind_us));
    assert_false(trigger_gave_up(trigger, last_us));
    trigger_destroy(trigger);
  }
  struct trigger *waiting;
  int64_t us;
  assert_int_equal(trigger_from_text("@daily limit=3", NULL, &waiting, NULL), ERROR_OK);
  assert_false(trigger_next(waiting, INT64_MIN, &us));
  trigger_destroy(waiting);
}

static void dense_fires_are_counted(void **state)
{
  (void)state;
  struct trigger *trigger = parse("* * * * * * except=(weekdays=sat,sun)");
  int64_t last_us, weeks = 520;
  /* From a Saturday on. */
  assert_int_equal(trigger_count(trigger, NOW - 1, NOW + weeks * 604800 * S - 1, &last_us),
                   weeks * 5 * 86400);
  assert_int_equal(last_us, NOW + weeks * 604800 * S - S);
  trigger_destroy(trigger);
}

static void explains_itself(void **state)
{
  (void)state;
  check_explained("every 1h limit=5 offset=-15m jitter=30s",
                  "Every hour, at most 5 times, moved 15 minutes earlier, spread over 30 seconds");
  check_explained("every 1h start=2026-01-01 until=2027-01-01 limit=1",
                  "Every hour, from 2026-01-01 00:00, UTC, until 2027-01-01 00:00, at "
                  "most once");
  check_explained(
      "every 1h except=(weekdays=sat,sun yearly=12-25 dates=2026-12-31..2027-01-02 "
      "times=22:00-06:00 cron=* * 1 * *)",
      "Every hour, except on Saturday and Sunday and every 25 December and on 2026-12-31 "
      "to 2027-01-02 and from 22:00 to 06:00 and while cron * * 1 * * matches");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forms_round_trip),        cmocka_unit_test(refuses_with_words),
      cmocka_unit_test(options_apply_in_order),  cmocka_unit_test(jitter_keeps_order),
      cmocka_unit_test(jitter_is_stable),        cmocka_unit_test(limits_reach_far),
      cmocka_unit_test(dense_fires_are_counted), cmocka_unit_test(explains_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
