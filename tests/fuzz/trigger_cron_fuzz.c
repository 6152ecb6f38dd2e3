/* Crontab expressions. A text with H is not scanned before it is anchored: it has no times yet. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {"30 2 * * *",
                                    "*/7 1-5 * * mon-fri",
                                    "0 0 13 * 5",
                                    "0 12 29 2 */3",
                                    "@hourly",
                                    "@weekly",
                                    "H H(0-7) * * *",
                                    "H/15 * * * *",
                                    "CRON_TZ=Asia/Tokyo 5 4 3 2 1",
                                    "*/10 5,15 * * * 0-6/2",
                                    "0,30 2 28-31 */2 sun",
                                    "59 23 31 12 7",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger = fuzz_trigger_of("cron", "expression", &input, NULL);
  if (trigger)
    trigger_anchor(trigger, input.start_us, "fuzz");
  return fuzz_check_all(trigger, &input, FUZZ_CHECK_AND_SCAN);
}
