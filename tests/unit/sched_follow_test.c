/* Whatever happens while a calendar changes and its jobs follow: a due time is decided exactly once
 * when the calendar that is in force at it leaves it, and not at all when that excepts it.
 *
 * So many jobs that they follow in pieces live through random changes, crashes, a full disk and
 * times at which nobody looks. A change is over when all have followed and nothing is late; what
 * came due between it and the change before may go by either. The seed is printed with a failure
 * and may be given as MOONBEAT_SEED. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "support/world.h"

enum { JOBS = 300, STEPS = 120, EVERY_MINUTES = 5, MINUTES_MOST = 3000 };

/* What is excepted, of each hour; the last: nothing. */
static const char *const calendars[] = {
    "{\"cron\":\"0-29 * * * *\"}",
    "{\"cron\":\"30-59 * * * *\"}",
    "{\"cron\":\"0-9,20-29,40-49 * * * *\"}",
    "{\"dates\":\"2020-01-01\"}",
};

enum { CALENDARS = sizeof calendars / sizeof calendars[0] };

static bool is_excepted(int calendar, int minute)
{
  minute %= 60;
  return calendar == 0   ? minute < 30
         : calendar == 1 ? minute >= 30
         : calendar == 2 ? minute / 10 % 2 == 0
                         : false;
}

/* Of a due time, by the number of its minute. */
enum fate { NOT_DUE, DUE, EITHER };

struct life {
  struct world w;
  uint64_t seed, random_state;
  bool is_declared;            /* by a script; else set at run time */
  int calendar;                /* in force */
  unsigned since_sure;         /* the calendars that have been in force since, a bit each */
  int64_t sure_us, changed_us; /* all was decided; the last change */
  unsigned char fates[JOBS][MINUTES_MOST], decided[JOBS][MINUTES_MOST];
};

static int64_t draw(struct life *life, int64_t below)
{
  life->random_state =
      life->random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int64_t)((life->random_state >> 33) % (uint64_t)below);
}

static int64_t due_us(int job, int minute)
{
  return WORLD_BEGINS + minute * MINUTE + job % 60 * SECOND;
}

static void add_jobs(struct world *w)
{
  struct buffer specs = {0};
  buffer_append_text(&specs, "{\"jobs\":[");
  for (int i = 0; i < JOBS; i++)
    buffer_printf(&specs,
                  "%s{\"id\":\"j%d\",\"run\":{\"shell\":\"true\"},\"max_interruptions\":1000000,"
                  "\"trigger\":\"%d %d-59/%d * * * * except=closed\"%s}",
                  i ? "," : "", i, i % 60, i % EVERY_MINUTES, EVERY_MINUTES,
                  i % 3 == 0 ? ",\"coalesce\":\"earliest\"" : "");
  buffer_append_text(&specs, "]}");
  char added[10];
  snprintf(added, sizeof added, "%d", JOBS);
  world_expect(w, "add_jobs", specs.data, "added", added);
  buffer_deinit(&specs);
}

static bool declare(struct life *life, int calendar)
{
  char *script = memory_printf("{\"calendars\":{\"closed\":%s}}", calendars[calendar]);
  world_save(&life->w, "c", script);
  free(script);
  return true;
}

static void crash(struct life *life)
{
  world_crash(&life->w);
  if (life->is_declared)
    declare(life, life->calendar);
}

/* False when it is refused. */
static bool set(struct life *life, int calendar)
{
  char *params = memory_printf("{\"name\":\"closed\",\"definition\":%s}", calendars[calendar]);
  char *answer = world_ask(&life->w, "set_calendar", params);
  bool is_set = strncmp(answer, "error", 5) != 0;
  free(answer);
  free(params);
  return is_set;
}

static void change(struct life *life)
{
  int calendar = (int)draw(life, CALENDARS);
  if (!(life->is_declared ? declare(life, calendar) : set(life, calendar)))
    return;
  life->calendar = calendar;
  life->since_sure |= 1U << calendar;
  life->changed_us = life->w.now_us;
}

/* While nothing can be stored. What a script declares is in force when it can be again. */
static void change_in_vain(struct life *life)
{
  struct world *w = &life->w;
  int64_t before_us = life->changed_us;
  world_limit_pages(w, 1);
  world_pass(w, 1 + draw(life, MINUTE));
  if (draw(life, 2))
    change(life);
  sched_idle(w->sched, w->now_us);
  if (draw(life, 4) == 0)
    crash(life);
  world_limit_pages(w, 1000000);
  world_pass(w, 2 * SECOND);
  if (life->changed_us != before_us)
    life->changed_us = w->now_us;
}

static enum fate fate_of(const struct life *life, int minute, int64_t us)
{
  unsigned in_force = us > life->changed_us ? 1U << life->calendar : life->since_sure;
  bool may_be = false, must_be = true;
  for (int i = 0; i < CALENDARS; i++)
    if (in_force & 1U << i) {
      may_be |= !is_excepted(i, minute);
      must_be &= !is_excepted(i, minute);
    }
  return must_be ? DUE : may_be ? EITHER : NOT_DUE;
}

/* All have followed, and all that has come is decided. */
static void be_sure(struct life *life)
{
  do {
    while (world_run_count(&life->w))
      world_finish_all(&life->w);
    world_keep_house(&life->w);
    world_settle(&life->w);
  } while (world_run_count(&life->w));
  for (int i = 0; i < JOBS; i++)
    for (int minute = i % EVERY_MINUTES; minute < MINUTES_MOST; minute += EVERY_MINUTES) {
      int64_t us = due_us(i, minute);
      if (us > life->sure_us && us <= life->w.now_us)
        life->fates[i][minute] = (unsigned char)fate_of(life, minute, us);
    }
  life->sure_us = life->w.now_us;
  life->since_sure = 1U << life->calendar;
}

static void take_step(struct life *life)
{
  struct world *w = &life->w;
  switch (draw(life, 10)) {
  case 0:
  case 1:
    world_live(w, 1 + draw(life, 5 * MINUTE));
    break;
  case 2:
    world_pass(w, 1 + draw(life, 20 * MINUTE));
    break;
  case 3: /* nobody looks */
    w->now_us += 1 + draw(life, 10 * MINUTE);
    break;
  case 4:
    crash(life);
    break;
  case 5:
    change_in_vain(life);
    break;
  case 6:
    sched_idle(w->sched, w->now_us);
    break;
  case 7:
    change(life);
    break;
  default:
    be_sure(life);
    break;
  }
}

/* ---- the account ---- */

static int minute_of(struct life *life, int job, int64_t us)
{
  int64_t minute = (us - WORLD_BEGINS) / MINUTE;
  if (minute < 0 || minute >= MINUTES_MOST || due_us(job, (int)minute) != us ||
      life->fates[job][minute] == NOT_DUE)
    fail_msg("seed %llu: j%d at minute %lld is decided, and was not due",
             (unsigned long long)life->seed, job, (long long)minute);
  return (int)minute;
}

/* What is read, and the job whose skips are. */
struct account {
  struct life *life;
  int job;
};

static bool read_run(void *context, const struct run *run, const char *job_id)
{
  const struct account *account = context;
  int job = atoi(job_id + 1);
  account->life->decided[job][minute_of(account->life, job, run->key.scheduled_us)]++;
  return true;
}

static bool read_skip(void *context, const struct skip *skip)
{
  const struct account *account = context;
  struct life *life = account->life;
  int job = account->job, least = 0, most = 0, last = minute_of(life, job, skip->last_us);
  for (int i = minute_of(life, job, skip->first_us); i <= last; i += EVERY_MINUTES) {
    enum fate fate = life->fates[job][i];
    least += fate == DUE;
    most += fate != NOT_DUE;
    if (fate == DUE)
      life->decided[job][i]++;
  }
  if (skip->count < least || skip->count > most)
    fail_msg("seed %llu: a skip of j%d counts %lld due times, and there are %d to %d",
             (unsigned long long)life->seed, job, (long long)skip->count, least, most);
  return true;
}

static void check_account(struct life *life)
{
  struct account account = {.life = life};
  struct store *store = life->w.store;
  struct error error;
  assert_int_equal(store_each_run(store, INT64_MAX, INT64_MAX, read_run, &account, &error),
                   ERROR_OK);
  for (int i = account.job = 0; i < JOBS; account.job = ++i) {
    int64_t number;
    char *sql = memory_printf("SELECT number FROM jobs WHERE id = 'j%d'", i);
    assert_int_equal(store_ask(store, sql, &number, &error), ERROR_OK);
    free(sql);
    assert_int_equal(store_each_skip_of(store, number, read_skip, &account, &error), ERROR_OK);
    for (int minute = 0; minute < MINUTES_MOST; minute++)
      if (life->decided[i][minute] != 1 && life->fates[i][minute] == DUE)
        fail_msg("seed %llu: j%d at minute %d is decided %d times", (unsigned long long)life->seed,
                 i, minute, life->decided[i][minute]);
  }
}

static void live(uint64_t seed)
{
  struct life *life = memory_alloc(sizeof *life);
  memset(life, 0, sizeof *life);
  life->seed = life->random_state = seed;
  world_open(&life->w, scratch_path("store.db"));
  life->w.now_us += SECOND / 2;
  life->is_declared = seed % 2;
  change(life);
  add_jobs(&life->w);
  life->sure_us = life->w.now_us;
  life->since_sure = 1U << life->calendar;
  for (int i = 0; i < STEPS; i++)
    take_step(life);
  be_sure(life);
  check_account(life);
  world_close(&life->w);
  free(life);
}

static void each_due_time_goes_by_the_calendar_in_force(void **state)
{
  const char *given = getenv("MOONBEAT_SEED");
  uint64_t first = given ? strtoull(given, NULL, 10) : 1, last = given ? first : 3;
  (void)state;
  for (uint64_t seed = first; seed <= last; seed++) {
    live(seed);
    scratch_empty();
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_due_time_goes_by_the_calendar_in_force),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
