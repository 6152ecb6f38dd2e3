/* Sentences about cron schedules in all dialects, each read by a person. What follows from the zone
 * stands at the end and is UTC where nothing else is said. */
#include "support/unit.h"

#include <string.h>

#include "base/buffer.h"
#include "trigger/cron.h"
#include "trigger/cron_words.h"
#include "trigger/trigger.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct sentence {
  const char *text, *sentence; /* without the zone when that is UTC */
};

/* `seed` is NULL, or the id of the job. */
static void check(const struct sentence *sentence, const char *seed)
{
  struct trigger *trigger;
  struct error error = {0};
  struct buffer got = {0}, expected = {0};
  if (trigger_from_text(sentence->text, NULL, &trigger, &error))
    fail_msg("%s: %s", sentence->text, error.text);
  trigger_anchor(trigger, 0, seed);
  trigger_explain(trigger, &got);
  buffer_append_text(&expected, sentence->sentence);
  if (strcmp(trigger_timezone(trigger), "UTC") == 0)
    buffer_append_text(&expected, ", UTC");
  if (strcmp(got.data, expected.data) != 0)
    fail_msg("%s is explained as \"%s\"", sentence->text, got.data);
  buffer_deinit(&got);
  buffer_deinit(&expected);
  trigger_destroy(trigger);
}

static void crontab_is_explained(void **state)
{
  (void)state;
  static const struct sentence cases[] = {
      {"* * * * *", "Every minute"},
      {"*/5 * * * *", "Every 5 minutes"},
      {"*/7 * * * *", "Every 7 minutes from minute 0 to 56 of every hour"},
      {"3-59/10 * * * *", "Every 10 minutes from minute 3 to 53 of every hour"},
      {"10-40/10 * * * *", "Every 10 minutes from minute 10 to 40 of every hour"},
      {"0-29 * * * *", "Every minute from 0 to 29 of every hour"},
      {"5 * * * *", "At minute 5 of every hour"},
      {"0 * * * *", "Every hour"},
      {"5,20 * * * *", "At minute 5 and 20 of every hour"},
      {"5,6,7 * * * *", "Every minute from 5 to 7 of every hour"},
      {"1,2,3,10,20-22 * * * *", "At minute 1 to 3, 10 and 20 to 22 of every hour"},
      {"0 9 * * 1-5", "At 09:00, Monday to Friday"},
      {"0 9 * * mon-fri timezone=Asia/Shanghai", "At 09:00, Monday to Friday, Asia/Shanghai"},
      {"30 2 * * *", "At 02:30, every day"},
      {"0 0 * * *", "At 00:00, every day"},
      {"0 0,12 * * *", "At 00:00 and 12:00, every day"},
      {"0 8,12,18 * * *", "At 08:00, 12:00 and 18:00, every day"},
      {"15,45 8,12,18 * * *", "At 08:15, 08:45, 12:15, 12:45, 18:15 and 18:45, every day"},
      {"0 9-17 * * *", "Every hour from 09:00 to 17:00"},
      {"0 9-17 * * mon-fri", "Every hour from 09:00 to 17:00, Monday to Friday"},
      {"*/10 9-17 * * mon-fri", "Every 10 minutes from 09:00 to 17:59, Monday to Friday"},
      {"*/15 9 * * *", "Every 15 minutes from 09:00 to 09:59"},
      {"* 9 * * *", "Every minute from 09:00 to 09:59"},
      {"* 9-17 * * *", "Every minute from 09:00 to 17:59"},
      {"0 */2 * * *", "Every 2 hours"},
      {"0 1-23/2 * * *", "Every 2 hours from 01:00"},
      {"23 0-20/2 * * *", "Every 2 hours from 00:23 to 20:23"},
      {"0 2-20/6 * * *", "Every 6 hours from 02:00"},
      {"30 */6 * * *", "Every 6 hours from 00:30"},
      {"*/20 */4 * * *", "Every 20 minutes of every 4th hour"},
      {"7 4,16 * * *", "At 04:07 and 16:07, every day"},
      {"10-50/10 4,16 10-20 3,9 *", "Every 10 minutes from minute 10 to 50 of hour 4 and 16, on "
                                    "day 10 to 20 of the month, in March and September"},
      {"0 0 1 * *", "At 00:00, on day 1 of the month"},
      {"0 0 1,15 * *", "At 00:00, on day 1 and 15 of the month"},
      {"0 0 31 * *", "At 00:00, on day 31 of the month"},
      {"0 6 1-7 * *", "At 06:00, on day 1 to 7 of the month"},
      {"0 0 */2 * *", "At 00:00, on every 2nd day of the month"},
      {"0 0 2-30/2 * *", "At 00:00, on every 2nd day of the month from day 2"},
      {"0 0 */10 * *", "At 00:00, on every 10th day of the month"},
      {"0 0 * * sun", "At 00:00, on Sunday"},
      {"0 0 * * 0,6", "At 00:00, on Saturday and Sunday"},
      {"0 0 * * 5-7", "At 00:00, Friday to Sunday"},
      {"0 0 * * 1,3,5", "At 00:00, on Monday, Wednesday and Friday"},
      {"0 0 * * mon,wed-fri", "At 00:00, on Monday and Wednesday to Friday"},
      {"0 22 * * fri,sat", "At 22:00, on Friday and Saturday"},
      {"0 0 13 * fri", "At 00:00, on day 13 of the month or on Friday"},
      {"0 0 13 * 1-5", "At 00:00, on day 13 of the month or Monday to Friday"},
      {"0 0 */2 * mon", "At 00:00, on every 2nd day of the month when that is a Monday"},
      {"0 0 1-7 * */7", "At 00:00, on day 1 to 7 of the month when that is a Sunday"},
      {"0 3 * 6-8 *", "At 03:00, every day, in June to August"},
      {"0 3 * 1,6,7,8 *", "At 03:00, every day, in January and June to August"},
      {"0 0 1 */3 *", "At 00:00, on day 1 of the month, in January, April, July and October"},
      {"0 0 1 1 *", "At 00:00, on 1 January"},
      {"45 23 31 12 *", "At 23:45, on 31 December"},
      {"0 0 29 2 *", "At 00:00, on 29 February"},
      {"0 0 1,15 3 *", "At 00:00, on 1 and 15 March"},
      {"0 0 * 2 *", "At 00:00, every day, in February"},
      {"0 0 1 2 mon", "At 00:00, on day 1 of the month or on Monday, in February"},
      {"* * * 2 *", "Every minute, in February"},
      {"* * 1 1 *", "Every minute, on 1 January"},
      {"@yearly", "At 00:00, on 1 January"},
      {"@hourly", "Every hour"},
      {"@weekly", "At 00:00, on Sunday"},
      {"30 * * * * *", "At second 30 of every minute"},
      {"*/10 * * * * *", "Every 10 seconds"},
      {"* * * * * *", "Every second"},
      {"5,35 */2 9 * * *", "At second 5 and 35 of every 2nd minute of hour 9"},
      {"15 0 9 * * *", "At 09:00:15, every day"},
      {"* 30 9 * * *", "Every second from 09:30:00 to 09:30:59"},
      {"*/30 0 * * * *", "At second 0 and 30 of minute 0 of every hour"},
      {"*/5 * 9-17 * * mon-fri", "Every 5 seconds from 09:00 to 17:59, Monday to Friday"},
      {"0,30 0 9,17 * * *", "At second 0 and 30 of minute 0 of hour 9 and 17"},
      {"15 30 * * * *", "At second 15 of minute 30 of every hour"},
      {"0-29 * * * * *", "Every second from 0 to 29 of every minute"},
      {"1-5 10-20 8-10 * * *",
       "Every second from 1 to 5 of every minute from 10 to 20 of every hour from 8 to 10"},
      {"10,20,30 5 * * * *", "Every 10 seconds from second 10 to 30 of minute 5 of every hour"},
      {"* */2 * * * *", "Every second of every 2nd minute of every hour"},
      {"*/2 3 4 * * *", "Every 2 seconds from 04:03:00 to 04:03:59"},
      {"1 2-50/3 * * * *", "At second 1 of every 3rd minute from 2 to 50 of every hour"},
      {"0 9 * * 1-5 start=2026-01-01 end=2026-12-31",
       "At 09:00, Monday to Friday, from 2026-01-01T00:00:00+00:00, until "
       "2026-12-31T00:00:00+00:00"},
      {"50-59,0-10 * * * *", "Every minute from 50 to 10 of every hour"},
      {"0 */7 * * *", "Every 7 hours from 00:00 to 21:00"},
      {"0 20-23,0-4 * * *", "Every hour from 20:00 to 04:00"},
      {"*/15 20-23,0-4 * * *", "Every 15 minutes from 20:00 to 04:59"},
      {"0 0 * * sat-sun,mon", "At 00:00, Saturday to Monday"},
      {"0 0 1-3,29-31 * *", "At 00:00, on day 1 to 3 and 29 to 31 of the month"},
      {"0 0 5/7 * *", "At 00:00, on every 7th day of the month from day 5"},
      {"0 0 11-13,21-23 * *", "At 00:00, on day 11 to 13 and 21 to 23 of the month"},
      {"0 0 1 11,12,1,2 *", "At 00:00, on day 1 of the month, in November to February"},
      {"59 59 23 31 12 *", "At 23:59:59, on 31 December"},
      {"CRON_TZ=Europe/Berlin 30 4 1 * *", "At 04:30, on day 1 of the month, Europe/Berlin"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(&cases[i], NULL);
}

static void an_h_is_explained_as_what_it_is(void **state)
{
  (void)state;
  static const struct sentence with_job[] = {
      {"H H * * *", "At 20:32, every day"},
      {"H/15 * * * *", "Every 15 minutes from minute 2 to 47 of every hour"},
      {"H H(0-7) * * 1-5", "At 04:32, Monday to Friday"},
  };
  static const struct sentence without_job[] = {
      {"H H * * *", "At 11:22, every day, with H as it is without a job"},
  };
  for (size_t i = 0; i < COUNT(with_job); i++)
    check(&with_job[i], "job");
  for (size_t i = 0; i < COUNT(without_job); i++)
    check(&without_job[i], NULL);
}

static void quartz_is_explained(void **state)
{
  (void)state;
  static const struct sentence cases[] = {
      {"quartz 0 0 12 * * ?", "At 12:00, every day"},
      {"quartz 0 0/5 14 * * ?", "Every 5 minutes from 14:00 to 14:59"},
      {"quartz 0 15 10 L * ?", "At 10:15, on the last day of the month"},
      {"quartz 0 15 10 L-3 * ?", "At 10:15, on the 3rd day before the last of the month"},
      {"quartz 0 15 10 L-1 * ?", "At 10:15, on the day before the last of the month"},
      {"quartz 0 15 10 LW * ?", "At 10:15, on the last weekday of the month"},
      {"quartz 0 15 10 15W * ?", "At 10:15, on the weekday nearest to day 15 of the month"},
      {"quartz 0 15 10 L-2W * ?",
       "At 10:15, on the weekday nearest to the 2nd day before the last of the month"},
      {"quartz 0 15 10 ? * 6L", "At 10:15, on the last Friday of the month"},
      {"quartz 0 15 10 ? * 6#3", "At 10:15, on the 3rd Friday of the month"},
      {"quartz 0 15 10 ? * MON-FRI", "At 10:15, Monday to Friday"},
      {"quartz 0 15 10 ? * FRI-MON", "At 10:15, Friday to Monday"},
      {"quartz 0 0 22-2 * * ?", "Every hour from 22:00 to 02:00"},
      {"quartz 0 15 10 ? * 6L 2027-2030",
       "At 10:15, on the last Friday of the month, in 2027 to 2030"},
      {"quartz 0 0 0 1 1 ? 2028", "At 00:00, on 1 January, in 2028"},
      {"quartz 0 0 0 1 1 ? 2026/4", "At 00:00, on 1 January, in every 4th year from 2026 to 2198"},
      {"quartz 0 0 0 29 2 ? 2028,2032", "At 00:00, on 29 February, in 2028 and 2032"},
      {"quartz 0 0 0 ? 3 1#5", "At 00:00, on the 5th Sunday of the month, in March"},
      {"quartz 0 0/30 8-10 5,20 * ?",
       "At 08:00, 08:30, 09:00, 09:30, 10:00 and 10:30, on day 5 and 20 of the month"},
      {"quartz 30/10 * * * * ?", "Every 10 seconds from second 30 to 50 of every minute"},
      {"quartz 0 0 12 1/5 * ?", "At 12:00, on every 5th day of the month"},
      {"quartz 0 11 11 11 11 ?", "At 11:11, on 11 November"},
      {"quartz 0 0 0 L-2 JAN,JUN ?",
       "At 00:00, on the 2nd day before the last of the month, in January and June"},
      {"quartz 0 0 10 ? * L", "At 10:00, on Saturday"},
      {"quartz 0 0 10 ? 1-3 MON,WED 2026,2028-2030",
       "At 10:00, on Monday and Wednesday, in January to March, in 2026 and 2028 to 2030"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(&cases[i], NULL);
}

static void named_fields_are_explained(void **state)
{
  (void)state;
  static const struct sentence cases[] = {
      {"fields hour=9 minute=30", "At 09:30, every day"},
      {"fields day=last sun hour=3", "At 03:00, on the last Sunday of the month"},
      {"fields day=1,last hour=3", "At 03:00, on day 1 of the month and the last day of the month"},
      {"fields day=2nd fri,4th fri hour=12", "At 12:00, on the 2nd and 4th Friday of the month"},
      {"fields day=10,last sun day_of_week=mon hour=3",
       "At 03:00, on day 10 of the month and the last Sunday of the month when that is a Monday"},
      {"fields week=1-20/3 hour=9", "At 09:00, every day, in ISO week 1, 4, 7, 10, 13, 16 and 19"},
      {"fields week=53 day_of_week=mon", "At 00:00, on Monday, in ISO week 53"},
      {"fields year=2027", "At 00:00, on 1 January, in 2027"},
      {"fields year=2027-2040/2 month=3 day=1",
       "At 00:00, on 1 March, in every 2nd year from 2027 to 2039"},
      {"fields year=2026,2028 week=5,6",
       "At 00:00, every day, in ISO week 5 and 6, in 2026 and 2028"},
      {"fields second=*/10 hour=3", "Every 10 seconds from 03:00 to 03:59"},
      {"fields day_of_week=0-6/2 minute=*/30",
       "At minute 0 and 30 of every hour, on Monday, Wednesday, Friday and Sunday"},
      {"fields day=*,last hour=3", "At 03:00, every day"},
      {"fields day=1st mon,1st tue,last mon hour=3",
       "At 03:00, on the 1st and last Monday of the month and the 1st Tuesday of the month"},
      {"fields day=5th wed", "At 00:00, on the 5th Wednesday of the month"},
      {"fields month=2 day=29 year=2028-2096/4 hour=6",
       "At 06:00, on 29 February, in every 4th year from 2028 to 2096"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(&cases[i], NULL);
}

static void on_calendar_is_explained(void **state)
{
  (void)state;
  static const struct sentence cases[] = {
      {"oncalendar Mon..Fri 09:00", "At 09:00, Monday to Friday"},
      {"oncalendar *-02-29", "At 00:00, on 29 February"},
      {"oncalendar *-*~03", "At 00:00, on the 2nd day before the last of the month"},
      {"oncalendar quarterly",
       "At 00:00, on day 1 of the month, in January, April, July and October"},
      {"oncalendar *:0/15", "Every 15 minutes"},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(&cases[i], NULL);
}

static void masks_have_shapes(void **state)
{
  (void)state;
  static const struct {
    uint64_t mask;
    int32_t low, high;
    struct cron_shape shape;
  } cases[] = {
      {0x1, 0, 59, {.kind = SHAPE_ONE, .first = 0, .last = 0, .step = 1, .count = 1}},
      {0x3, 0, 59, {.kind = SHAPE_LIST, .first = 0, .last = 1, .step = 1, .count = 2}},
      {0x7, 0, 59, {.kind = SHAPE_RUN, .first = 0, .last = 2, .step = 1, .count = 3}},
      {0xffffff, 0, 23, {.kind = SHAPE_ALL, .first = 0, .last = 23, .step = 1, .count = 24}},
      {0x1ffe, 1, 12, {.kind = SHAPE_ALL, .first = 1, .last = 12, .step = 1, .count = 12}},
      {0x41041, 0, 23, {SHAPE_STEPS, 0, 18, 6, 4, true, 0}},
      {0x82082, 0, 23, {SHAPE_STEPS, 1, 19, 6, 4, false, 0}},
      {0x204081, 0, 23, {SHAPE_STEPS, 0, 21, 7, 4, false, 0}},
      {0xc00001, 0, 23, {SHAPE_RUN, 22, 0, 1, 3, false, 0}},
      {0x800003, 0, 23, {SHAPE_RUN, 23, 1, 1, 3, false, 0}},
      {0xc00005, 0, 23, {SHAPE_LIST, 0, 23, 2, 4, false, 0}},
      {UINT64_C(1) << 59 | 3, 0, 59, {SHAPE_RUN, 59, 1, 1, 3, false, 0}},
      {0xfffffffc, 1, 31, {SHAPE_RUN, 2, 31, 1, 30, false, 0}},
      {0x1806, 1, 12, {SHAPE_RUN, 11, 2, 1, 4, false, 0}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct cron_shape expected = cases[i].shape;
    struct cron_shape got = cron_shape_of(cases[i].mask, cases[i].low, cases[i].high);
    if (got.kind != expected.kind || got.first != expected.first || got.last != expected.last ||
        got.step != expected.step || got.count != expected.count ||
        (got.kind == SHAPE_STEPS && got.is_even != expected.is_even))
      fail_msg("case %zu: kind %d, %d to %d by %d, %d in all", i, (int)got.kind, got.first,
               got.last, got.step, got.count);
    assert_int_equal(got.mask, cases[i].mask);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crontab_is_explained),     cmocka_unit_test(an_h_is_explained_as_what_it_is),
      cmocka_unit_test(quartz_is_explained),      cmocka_unit_test(named_fields_are_explained),
      cmocka_unit_test(on_calendar_is_explained), cmocka_unit_test(masks_have_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
