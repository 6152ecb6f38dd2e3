/* The JSON form, with the options of all kinds and nested triggers. */

#include "check.h"
#include "driver.h"

static const char *const seeds[] = {
    "{\"kind\":\"cron\",\"expression\":\"0 9 * * 1-5\",\"timezone\":\"Asia/Shanghai\"}",
    "{\"kind\":\"interval\",\"hours\":1.5,\"start\":\"2026-01-01T00:00:00Z\"}",
    "{\"kind\":\"date\",\"at\":\"2026-03-29 02:30\"}",
    "{\"kind\":\"date\",\"in\":\"15m\"}",
    "{\"kind\":\"cron_fields\",\"day\":\"last sun\",\"hour\":2,\"minute\":\"*/20\"}",
    "{\"kind\":\"calendar_interval\",\"months\":1,\"start\":\"2026-01-31\",\"hour\":9}",
    "{\"kind\":\"daily_interval\",\"every\":\"72m\",\"start_time\":\"09:00\",\"end_time\":\"17:"
    "00\"}",
    "{\"kind\":\"rrule\",\"rrule\":\"FREQ=DAILY\",\"dtstart\":\"20260105T080000\",\"exdate\":["
    "\"20260106T080000\"]}",
    "{\"kind\":\"any_of\",\"of\":[{\"kind\":\"cron\",\"expression\":\"@daily\"},\"every 5h\"]}",
    "{\"kind\":\"all_of\",\"of\":[\"0 9 * * *\",\"* * 13 * *\"],\"limit\":3}",
    "{\"kind\":\"oncalendar\",\"expression\":\"*-*~1\",\"jitter\":\"5m\",\"offset\":\"-1h\"}",
    "\"every 5s\"",
    "{\"kind\":\"on_event\",\"event\":\"order\",\"filter\":{\"shop\":\"berlin\",\"n\":3},"
    "\"debounce\":\"3s\",\"batch\":10}",
    "{\"kind\":\"after_job\",\"job\":\"nightly\",\"outcome\":\"failed\",\"throttle\":\"1m\"}",
    "{\"kind\":\"on_file\",\"glob\":\"/srv/in/*.csv\",\"settle\":\"2s\"}",
    "{\"kind\":\"on_signal\",\"signal\":\"USR1\"}",
    "{\"kind\":\"on_change\",\"database\":\"/srv/app.db\",\"table\":\"orders\"}",
    "{\"kind\":\"on_start\"}",
    "{\"kind\":\"any_of\",\"of\":[\"@daily\",\"on_event *(* 06\"]}",
    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds, .head_size = FUZZ_HEAD_SIZE};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct fuzz_input input = fuzz_read(data, size);
  struct trigger *trigger = fuzz_trigger_from_json(input.text, input.zone);
  return fuzz_check_all(trigger, &input, FUZZ_CHECK);
}
