/* What tests of triggers have in common: reading, writing, stepping. Included once, by a test. */
#ifndef SUPPORT_TRIGGER_CASES_H
#define SUPPORT_TRIGGER_CASES_H

#include "support/trigger_text.h"

#include <stdlib.h>
#include <string.h>

#include "time/instant.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define S            INT64_C(1000000)
#define NOW          INT64_C(1795219200000000) /* 2026-11-21T00:00:00Z, a Saturday */

/* From a text, or from JSON when it begins with a brace. */
static enum error_code read_trigger(const char *input, const char *zone, struct trigger **trigger,
                                    struct error *error)
{
  return *input == '{' ? from_json(input, zone, trigger, error)
                       : trigger_from_text(input, zone, trigger, error);
}

/* Anchored at NOW for "job". */
static struct trigger *parse(const char *input)
{
  struct trigger *trigger;
  struct error error = {0};
  if (read_trigger(input, NULL, &trigger, &error))
    fail_msg("%s: %s", input, error.text);
  trigger_anchor(trigger, NOW, "job");
  return trigger;
}

/* Both written forms read back as themselves, also where another zone is the default; the text is
 * `expected` when that is given. */
static inline void check_forms(const struct trigger *trigger, const char *expected)
{
  char *json = json_of(trigger), *text = text_of(trigger);
  if (expected)
    assert_string_equal(text, expected);
  const char *const inputs[] = {json, text};
  for (size_t i = 0; i < COUNT(inputs); i++) {
    struct trigger *again;
    struct error error = {0};
    if (read_trigger(inputs[i], "Asia/Tokyo", &again, &error))
      fail_msg("%s: %s", inputs[i], error.text);
    char *json_again = json_of(again), *text_again = text_of(again);
    assert_string_equal(json_again, json);
    assert_string_equal(text_again, text);
    free(json_again);
    free(text_again);
    trigger_destroy(again);
  }
  free(json);
  free(text);
}

static inline void check_refused(const char *input, const char *message)
{
  struct trigger *trigger;
  struct error error = {0};
  if (!read_trigger(input, NULL, &trigger, &error))
    fail_msg("%s was read", input);
  assert_null(trigger);
  assert_string_equal(error.text, message);
}

static inline void check_explained(const char *input, const char *sentence)
{
  struct buffer out = {0};
  struct trigger *trigger = parse(input);
  trigger_explain(trigger, &out);
  assert_string_equal(out.data, sentence);
  buffer_deinit(&out);
  trigger_destroy(trigger);
}

/* The fires in (from_us, until_us], at most `most`. */
static inline int list_fires(const struct trigger *trigger, int64_t from_us, int64_t until_us,
                             int64_t *fires, int most)
{
  int count = 0;
  while (count < most && trigger_next(trigger, from_us, &from_us) && from_us <= until_us)
    fires[count++] = from_us;
  return count;
}

/* Counting is the same as stepping, at many edges around the fires. */
static inline void check_count(const char *name, const struct trigger *trigger, int64_t from_us,
                               int64_t until_us)
{
  enum { MOST = 5000 };
  static int64_t fires[MOST];
  int count = list_fires(trigger, from_us, until_us, fires, MOST);
  for (int i = 0; i < 40; i++) {
    int a = count ? rand() % count : 0, b = count ? rand() % count : 0;
    int64_t low_us = count && i ? fires[a] - rand() % 3 : from_us;
    int64_t high_us = count && i ? fires[b] + rand() % 3 - 1 : until_us, last_us = 0;
    int expected = 0;
    int64_t expected_last_us = 0;
    for (int k = 0; k < count; k++)
      if (fires[k] > low_us && fires[k] <= high_us) {
        expected++;
        expected_last_us = fires[k];
      }
    if (count == MOST && high_us > fires[MOST - 1])
      continue;
    int64_t counted = trigger_count(trigger, low_us, high_us, &last_us);
    if (counted != expected || (expected && last_us != expected_last_us))
      fail_msg("%s: counted %ld, last %ld; stepped %d, %ld in (%ld, %ld]", name, (long)counted,
               (long)last_us, expected, (long)expected_last_us, (long)low_us, (long)high_us);
  }
}

/* Asking from any moment is the same as stepping. */
static inline void check_pure(const char *name, const struct trigger *trigger, int64_t from_us,
                              int64_t until_us)
{
  enum { MOST = 500 };
  int64_t fires[MOST], us;
  int count = list_fires(trigger, from_us, until_us, fires, MOST);
  for (int i = 0; i + 1 < count; i++) {
    if (!trigger_next(trigger, fires[i + 1] - 1, &us) || us != fires[i + 1])
      fail_msg("%s: just before %ld comes %ld", name, (long)fires[i + 1], (long)us);
    int64_t between_us = fires[i] + (fires[i + 1] - fires[i]) * (rand() % 1000) / 1000;
    if (!trigger_next(trigger, between_us, &us) || us != fires[i + 1])
      fail_msg("%s: after %ld comes %ld, not %ld", name, (long)between_us, (long)us,
               (long)fires[i + 1]);
  }
}

#endif
