/* Recurrence rules, from a fixed start: the rule is the input. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {"FREQ=DAILY;INTERVAL=2;COUNT=9",
                                    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
                                    "FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO;WKST=SU",
                                    "FREQ=YEARLY;BYDAY=20MO,-1SU",
                                    "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,16",
                                    "FREQ=YEARLY;BYYEARDAY=1,100,-1;UNTIL=20400101T000000Z",
                                    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
                                    "FREQ=HOURLY;BYMONTHDAY=-3;BYMONTH=2,3;BYMINUTE=5,6",
                                    "FREQ=SECONDLY;INTERVAL=90;BYSECOND=0,30",
                                    "FREQ=MONTHLY;BYMONTHDAY=15,31;BYHOUR=2;BYMINUTE=30",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger =
      fuzz_trigger_of("rrule", "rrule", &input, ",\"dtstart\":\"19970902T090000\"");
  return fuzz_check_all(trigger, &input, FUZZ_CHECK_AND_SCAN);
}
