#include "sim/reason.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"

#define LOOK_US      (3 * SECOND)  /* not more often, as it reads a lot, */
#define LOOK_ZONE_US (10 * MINUTE) /* and this takes long to tell */
#define PATIENCE_US  (4 * SECOND)
#define DEBOUNCE_US  (30 * SECOND) /* of a stream of events that has no pause */
#define THROTTLE_US  (20 * SECOND)
#define NONE_US      INT64_MIN

enum { OWN, GUEST, SCRIPTS, BOOKED = JOBS + GUESTS };

/* What a job waits for: its first due time that is not decided, as far as is known. */
struct due {
  int64_t job, revision, from_us;
  int version; /* of the tz database */
  int64_t due_us;
  int64_t told_us;  /* steady: when that was found */
  int64_t since_us; /* steady: it waits without a reason; 0: it does not */
};

struct reasons {
  struct due dues[BOOKED];
  int64_t event_us[BOOKED];    /* of the first that no run has taken; or NONE_US */
  int64_t loading_us[SCRIPTS]; /* steady: until then */
  int64_t looked_us;           /* steady */
};

struct reasons *reasons_create(void)
{
  return memory_alloc(sizeof(struct reasons));
}

void reasons_destroy(struct reasons *reasons)
{
  free(reasons);
}

void reason_load(struct life *life, const char *script, int64_t lasts_us)
{
  int64_t *until_us = &life->reasons->loading_us[script[0] == 'b' ? GUEST : OWN];
  if (*until_us < life_steady_us(life) + lasts_us)
    *until_us = life_steady_us(life) + lasts_us;
}

void reasons_put_off(struct life *life)
{
  for (int i = 0; i < BOOKED; i++)
    life->reasons->dues[i].since_us = 0;
  courses_put_off(life);
}

void reasons_forget(struct life *life)
{
  reasons_put_off(life);
  memset(life->reasons->loading_us, 0, sizeof life->reasons->loading_us);
}

/* ---- jobs ---- */

static struct booked *booked_at(struct life *life, int i)
{
  return i < JOBS ? &life->jobs[i] : &life->guests[i - JOBS];
}

static const struct booked *find_booked(struct life *life, int64_t number)
{
  for (int i = 0; i < BOOKED; i++) {
    const struct booked *job = booked_at(life, i);
    if (job->is_there && job->number == number)
      return job;
  }
  return NULL;
}

static bool is_guest(const struct life *life, const struct booked *job)
{
  return job >= life->guests && job < life->guests + GUESTS;
}

static bool script_is_away(struct life *life, const struct booked *job)
{
  int64_t now_us = life_steady_us(life);
  if (is_guest(life, job) || (job->func && !job->is_declared))
    return !guest_is_good(life) || now_us <= life->reasons->loading_us[GUEST];
  return job->is_declared && now_us <= life->reasons->loading_us[OWN];
}

static bool is_quarantined(struct life *life, int64_t number)
{
  return book_query(life_db(life),
                    "SELECT 1 FROM job_progress WHERE number = ? AND state = 3"
                    " AND error LIKE 'quarantined:%'",
                    number, 0, 0);
}

static bool has_closed_gate(struct life *life, const struct terms *terms)
{
  if (terms->has_pool && courses_in_pool(life) >= book_query(life_db(life),
                                                             "SELECT slots FROM pools"
                                                             " WHERE name = 'p'",
                                                             0, 0, 0)) {
    sometimes("what is due waits for its pool");
    return true;
  }
  if (terms->has_key && courses_with_key(life)) /* one of two may wait behind who wants both */
    sometimes("what is due waits for its key");
  return terms->has_key && courses_with_key(life);
}

/* Why nothing of a job begins, whatever it is. */
static bool has_reason(struct life *life, int64_t number, const struct terms *terms)
{
  const struct booked *job = find_booked(life, number);
  if (!job || script_is_away(life, job) || has_closed_gate(life, terms))
    return true;
  return is_quarantined(life, number);
}

static bool is_full(const struct life *life, const struct booked *job, const struct terms *terms)
{
  bool is = courses_open(life, job->number) >= terms->max_instances;
  if (is)
    sometimes("what is due waits for open runs of its job");
  return is;
}

/* The same: one that was asked for by hand may wait without ever having been sent. */
static bool is_full_by_hand(struct life *life, const struct booked *job, const struct terms *terms)
{
  return book_query(life_db(life), "SELECT count(*) FROM runs WHERE job = ? AND state < 2",
                    job->number, 0, 0) >= terms->max_instances;
}

static bool may_wait(struct life *life, const struct booked *job, const struct terms *terms)
{
  return is_full(life, job, terms) || has_reason(life, job->number, terms) ||
         is_full_by_hand(life, job, terms);
}

/* A client has asked for something about it, and has not been answered. */
static bool is_asked_about(const struct life *life, const struct booked *job)
{
  return life->doubt.kind != DOUBT_NONE && life->doubt.job == job;
}

/* ---- due times ---- */

/* Far enough for the next one of any rule. */
static int64_t span_of(const struct rule *rule)
{
  switch (rule->kind) {
  case RULE_INTERVAL:
    return rule->period_us;
  case RULE_MINUTES:
    return 2 * HOUR;
  case RULE_HOURLY:
    return 3 * HOUR;
  default:
    return 50 * HOUR;
  }
}

/* An interval has not begun yet, and a date may be far. */
static int64_t next_due(const struct rule *rule, int64_t from_us)
{
  struct dues dues = {0};
  if (rule->kind == RULE_INTERVAL || rule->kind == RULE_DATE)
    from_us = from_us < rule->start_us ? rule->start_us : from_us;
  rule_dues(rule, from_us, from_us + span_of(rule), &dues);
  int64_t us = dues.count ? dues.us[0] : INT64_MAX;
  free(dues.us);
  return us;
}

/* The last one from then on that has been decided, as far as can be told at once: they are decided
 * in their order, so its run or the newest skip tells; INT64_MIN: none. */
static int64_t last_decided(struct life *life, const struct booked *job, int64_t from_us)
{
  int64_t us =
      book_query(life_db(life),
                 "SELECT coalesce((SELECT scheduled_us FROM runs WHERE scheduled_us = ?2"
                 "  AND job = ?1 AND cause = 0),"
                 " (SELECT last_us FROM skips WHERE job = ?1 ORDER BY number DESC LIMIT 1))",
                 job->number, from_us, INT64_MIN);
  return us >= from_us ? us : INT64_MIN;
}

/* The same for certain, which takes long. */
static bool is_decided(struct life *life, const struct booked *job, int64_t us)
{
  return book_query(life_db(life),
                    "SELECT 1 FROM runs WHERE scheduled_us >= ?2 AND job = ?1 AND cause = 0"
                    " UNION ALL SELECT 1 FROM skips WHERE job = ?1 AND last_us >= ?2 LIMIT 1",
                    job->number, us, 0);
}

static void tell_due(struct life *life, const struct booked *job, struct due *due, int64_t from_us)
{
  due->due_us = next_due(&job->rule, from_us);
  due->told_us = life_steady_us(life);
  due->since_us = 0;
}

/* Whether a time is due that has not been decided. */
static bool find_due(struct life *life, const struct booked *job, struct due *due)
{
  int64_t now_us = sim_now_us(life->sim), last_us;
  if (due->job != job->number || due->revision != job->revision || due->from_us != job->from_us ||
      due->version != job->rule.version) {
    *due = (struct due){.job = job->number,
                        .revision = job->revision,
                        .from_us = job->from_us,
                        .version = job->rule.version};
    tell_due(life, job, due, job->from_us);
  }
  while (due->due_us <= now_us && (last_us = last_decided(life, job, due->due_us)) != INT64_MIN) {
    if (job->rule.kind != RULE_INTERVAL && life_steady_us(life) < due->told_us + LOOK_ZONE_US)
      return false;
    tell_due(life, job, due, last_us + 1);
  }
  return due->due_us <= now_us;
}

/* ---- waiting ---- */

/* It waits now, and has no reason unless `has_one`. */
static void note_waiting(struct life *life, const struct booked *job, struct due *due, bool has_one,
                         int64_t patience_us)
{
  int64_t now_us = life_steady_us(life);
  if (!has_one && is_guest(life, job)) /* it may have gone with its file */
    guest_look(life);
  if (has_one || job->number != due->job)
    due->since_us = 0;
  else if (!due->since_us)
    due->since_us = now_us;
  else if (now_us - due->since_us > patience_us)
    blame("%s: with %s what is due waits for no reason, since %lld s", job->id, job->options,
          (long long)((now_us - due->since_us) / SECOND));
}

/* Rates are counted anew when the clock is set back. */
static int64_t patience_of(const struct terms *terms)
{
  return PATIENCE_US + 2 * (terms->rate_period_us + terms->replay_period_us);
}

static void check_due(struct life *life, const struct booked *job, struct due *due)
{
  const struct terms *terms = cast_terms(job->options);
  if (job->is_paused || zones_is_pending(life, job) || is_asked_about(life, job)) {
    due->since_us = 0;
    return;
  }
  bool is_due = find_due(life, job, due);
  note_waiting(life, job, due,
               !is_due || may_wait(life, job, terms) || is_decided(life, job, due->due_us),
               patience_of(terms));
}

static void note_waiting_events(struct life *life)
{
  struct reasons *reasons = life->reasons;
  sqlite3_stmt *row =
      book_ask(life_db(life), "SELECT job, min(at_us) FROM pending_events GROUP BY job", 0, 0);
  for (int i = 0; i < BOOKED; i++)
    reasons->event_us[i] = NONE_US;
  while (book_step(life_db(life), row))
    for (int i = 0; i < BOOKED; i++)
      if (booked_at(life, i)->number == sqlite3_column_int64(row, 0))
        reasons->event_us[i] = sqlite3_column_int64(row, 1);
  sqlite3_finalize(row);
}

static void check_events(struct life *life, const struct booked *job, struct due *due,
                         int64_t event_us)
{
  const struct terms *terms = cast_terms(job->options);
  int64_t patience_us = PATIENCE_US;
  if (due->job != job->number || due->due_us != event_us)
    *due = (struct due){.job = job->number, .due_us = event_us};
  if (strstr(job->rule.event, "debounce"))
    patience_us += DEBOUNCE_US;
  if (strstr(job->rule.event, "throttle"))
    patience_us += 2 * THROTTLE_US;
  note_waiting(life, job, due,
               event_us == NONE_US || job->is_paused || is_asked_about(life, job) ||
                   may_wait(life, job, terms),
               patience_us);
}

void reasons_check(struct life *life)
{
  struct reasons *reasons = life->reasons;
  int64_t now_us = life_steady_us(life);
  if (now_us < reasons->looked_us + LOOK_US)
    return;
  reasons->looked_us = now_us;
  note_waiting_events(life);
  for (int i = 0; i < BOOKED; i++) {
    const struct booked *job = booked_at(life, i);
    if (job->is_there && job->number && job->rule.kind == RULE_EVENT)
      check_events(life, job, &reasons->dues[i], reasons->event_us[i]);
    else if (job->is_there && job->number)
      check_due(life, job, &reasons->dues[i]);
  }
  courses_check_waiting(life, has_reason, PATIENCE_US);
}
