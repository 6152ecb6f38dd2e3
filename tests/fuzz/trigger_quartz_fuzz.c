/* Quartz expressions. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {"0 15 10 ? * MON-FRI",
                                    "0 0 0 LW * ?",
                                    "0 0 0 L-3W * ?",
                                    "0 0 12 ? * 6#3",
                                    "0 0 12 ? * 2L 2028",
                                    "0 0 22-4 15W 11-2 ?",
                                    "50-10/7 0/5 * L-2 * ? 2026-2099/3",
                                    "0 0 0 29 2 ?",
                                    "30 1 2 1/5 * ?",
                                    "0 0 6 ? * FRI-MON",
                                    "*/20 59 23 31 12 ? *",
                                    "00 * 2 ? 3 1L",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger = fuzz_trigger_of("quartz", "expression", &input, NULL);
  return fuzz_check_all(trigger, &input, FUZZ_CHECK_AND_SCAN);
}
