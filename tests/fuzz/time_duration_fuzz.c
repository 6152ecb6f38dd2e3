/* Lengths of time: what is read is written in a form that reads back the same. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "time/duration.h"

static const char *const seeds[] = {
    "1h30m",        "90",    "-1d12h",   "100ms",      "1.5h", "0.001", "+2w3d4h5m",
    "999999999999", "250us", "1 h 30 m", "106751991d", "0s",   NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = fuzz_text(data, size), again[DURATION_TEXT_SIZE];
  struct error error = {0};
  int64_t us = 0, unsigned_us = 0, read_us = 0;
  enum error_code code = duration_parse_signed(text, &us, &error);
  if (code && !error.text[0])
    fuzz_fail("\"%s\" is refused without a reason", text);
  if (!code) {
    fuzz_accepted++;
    duration_format(again, us);
    if (duration_parse_signed(again, &read_us, &error) || read_us != us)
      fuzz_fail("\"%s\" is written as \"%s\", which is not the same", text, again);
  }
  if (!duration_parse(text, &unsigned_us, &error) && (code || unsigned_us != us || us < 0))
    fuzz_fail("\"%s\" without a sign is %lld us", text, (long long)unsigned_us);
  free(text);
  return 0;
}
