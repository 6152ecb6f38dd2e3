/* systemd calendar expressions. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {"Mon..Fri *-*-* 09:30",
                                    "*-02~03 12:00",
                                    "Mon *-05~07/1",
                                    "*:0/15",
                                    "hourly",
                                    "quarterly",
                                    "2026..2030-*-01/2 0/6:30:5",
                                    "Sat,Sun 12-05 08:05:40",
                                    "*-*~1,3 23:00 Europe/Paris",
                                    "Thu,Fri 2028-1,5-1..20/3 11:12:13",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger = fuzz_trigger_of("oncalendar", "expression", &input, NULL);
  return fuzz_check_all(trigger, &input, FUZZ_CHECK_AND_SCAN);
}
