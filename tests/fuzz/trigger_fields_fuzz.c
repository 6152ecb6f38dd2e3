/* The fields of APScheduler, one a word: `day=2nd fri` and the like, given by the text form.
 * Options that move or drop fires are for text_fuzz; a text with one of them is not scanned. */
#include <string.h>

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {"day=2nd fri hour=8-10",
                                    "day=last minute=59",
                                    "week=53 day_of_week=mon",
                                    "month=jan-mar day=31",
                                    "year=2026-2040/3 month=2 day=29",
                                    "second=*/15",
                                    "day_of_week=mon-fri hour=9 minute=30",
                                    "day=1st mon,last sun hour=2 minute=30",
                                    "day=*/10 month=*/5",
                                    "hour=0-23/7 minute=5-59/25",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

static bool has_option(const char *text)
{
  static const char *const names[] = {"start",  "end",    "from",   "until",    "limit",
                                      "jitter", "offset", "except", "timezone", NULL};
  for (int i = 0; names[i]; i++)
    if (strstr(text, names[i]))
      return true;
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct buffer line = {0};
  buffer_printf(&line, "fields %s", input.text);
  struct trigger *trigger = fuzz_trigger_from_text(line.data, input.zone);
  buffer_deinit(&line);
  return fuzz_check_all(trigger, &input, has_option(input.text) ? FUZZ_CHECK : FUZZ_CHECK_AND_SCAN);
}
