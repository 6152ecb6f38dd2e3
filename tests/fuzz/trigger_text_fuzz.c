/* A whole line of the text form, with the options of all kinds and nested triggers. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {
    "30 2 * * * timezone=Europe/Berlin gap=skip overlap=both",
    "every 1h30m start=2026-01-01T00:00:00Z",
    "in 15m",
    "at 2026-03-29 02:30",
    "cron 0 9 * * 1-5 start=2026-01-01 end=2040-01-01",
    "any_of (cron 0 9 * * *) (every 5h)",
    "all_of (cron 0 9 * * *) (cron * * * * fri)",
    "calendar_interval months=1 start=2026-01-31 at=09:30",
    "fields day=2nd fri hour=8-10",
    "daily_interval every=72m start_time=09:00 end_time=17:00 weekdays=mon-fri",
    "rrule FREQ=WEEKLY;BYDAY=MO dtstart=20260105T080000",
    "quartz 0 0 12 L * ? timezone=UTC",
    "oncalendar Mon..Fri 10:00 limit=5",
    "every 1d jitter=10m offset=-1h from=2026-05-01 until=2027-01-01",
    "cron 0 9 * * * except=(weekdays=sat,sun)",
    "every 1500ms end=2030-01-01",
    "any_of (all_of (rrule FREQ=YEARLY;BYWEEKNO=9 dtstart=20260101) (0 */7 * * *)) (in 3d) "
    "jitter=5m",
    "any_of (all_of (rrule FREQ=YEARLY;BYWEEKNO=6) (0 */7 6 * *)) (in 3d)",
    "rrule dtstart=20260101 rdate=20260301T090000,20270101 exdate=20260101 limit=2",
    "on_event order filter=(shop=berlin n=3) debounce=3s batch=10",
    "after_job nightly outcome=finished throttle=1m",
    "on_file /srv/in/**/*.csv settle=2s debounce=500ms",
    "on_signal SIGUSR1",
    "on_change /srv/app.db table=orders batch=100",
    "on_start",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger = fuzz_trigger_from_text(input.text, input.zone);
  return fuzz_check_all(trigger, &input, FUZZ_CHECK);
}
