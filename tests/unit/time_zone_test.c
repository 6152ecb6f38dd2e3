/* Zones against glibc: every zone of the system at fixed and random instants and around its
 * transitions, to the wall clock and back. Then what glibc cannot be asked: rules far in the
 * future, odd rules, damaged files, names that lead elsewhere. */
#include "support/unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "support/scratch.h"
#include "time/civil.h"
#include "time/zone.h"
#include "time/zone_data.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ROOT         "/usr/share/zoneinfo"

static char *names[2000];
static int name_count;

static int collect(const char *path, const struct stat *status, int type, struct FTW *walk)
{
  (void)status, (void)walk;
  const char *name = path + strlen(ROOT) + (path[strlen(ROOT)] == '/');
  if (type != FTW_F || name[0] < 'A' || name[0] > 'Z')
    return 0;
  names[name_count++] = strdup(name);
  return 0;
}

static int64_t at(int year, int month, int day, int hour, int minute)
{
  return civil_to_days(year, month, day) * CIVIL_DAY_S + hour * 3600 + minute * 60;
}

static const struct zone *find(const char *name)
{
  const struct zone *zone;
  struct error error = {0};
  if (zone_find(name, &zone, &error))
    fail_msg("%s", error.text);
  return zone;
}

static void compare(const struct zone *zone, int64_t utc_s)
{
  time_t clock = (time_t)utc_s;
  struct tm tm;
  localtime_r(&clock, &tm);
  struct zone_offset offset = zone_at(zone, utc_s);
  if (tm.tm_gmtoff != offset.offset_s || (tm.tm_isdst > 0) != offset.is_dst ||
      strcmp(tm.tm_zone, offset.abbreviation) != 0)
    fail_msg("%s at %ld: %d %s, glibc %ld %s", zone_name(zone), (long)utc_s, offset.offset_s,
             offset.abbreviation, tm.tm_gmtoff, tm.tm_zone);
  struct local_times times;
  zone_resolve(zone, utc_s + offset.offset_s, &times);
  if (times.kind == LOCAL_GAP || (times.first_s != utc_s && times.second_s != utc_s))
    fail_msg("%s at %ld does not resolve", zone_name(zone), (long)utc_s);
}

static void every_zone_is_that_of_glibc(void **state)
{
  (void)state;
  const int64_t from = at(1950, 1, 1, 0, 0), until = at(2100, 1, 1, 0, 0);
  uint64_t random = 1;
  assert_true(name_count > 300);
  for (int i = 0; i < name_count; i++) {
    const struct zone *zone = find(names[i]);
    setenv("TZ", names[i], 1);
    tzset();
    for (int j = 0; j < 40; j++) {
      random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      compare(zone, from + (int64_t)((random >> 20) % (uint64_t)(until - from)));
    }
    struct zone_transition transition;
    int64_t time = from;
    for (int j = 0; j < 20 && zone_next_transition(zone, time, &transition); j++) {
      if (transition.at_s >= until)
        break;
      compare(zone, transition.at_s - 1);
      compare(zone, transition.at_s);
      time = transition.at_s + (j % 2) * 3000 * CIVIL_DAY_S;
    }
  }
  setenv("TZ", "UTC", 1);
  tzset();
}

static void spans_tile_the_time(void **state)
{
  (void)state;
  static const char *const some[] = {"Europe/Berlin",    "Europe/Dublin", "Africa/Casablanca",
                                     "Antarctica/Troll", "UTC",           "America/Sao_Paulo"};
  for (size_t i = 0; i < COUNT(some); i++) {
    const struct zone *zone = find(some[i]);
    struct zone_span span, next;
    zone_span(zone, CIVIL_SECONDS_MIN, &span);
    assert_true(span.from_s == INT64_MIN);
    for (; span.until_s < CIVIL_SECONDS_MAX; span = next) {
      zone_span(zone, span.until_s, &next);
      if (next.from_s != span.until_s || next.until_s <= next.from_s ||
          next.before_s != span.offset.offset_s || span.after_s != next.offset.offset_s)
        fail_msg("%s: the span at %ld does not fit", some[i], (long)span.until_s);
    }
  }
}

static void rules_hold_to_the_end(void **state)
{
  (void)state;
  static const struct {
    const char *zone;
    int year, month, day, hour;
    int32_t offset_s;
  } cases[] = {
      {"Europe/Berlin", 9999, 7, 1, 12, 7200},     {"Europe/Berlin", 9999, 12, 31, 23, 3600},
      {"Europe/Berlin", 2438, 7, 1, 0, 7200},      {"Europe/Berlin", 2838, 1, 1, 0, 3600},
      {"America/New_York", 5000, 7, 4, 0, -14400}, {"Australia/Sydney", 7777, 1, 1, 0, 39600},
      {"Asia/Tokyo", 9999, 7, 1, 0, 32400},        {"Europe/Dublin", 3000, 1, 1, 0, 0},
      {"Europe/Dublin", 3000, 7, 1, 0, 3600},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    assert_int_equal(zone_at(find(cases[i].zone),
                             at(cases[i].year, cases[i].month, cases[i].day, cases[i].hour, 0))
                         .offset_s,
                     cases[i].offset_s);
  struct zone_offset winter = zone_at(find("Europe/Dublin"), at(3000, 1, 1, 0, 0));
  assert_true(winter.is_dst);
  assert_string_equal(winter.abbreviation, "GMT");
}

static void odd_rules(void **state)
{
  (void)state;
  static const struct {
    const char *rule;
    int month, day, hour, minute; /* of 2026, UTC */
    int32_t offset_s;
    const char *name;
  } cases[] = {
      {"<+0330>-3:30", 7, 1, 0, 0, 12600, "+0330"},
      {"UTC0", 1, 1, 0, 0, 0, "UTC"},
      {"CET-1CEST,M3.5.0,M10.5.0/3", 3, 29, 0, 59, 3600, "CET"},
      {"CET-1CEST,M3.5.0,M10.5.0/3", 3, 29, 1, 0, 7200, "CEST"},
      {"EST5EDT", 7, 1, 0, 0, -14400, "EDT"},
      {"XXX3EDT4,0/0,J365/23", 7, 1, 0, 0, -14400, "EDT"}, /* DST all the year */
      {"XXX3EDT4,0/0,J365/23", 1, 1, 4, 0, -14400, "EDT"},
      {"IST-2IDT,M3.4.4/26,M10.5.0", 3, 27, 0, 0, 10800, "IDT"},
      {"IST-2IDT,M3.4.4/26,M10.5.0", 3, 26, 23, 59, 7200, "IST"},
      {"AAA0BBB,J60,J61", 3, 1, 2, 0, 3600, "BBB"},
      {"AAA0BBB,59/0,60/0", 3, 1, 0, 0, 3600, "BBB"},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 3, 29, 1, 0, -3600, "-01"},
      {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 3, 29, 0, 59, -7200, "-02"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct zone *zone;
    assert_int_equal(tzif_from_rule(cases[i].rule, &zone, NULL), ERROR_OK);
    struct zone_offset offset =
        zone_at(zone, at(2026, cases[i].month, cases[i].day, cases[i].hour, cases[i].minute));
    if (offset.offset_s != cases[i].offset_s || strcmp(offset.abbreviation, cases[i].name) != 0)
      fail_msg("%s, case %zu: %d %s", cases[i].rule, i, offset.offset_s, offset.abbreviation);
    zone_destroy(zone);
  }
  static const char *const bad[] = {"",
                                    "CE-1",
                                    "CET",
                                    "CET-25",
                                    "CET-1CEST,M3.5.0",
                                    "<+03-3",
                                    "CET-1CEST,",
                                    "CET-1CEST,M13.1.1,M1.1.1",
                                    "CET-1CEST,M1.6.1,M1.1.1",
                                    "CET-1 ",
                                    "CET-1CEST,J0,J1",
                                    "CET-1CEST,366,1",
                                    "CET-1CEST,M3.5.0/168,M10.5.0",
                                    "CET-1CEST,M3.5.0,M10.5.0x"};
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct zone *zone;
    if (!tzif_from_rule(bad[i], &zone, NULL))
      fail_msg("%s was read", bad[i]);
  }
}

/* Where DST ends as the next one begins there is no transition, also where the table ends. */
static void dst_without_an_end_has_no_transition(void **state)
{
  (void)state;
  static const struct {
    const char *rule;
    int changes; /* in the years 2000 to 3999 */
  } cases[] = {
      {"EST0EDT9,0/10,J365/25", 0},
      {"EST5EDT,0/0,J365/25", 0},
      {"EST0EDT9,0/10,364/25", 2 * 485}, /* a leap year has one day more */
      {"CET-1CEST,M3.5.0,M10.5.0/3", 2 * 2000},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct zone *zone;
    struct zone_transition transition;
    assert_int_equal(tzif_from_rule(cases[i].rule, &zone, NULL), ERROR_OK);
    int changes = 0;
    for (int64_t time = at(2000, 6, 1, 0, 0); zone_next_transition(zone, time, &transition);) {
      if (transition.at_s >= at(4000, 6, 1, 0, 0))
        break;
      assert_true(transition.before.offset_s != transition.after.offset_s);
      time = transition.at_s;
      changes++;
    }
    if (changes != cases[i].changes)
      fail_msg("%s: %d transitions", cases[i].rule, changes);
    zone_destroy(zone);
  }
}

static void local_times_resolve(void **state)
{
  (void)state;
  struct local_times t;
  const struct zone *berlin = find("Europe/Berlin");
  zone_resolve(berlin, at(2026, 3, 29, 2, 30), &t);
  assert_int_equal(t.kind, LOCAL_GAP);
  assert_int_equal(t.first_s, at(2026, 3, 29, 1, 30));
  assert_int_equal(t.second_s, at(2026, 3, 29, 0, 30));
  assert_int_equal(t.transition_s, at(2026, 3, 29, 1, 0));
  assert_int_equal(t.length_s, 3600);
  zone_resolve(berlin, at(2026, 10, 25, 2, 30), &t);
  assert_int_equal(t.kind, LOCAL_OVERLAP);
  assert_int_equal(t.first_s, at(2026, 10, 25, 0, 30));
  assert_int_equal(t.second_s, at(2026, 10, 25, 1, 30));
  assert_int_equal(t.transition_s, at(2026, 10, 25, 1, 0));
  assert_int_equal(t.length_s, 3600);
  zone_resolve(berlin, at(2026, 10, 25, 3, 0), &t);
  assert_int_equal(t.kind, LOCAL_NORMAL);
  assert_int_equal(t.first_s, at(2026, 10, 25, 2, 0));
  zone_resolve(find("Pacific/Apia"), at(2011, 12, 30, 12, 0), &t);
  assert_int_equal(t.kind, LOCAL_GAP);
  assert_int_equal(t.length_s, 86400);
  assert_int_equal(t.transition_s, at(2011, 12, 30, 10, 0));
}

static void names_are_guarded(void **state)
{
  (void)state;
  static const struct {
    const char *name, *error;
  } cases[] = {
      {"Europe/Berln", "unknown time zone \"Europe/Berln\", did you mean \"Europe/Berlin\"?"},
      {"europe/berlin", "unknown time zone \"europe/berlin\", did you mean \"Europe/Berlin\"?"},
      {"Berlin", "unknown time zone \"Berlin\", did you mean \"Europe/Berlin\"?"},
      {"Europe", "unknown time zone \"Europe\""},
      {"Nowhere/Atlantis_Lost", "unknown time zone \"Nowhere/Atlantis_Lost\""},
      {"", "\"\" is not the name of a time zone"},
      {"/etc/passwd", "\"/etc/passwd\" is not the name of a time zone"},
      {"../../etc/passwd", "\"../../etc/passwd\" is not the name of a time zone"},
      {"Europe/../UTC", "\"Europe/../UTC\" is not the name of a time zone"},
      {"Europe/\n", "\"Europe/\\n\" is not the name of a time zone"},
      {"zone.tab", "time zone \"zone.tab\": /usr/share/zoneinfo/zone.tab: not a valid TZif file: "
                   "the header is missing"},
  };
  const struct zone *zone;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct error error = {0};
    assert_int_not_equal(zone_find(cases[i].name, &zone, &error), ERROR_OK);
    assert_null(zone);
    if (!strcmp(cases[i].name, "Europe"))
      assert_memory_equal(error.text, cases[i].error, strlen(cases[i].error));
    else
      assert_string_equal(error.text, cases[i].error);
  }
  assert_ptr_equal(find("Asia/Tokyo"), find("Asia/Tokyo"));
  assert_string_equal(zone_name(find("UTC")), "UTC");
}

static void the_local_zone(void **state)
{
  (void)state;
  setenv("TZ", ":Asia/Kolkata", 1);
  const struct zone *zone = find("local");
  assert_string_equal(zone_name(zone), "Asia/Kolkata");
  assert_int_equal(zone_at(zone, 0).offset_s, 19800);
  setenv("TZ", "UTC", 1);
}

/* Every prefix and every flipped byte of real files: an answer or an error, never a crash. */
static void damaged_files(void **state)
{
  (void)state;
  static const char *const paths[] = {ROOT "/Europe/Dublin", ROOT "/Asia/Tokyo"};
  for (size_t p = 0; p < COUNT(paths); p++) {
    unsigned char bytes[8192], copy[8192];
    FILE *file = fopen(paths[p], "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    struct zone *zone;
    for (size_t cut = 0; cut < size; cut++) {
      struct error error = {0};
      memcpy(copy, bytes, cut);
      assert_int_equal(tzif_parse(copy, cut, &zone, &error), ERROR_CORRUPT);
    }
    for (size_t i = 0; i < size; i++) {
      memcpy(copy, bytes, size);
      copy[i] ^= (unsigned char)(1u << i % 8);
      if (tzif_parse(copy, size, &zone, NULL))
        continue;
      struct zone_span span;
      struct local_times times;
      zone_span(zone, at(2026, 1, 1, 0, 0), &span);
      zone_span(zone, INT64_MAX, &span);
      zone_span(zone, INT64_MIN, &span);
      zone_resolve(zone, at(9000, 1, 1, 0, 0), &times);
      zone_destroy(zone);
    }
  }
}

/* A database of one zone, which an update changes. */
static void follows_an_update(void **state)
{
  (void)state;
  char *folder = scratch_folder(), command[1024];
  const char *before = getenv("TZDIR") ? strdup(getenv("TZDIR")) : NULL;
  setenv("TZDIR", folder, 1);
  snprintf(command, sizeof command, "cp %s/Europe/Berlin %s/Town", ROOT, folder);
  assert_int_equal(system(command), 0);
  const struct zone *zone = find("Town");
  int64_t summer = at(2026, 7, 1, 12, 0);
  assert_int_equal(zone_at(zone, summer).offset_s, 7200);
  assert_int_equal(zone_refresh(), 0);
  for (int i = 0; i < 2; i++) {
    snprintf(command, sizeof command, "cp %s/%s %s/new && mv %s/new %s/Town", ROOT,
             i ? "Asia/Tokyo" : "Asia/Shanghai", folder, folder, folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(zone_refresh(), 1);
    assert_int_equal(zone_refresh(), 0);
    assert_ptr_equal(find("Town"), zone);
    assert_string_equal(zone_name(zone), "Town");
    assert_int_equal(zone_at(zone, summer).offset_s, (i ? 9 : 8) * 3600);
    struct local_times times;
    zone_resolve(zone, summer, &times);
    assert_int_equal(times.first_s, summer - (i ? 9 : 8) * 3600);
  }
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
  assert_int_equal(zone_refresh(), 0); /* what is gone stays as it was */
  assert_int_equal(zone_at(zone, summer).offset_s, 9 * 3600);
  before ? setenv("TZDIR", before, 1) : unsetenv("TZDIR");
  free((char *)(uintptr_t)before);
}

int main(void)
{
  nftw(ROOT, collect, 16, 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(follows_an_update),   cmocka_unit_test(every_zone_is_that_of_glibc),
      cmocka_unit_test(spans_tile_the_time), cmocka_unit_test(rules_hold_to_the_end),
      cmocka_unit_test(odd_rules),           cmocka_unit_test(dst_without_an_end_has_no_transition),
      cmocka_unit_test(local_times_resolve), cmocka_unit_test(names_are_guarded),
      cmocka_unit_test(the_local_zone),      cmocka_unit_test(damaged_files),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int i = 0; i < name_count; i++)
    free(names[i]);
  return failed;
}
