/* Dates and times: what is read lies in the range that can be written, and each written form reads
 * back as the same instant. The first byte chooses the zone. */
#include <stdlib.h>

#include "driver.h"
#include "time/instant.h"

static const char *const seeds[] = {"2026-11-21T00:08:28.000000Z", "2026-03-29 02:30",
                                    "2026-10-25T02:30:00",         "2026-02-29",
                                    "0001-01-01T00:00:00Z",        "9999-12-31T23:59:59.999999Z",
                                    "2016-12-31T23:59:60Z",        "1969-12-31T23:59:59.5-00:00",
                                    "2026-11-21t01:08:28+14:00",   NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = 1};

static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"};

static void check_form(const char *text, const char *form, const struct zone *zone, int64_t us)
{
  struct error error;
  int64_t again_us = 0;
  if (instant_parse(form, zone, &again_us, &error) || again_us != us)
    fuzz_fail("\"%s\" is written as \"%s\", which is not the same", text, form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct zone *zone = NULL;
  struct error error = {0};
  if (!size || zone_find(zones[data[0] % 4], &zone, &error))
    return 0;
  char *text = fuzz_text(data + 1, size - 1), form[INSTANT_TEXT_SIZE];
  int64_t us = 0;
  if (instant_parse(text, zone, &us, &error)) {
    if (!error.text[0])
      fuzz_fail("\"%s\" is refused without a reason", text);
  } else {
    fuzz_accepted++;
    if (us < INSTANT_MIN || us > INSTANT_MAX)
      fuzz_fail("\"%s\" lies outside what can be written", text);
    instant_format(form, us);
    check_form(text, form, NULL, us);
    /* At the ends of the range the wall clock of a zone may lie outside it. */
    if (us - INSTANT_MIN > INT64_C(86400000000) && INSTANT_MAX - us > INT64_C(86400000000)) {
      instant_format_in(form, us, zone);
      check_form(text, form, zone, us);
    }
  }
  free(text);
  return 0;
}
