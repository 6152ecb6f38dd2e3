/* Nothing here knows how a kind finds its fires. What it says is held against itself: its printed
 * forms against each other, the fire after an instant against the fire after another instant,
 * the count against the steps, and the steps against a scan that asks of each second of the wall
 * clock whether it matches. Every question is timed. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "driver.h"
#include "time/instant.h"
#include "time/zone.h"

enum { STEPS = 40, COUNT_STEPS = 200, SCAN_MINUTES = 3 * 1440, SCAN_SECONDS = 600, TRIES = 4 };
enum { MARGIN_S = 2 * 86400 }; /* over any gap */

#define SECOND INT64_C(1000000)

/* What no input may take; more where sanitizers make everything slower by far. */
#define LIMIT_NS (INT64_C(1000000) * FUZZ_LIMIT_MS)

static const char *const zones[] = {
    "UTC",          "Europe/Berlin",     "America/New_York",  "Australia/Lord_Howe",
    "Pacific/Apia", "Antarctica/Troll",  "Africa/Casablanca", "Europe/Dublin",
    "Asia/Tehran",  "America/Sao_Paulo", "Asia/Kathmandu",    "Pacific/Kiritimati",
};
enum { ZONES = sizeof zones / sizeof zones[0] };

static _Noreturn void fail(const struct trigger *trigger, const char *what, int64_t us)
{
  struct buffer text = {0};
  char instant[INSTANT_TEXT_SIZE];
  trigger_to_text(trigger, &text);
  instant_format(instant, us);
  fuzz_fail("%s: %s at %s", text.data, what, instant);
}

/* ---- time ---- */

static int64_t now_ns(void)
{
  struct timespec at;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

/* What is asked once must not be slow once more: the machine has other things to do. */
static bool next(const struct trigger *trigger, int64_t after_us, int64_t *next_us)
{
  bool has_next = false;
  for (int try = 0; try < TRIES; try++) {
    int64_t begun_ns = now_ns();
    has_next = trigger_next(trigger, after_us, next_us);
    if (now_ns() - begun_ns <= LIMIT_NS)
      return has_next;
  }
  fail(trigger, "the next fire takes too long", after_us);
}

static int64_t count(const struct trigger *trigger, int64_t after_us, int64_t until_us,
                     int64_t *last_us)
{
  int64_t sum = 0;
  for (int try = 0; try < TRIES; try++) {
    int64_t begun_ns = now_ns();
    sum = trigger_count(trigger, after_us, until_us, last_us);
    if (now_ns() - begun_ns <= LIMIT_NS)
      return sum;
  }
  fail(trigger, "counting takes too long", after_us);
}

/* ---- reading ---- */

struct fuzz_input fuzz_read(const uint8_t *data, size_t size)
{
  struct fuzz_input input = {.zone = "UTC"};
  uint8_t head[FUZZ_HEAD_SIZE] = {0};
  size_t head_size = size < sizeof head ? size : sizeof head;
  memcpy(head, data, head_size);
  input.zone = zones[head[0] % ZONES];
  /* From 1970 to 2149 in steps of a day, with the hour apart. */
  int64_t day = head[1] | (int64_t)head[2] << 8;
  input.start_us = (day * 86400 + head[3] * INT64_C(337)) * SECOND;
  input.text = fuzz_text(data + head_size, size - head_size);
  return input;
}

static struct trigger *checked(enum error_code code, struct trigger *trigger,
                               const struct error *error, int64_t begun_ns, const char *text)
{
  if (code && !error->text[0])
    fuzz_fail("\"%s\" is refused without a reason", text);
  if (now_ns() - begun_ns > LIMIT_NS * TRIES)
    fuzz_fail("\"%s\" takes too long to be read", text);
  return code ? NULL : trigger;
}

struct trigger *fuzz_trigger_from_text(const char *text, const char *zone)
{
  struct trigger *trigger = NULL;
  struct error error = {0};
  int64_t begun_ns = now_ns();
  enum error_code code = trigger_from_text(text, zone, &trigger, &error);
  return checked(code, trigger, &error, begun_ns, text);
}

struct trigger *fuzz_trigger_from_json(const char *json, const char *zone)
{
  struct trigger *trigger = NULL;
  struct json_document *document = NULL;
  struct error error = {0};
  int64_t begun_ns = now_ns();
  enum error_code code = json_parse(json, strlen(json), &document, &error);
  if (!code)
    code = trigger_from_json(json_root(document), zone, &trigger, &error);
  json_free(document);
  return checked(code, trigger, &error, begun_ns, json);
}

struct trigger *fuzz_trigger_of(const char *kind, const char *member,
                                const struct fuzz_input *input, const char *more)
{
  struct buffer json = {0};
  struct json_writer writer = {.out = &json};
  json_begin_object(&writer);
  json_put_text(&writer, "kind", kind);
  json_put_text(&writer, member, input->text);
  json_put_text(&writer, "timezone", input->zone);
  json_end_object(&writer);
  if (more) {
    json.size--;
    buffer_append_text(&json, more);
    buffer_append_byte(&json, '}');
  }
  struct trigger *trigger = fuzz_trigger_from_json(json.data, NULL);
  buffer_deinit(&json);
  return trigger;
}

/* ---- forms ---- */

static void print_json(const struct trigger *trigger, struct buffer *out)
{
  struct json_writer writer = {.out = out};
  trigger_to_json(trigger, &writer);
}

static void check_form(const struct trigger *trigger, struct trigger *again,
                       const struct buffer *text, const struct buffer *json)
{
  struct buffer other_text = {0}, other_json = {0};
  if (!again)
    fail(trigger, "what it prints is refused", 0);
  trigger_to_text(again, &other_text);
  print_json(again, &other_json);
  if (strcmp(text->data, other_text.data) != 0 || strcmp(json->data, other_json.data) != 0) {
    fprintf(stderr, "%s\n%s\n%s\n", json->data, other_text.data, other_json.data);
    fail(trigger, "what it prints is read as something else", 0);
  }
  buffer_deinit(&other_text);
  buffer_deinit(&other_json);
  trigger_destroy(again);
}

static void check_forms(const struct trigger *trigger)
{
  struct buffer text = {0}, json = {0}, sentence = {0};
  trigger_to_text(trigger, &text);
  print_json(trigger, &json);
  check_form(trigger, fuzz_trigger_from_text(text.data, NULL), &text, &json);
  check_form(trigger, fuzz_trigger_from_json(json.data, NULL), &text, &json);
  trigger_explain(trigger, &sentence);
  if (!sentence.size)
    fail(trigger, "it is not explained", 0);
  buffer_deinit(&text);
  buffer_deinit(&json);
  buffer_deinit(&sentence);
}

/* Whenever it is anchored, also behind all its ends, it can be stored and read again. */
static void check_stored(const struct trigger *trigger)
{
  /* 1970, 2109 and 9999 */
  static const int64_t moments_us[] = {0, 4389638400 * SECOND, 253370764800 * SECOND};
  struct buffer text = {0};
  trigger_to_text(trigger, &text);
  for (size_t i = 0; i < sizeof moments_us / sizeof moments_us[0]; i++) {
    struct trigger *stored = fuzz_trigger_from_text(text.data, NULL);
    trigger_anchor(stored, moments_us[i], "stored");
    check_forms(stored);
    trigger_destroy(stored);
  }
  buffer_deinit(&text);
}

static void check_anchor(struct trigger *trigger, int64_t start_us)
{
  struct buffer once = {0}, twice = {0};
  print_json(trigger, &once);
  trigger_anchor(trigger, start_us + 86400 * SECOND, "other");
  print_json(trigger, &twice);
  if (strcmp(once.data, twice.data) != 0)
    fail(trigger, "it is anchored twice", start_us);
  buffer_deinit(&once);
  buffer_deinit(&twice);
}

/* ---- fires ---- */

static void check_steps(const struct trigger *trigger, int64_t start_us)
{
  int64_t after_us = start_us, fire_us, same_us;
  for (int i = 0; i < STEPS && next(trigger, after_us, &fire_us); i++) {
    if (fire_us <= after_us)
      fail(trigger, "a fire is not after the instant asked", after_us);
    if (fire_us < INSTANT_MIN || fire_us > INSTANT_MAX)
      fail(trigger, "a fire lies outside the calendar", after_us);
    int64_t between_us[] = {fire_us - 1, after_us + (fire_us - after_us) / 2};
    for (int k = 0; k < 2; k++)
      if (between_us[k] >= after_us &&
          (!next(trigger, between_us[k], &same_us) || same_us != fire_us))
        fail(trigger, "the next fire changes before it comes", between_us[k]);
    after_us = fire_us;
  }
}

static void check_count(const struct trigger *trigger, int64_t start_us)
{
  int64_t after_us = start_us, fire_us = 0, last_us = INT64_MIN, steps = 0;
  while (steps < COUNT_STEPS && next(trigger, after_us, &fire_us)) {
    after_us = fire_us;
    steps++;
  }
  if (after_us == start_us)
    return;
  int64_t sum = count(trigger, start_us, after_us, &last_us);
  if (sum != steps || last_us != after_us) {
    fprintf(stderr, "%lld fires counted of %lld\n", (long long)sum, (long long)steps);
    fail(trigger, "counting and stepping differ", start_us);
  }
  if (steps > 1 && count(trigger, start_us, after_us - 1, &last_us) != steps - 1)
    fail(trigger, "counting short of a fire counts it", after_us);
}

/* What was missed in ten years is told at once, and its last fire is the last. */
static void check_missed(const struct trigger *trigger, int64_t start_us)
{
  int64_t until_us = start_us + INT64_C(3653) * 86400 * SECOND, last_us = start_us, next_us;
  int64_t sum = count(trigger, start_us, until_us, &last_us);
  if (last_us < start_us || last_us > until_us || (sum > 0) != (last_us > start_us))
    fail(trigger, "the last fire that is counted is none", start_us);
  if (next(trigger, last_us, &next_us) && next_us <= until_us)
    fail(trigger, "a fire lies behind the last that is counted", start_us);
  trigger_count(trigger, INT64_MIN, 0, &last_us); /* from the first year on, nothing overflows */
}

void fuzz_check(struct trigger *trigger, int64_t start_us)
{
  int64_t fire_us;
  fuzz_accepted++;
  check_forms(trigger);
  check_stored(trigger);
  trigger_anchor(trigger, start_us, "fuzz");
  check_forms(trigger);
  check_anchor(trigger, start_us);
  check_steps(trigger, start_us);
  check_count(trigger, start_us);
  check_missed(trigger, start_us);
  next(trigger, INT64_MIN, &fire_us);
  next(trigger, INSTANT_MAX - 86400 * SECOND, &fire_us);
  if (next(trigger, INT64_MAX, &fire_us))
    fail(trigger, "it fires after the end of time", INSTANT_MAX);
}

/* ---- against the scan ---- */

static void check_span(const struct trigger *trigger, const struct zone *zone, int64_t from_s,
                       int64_t step_s, int64_t steps)
{
  struct zone_span span;
  zone_span(zone, from_s, &span);
  int64_t until_s = from_s + step_s * steps, fire_us;
  if (span.from_s > from_s - MARGIN_S || span.until_s < until_s + MARGIN_S)
    return;
  bool has_fire = next(trigger, from_s * SECOND - 1, &fire_us);
  for (int64_t at_s = from_s; at_s < until_s; at_s += step_s) {
    int64_t local_s = at_s + span.offset.offset_s;
    bool matches = trigger_matches_local(trigger, local_s, local_s + step_s);
    bool fires = has_fire && fire_us < (at_s + step_s) * SECOND;
    if (matches != fires)
      fail(trigger, matches ? "no fire where it matches" : "a fire where nothing matches",
           at_s * SECOND);
    if (fires)
      has_fire = next(trigger, (at_s + step_s) * SECOND - 1, &fire_us);
  }
}

void fuzz_check_scan(const struct trigger *trigger, int64_t start_us)
{
  const struct zone *zone;
  int64_t from_s = instant_seconds(start_us) / 60 * 60, fire_us;
  if (!trigger_timezone(trigger) || zone_find(trigger_timezone(trigger), &zone, NULL))
    return;
  check_span(trigger, zone, from_s, 60, SCAN_MINUTES);
  if (next(trigger, start_us, &fire_us)) {
    from_s = instant_seconds(fire_us);
    check_span(trigger, zone, from_s / 60 * 60 - 1440 * 60, 60, SCAN_MINUTES);
    check_span(trigger, zone, from_s - SCAN_SECONDS / 2, 1, SCAN_SECONDS);
  }
}

int fuzz_check_all(struct trigger *trigger, struct fuzz_input *input, enum fuzz_depth depth)
{
  if (trigger && depth == FUZZ_CHECK_AND_SCAN)
    fuzz_check_scan(trigger, input->start_us);
  if (trigger)
    fuzz_check(trigger, input->start_us);
  trigger_destroy(trigger);
  free(input->text);
  return 0;
}
