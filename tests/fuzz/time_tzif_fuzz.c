/* Files of time zones and the rules in their footers: what is read is a row of spans without holes,
 * each transition lies where its spans meet, and every wall-clock time that an instant shows leads
 * back to that instant. The first byte tells a file from a rule. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "time/zone_data.h"

static const char *const seeds[] = {"\001CET-1CEST,M3.5.0,M10.5.0/3",
                                    "\001EST5EDT,M3.2.0,M11.1.0",
                                    "\001<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
                                    "\001IST-1GMT0,M10.5.0,M3.5.0/1",
                                    "\001<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
                                    "\001XXX0YYY,J60,J300/167",
                                    "\001EST5EDT,0/0,J365/25",
                                    "\001EST0EDT9,0/10,J365/25",
                                    "\001EST0EDT9,0/10,364/25",
                                    NULL};

static const char *const files[] = {"/usr/share/zoneinfo/Europe/Berlin",
                                    "/usr/share/zoneinfo/Africa/Casablanca",
                                    "/usr/share/zoneinfo/Australia/Lord_Howe",
                                    "/usr/share/zoneinfo/Asia/Kathmandu",
                                    "/usr/share/zoneinfo/Pacific/Apia",
                                    "/usr/share/zoneinfo/Etc/UTC",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .files = files};

enum { TRANSITIONS_MAX = 60 };

/* Spans that are shorter, which no zone has, may show one wall clock more than twice. */
#define SPAN_LEAST_S INT64_C(300000)

static bool is_long(const struct zone *zone, int64_t at_s)
{
  struct zone_span span;
  zone_span(zone, at_s, &span);
  return span.from_s == INT64_MIN || span.until_s == INT64_MAX ||
         span.until_s - span.from_s > SPAN_LEAST_S;
}

static void check_instant(const struct zone *zone, int64_t at_s, bool are_long)
{
  struct zone_span span;
  struct local_times local;
  zone_span(zone, at_s, &span);
  if (at_s < span.from_s || at_s >= span.until_s)
    fuzz_fail("%lld lies outside its span", (long long)at_s);
  if (zone_at(zone, at_s).offset_s != span.offset.offset_s)
    fuzz_fail("two offsets at %lld", (long long)at_s);
  if (!are_long)
    return;
  zone_resolve(zone, at_s + span.offset.offset_s, &local);
  if (local.kind == LOCAL_GAP)
    fuzz_fail("the wall clock of %lld does not exist", (long long)at_s);
  if (local.kind == LOCAL_NORMAL && local.first_s != at_s)
    fuzz_fail("the wall clock of %lld leads to %lld", (long long)at_s, (long long)local.first_s);
}

static void check_zone(const struct zone *zone)
{
  struct zone_transition transition;
  int64_t at_s = INT64_C(-4000000000);
  for (int i = 0; i < TRANSITIONS_MAX; i++) {
    if (!zone_next_transition(zone, at_s, &transition))
      return;
    /* Behind the last year wall clocks are not told apart any more. */
    if (transition.at_s > CIVIL_SECONDS_MAX - 2 * 86400)
      return;
    if (transition.at_s <= at_s)
      fuzz_fail("the transition after %lld is at %lld", (long long)at_s,
                (long long)transition.at_s);
    at_s = transition.at_s;
    bool are_long = is_long(zone, at_s - 1) && is_long(zone, at_s);
    check_instant(zone, at_s - 1, are_long);
    check_instant(zone, at_s, are_long);
  }
}

/* The reader of files takes both: what begins with a rule is one, as a footer is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct zone *zone = NULL;
  struct error error = {0};
  enum error_code code;
  if (size && data[0] == '\001') {
    char *rule = fuzz_text(data + 1, size - 1);
    code = tzif_from_rule(rule, &zone, &error);
    free(rule);
  } else {
    code = tzif_parse(data, size, &zone, &error);
  }
  if (code && !error.text[0])
    fuzz_fail("a zone is refused without a reason");
  if (!code) {
    fuzz_accepted++;
    check_zone(zone);
  }
  zone_destroy(code ? NULL : zone);
  return 0;
}
