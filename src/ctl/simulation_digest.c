/* Everything is found by sorting: attempts by job and due time become fires; begins and ends, each
 * sorted by itself, tell how many runs there are at once. A million fires take a second. */
#include "ctl/simulation_digest.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MINUTE_US INT64_C(60000000)

int64_t simulation_wait_us(const struct simulation_attempt *attempt)
{
  return attempt->wait == WAITED_NOT ? 0 : attempt->begin_us - attempt->due_us;
}

const char *simulation_wait_name(enum simulation_wait wait)
{
  static const char *const names[] = {NULL, "overlap", "pool", "key", "throttle", "rate"};
  return names[wait];
}

const char *simulation_wait_target(const struct simulation *simulation,
                                   const struct simulation_fire *fire)
{
  return fire->wait == WAITED_FOR_POOL ? simulation->jobs[fire->job].job->pool : fire->key;
}

/* ---- fires ---- */

static struct simulation_fire *add_fire(struct simulation_digest *digest)
{
  if (digest->fire_count == digest->fire_capacity) {
    digest->fire_capacity = digest->fire_capacity ? digest->fire_capacity * 2 : 256;
    digest->fires = memory_resize(digest->fires, digest->fire_capacity * sizeof *digest->fires);
  }
  struct simulation_fire *fire = &digest->fires[digest->fire_count++];
  *fire = (struct simulation_fire){.count = 1, .behind = -1};
  return fire;
}

static int compare_integers(int64_t a, int64_t b)
{
  return (a > b) - (a < b);
}

static int compare_attempts(const void *left, const void *right)
{
  const struct simulation_attempt *a = *(const struct simulation_attempt *const *)left,
                                  *b = *(const struct simulation_attempt *const *)right;
  int order = compare_integers(a->scheduled_us, b->scheduled_us);
  if (!order)
    order = compare_integers(a->job, b->job);
  return order ? order : compare_integers(a->number, b->number);
}

static int compare_fires(const void *left, const void *right)
{
  const struct simulation_fire *a = left, *b = right;
  int order = compare_integers(a->scheduled_us, b->scheduled_us);
  if (!order)
    order = compare_integers(a->job, b->job);
  if (!order)
    order = compare_integers(a->kind, b->kind);
  return order ? order : compare_integers(a->begin_us, b->begin_us);
}

/* Of an attempt, how many were under way when it began: of all, and of its job. */
struct company {
  int32_t together, beside;
};

static void begin_fire(struct simulation_fire *fire, const struct simulation_attempt *attempt,
                       const struct company *company)
{
  fire->kind = FIRE_RUNS;
  fire->scheduled_us = fire->last_us = attempt->due_us;
  fire->begin_us = attempt->begin_us;
  fire->job = attempt->job;
  fire->together = company->together;
  fire->beside = company->beside;
}

static void add_attempt(struct simulation_fire *fire, const struct simulation_attempt *attempt,
                        int64_t *longest_us)
{
  int64_t wait_us = simulation_wait_us(attempt);
  if (wait_us > *longest_us) {
    *longest_us = wait_us;
    fire->wait = attempt->wait;
    fire->key = attempt->key;
    fire->behind = attempt->behind;
  }
  fire->wait_us += wait_us;
  fire->attempts++;
  fire->end_us = attempt->end_us;
  fire->next_us = attempt->next_us;
  fire->state = attempt->next_us ? RUN_PENDING : attempt->state;
}

static bool is_of_same_run(const struct simulation_attempt *a, const struct simulation_attempt *b)
{
  return a->scheduled_us == b->scheduled_us && a->job == b->job;
}

static void add_runs(struct simulation_digest *digest, const struct company *companies)
{
  const struct simulation *s = digest->simulation;
  const struct simulation_attempt **sorted = memory_alloc((s->attempt_count + 1) * sizeof *sorted);
  struct simulation_fire *fire = NULL;
  int64_t longest_us = 0;
  for (size_t i = 0; i < s->attempt_count; i++)
    sorted[i] = &s->attempts[i];
  qsort(sorted, s->attempt_count, sizeof *sorted, compare_attempts);
  for (size_t i = 0; i < s->attempt_count; i++) {
    const struct simulation_attempt *attempt = sorted[i];
    if (!digest->is_shown[attempt->job])
      continue;
    if (!fire || !is_of_same_run(attempt, sorted[i - 1])) {
      fire = add_fire(digest);
      begin_fire(fire, attempt, &companies[attempt - s->attempts]);
      longest_us = 0;
    }
    add_attempt(fire, attempt, &longest_us);
  }
  free(sorted);
}

static void add_skips(struct simulation_digest *digest)
{
  const struct simulation *s = digest->simulation;
  for (size_t i = 0; i < s->skip_count; i++) {
    const struct simulation_skip *skip = &s->skips[i];
    if (!digest->is_shown[skip->job])
      continue;
    struct simulation_fire *fire = add_fire(digest);
    fire->kind = skip->reason < 0 ? FIRE_WAITS : FIRE_SKIPPED;
    fire->scheduled_us = skip->first_us;
    fire->last_us = skip->last_us;
    fire->count = skip->count;
    fire->job = skip->job;
    fire->reason = skip->reason;
    fire->wait = skip->wait;
    fire->key = skip->key;
  }
}

/* ---- how many at once ---- */

/* Begins and ends, each in order. Who ends at an instant makes room for who begins then, but nobody
 * ends before there is somebody. */
static struct simulation_load sweep(const int64_t *begins_us, const int64_t *ends_us, size_t count,
                                    int64_t slots, int64_t until_us)
{
  struct simulation_load load = {0};
  int64_t running = 0, full_since_us = 0;
  size_t begun = 0, ended = 0;
  while (begun < count || ended < count) {
    bool is_end = begun == count || (ended < begun && ends_us[ended] <= begins_us[begun]);
    int64_t at_us = is_end ? ends_us[ended++] : begins_us[begun++];
    if (slots > 0 && is_end && running == slots)
      load.full_us += (at_us < until_us ? at_us : until_us) - full_since_us;
    running += is_end ? -1 : 1;
    if (slots > 0 && !is_end && running == slots)
      full_since_us = at_us;
    if (running > load.peak) {
      load.peak = running;
      load.peak_us = at_us;
    }
  }
  return load;
}

static int compare_times(const void *left, const void *right)
{
  return compare_integers(*(const int64_t *)left, *(const int64_t *)right);
}

struct end {
  int64_t us;
  size_t attempt; /* where it stands */
};

static int compare_ends(const void *left, const void *right)
{
  const struct end *a = left, *b = right;
  int order = compare_integers(a->us, b->us);
  return order ? order : (a->attempt > b->attempt) - (a->attempt < b->attempt);
}

/* The attempts of all jobs of which `is_counted`; NULL: of all. */
static struct simulation_load load_of(const struct simulation *s, const bool *is_counted,
                                      int64_t slots)
{
  int64_t *begins_us = memory_alloc((s->attempt_count + 1) * 2 * sizeof *begins_us),
          *ends_us = begins_us + s->attempt_count;
  size_t count = 0;
  for (size_t i = 0; i < s->attempt_count; i++)
    if (!is_counted || is_counted[s->attempts[i].job]) {
      begins_us[count] = s->attempts[i].begin_us;
      ends_us[count++] = s->attempts[i].end_us;
    }
  qsort(ends_us, count, sizeof *ends_us, compare_times);
  struct simulation_load load = sweep(begins_us, ends_us, count, slots, s->reached_us);
  free(begins_us);
  return load;
}

static struct company *find_company(const struct simulation *s)
{
  struct company *companies = memory_alloc((s->attempt_count + 1) * sizeof *companies);
  struct end *ends = memory_alloc((s->attempt_count + 1) * sizeof *ends);
  int32_t *open = memory_alloc((s->job_count + 1) * sizeof *open);
  size_t ended = 0;
  for (size_t i = 0; i < s->attempt_count; i++)
    ends[i] = (struct end){s->attempts[i].end_us, i};
  qsort(ends, s->attempt_count, sizeof *ends, compare_ends);
  for (size_t i = 0; i < s->attempt_count; i++) {
    const struct simulation_attempt *attempt = &s->attempts[i];
    while (ends[ended].us <= attempt->begin_us && ends[ended].attempt < i)
      open[s->attempts[ends[ended++].attempt].job]--;
    companies[i] = (struct company){(int32_t)(i + 1 - ended), open[attempt->job]++};
  }
  free(open);
  free(ends);
  return companies;
}

/* Of each job, from its own attempts gathered side by side. */
static void load_jobs(struct simulation_digest *digest)
{
  const struct simulation *s = digest->simulation;
  size_t *starts = memory_alloc((s->job_count + 2) * sizeof *starts);
  int64_t *begins_us = memory_alloc((s->attempt_count + 1) * 2 * sizeof *begins_us),
          *ends_us = begins_us + s->attempt_count;
  for (size_t i = 0; i < s->attempt_count; i++)
    starts[s->attempts[i].job + 2]++;
  for (size_t i = 2; i <= s->job_count; i++)
    starts[i] += starts[i - 1];
  for (size_t i = 0; i < s->attempt_count; i++) {
    size_t at = starts[s->attempts[i].job + 1]++;
    begins_us[at] = s->attempts[i].begin_us;
    ends_us[at] = s->attempts[i].end_us;
  }
  for (size_t i = 0; i < s->job_count; i++) {
    size_t first = starts[i], count = starts[i + 1] - first;
    qsort(ends_us + first, count, sizeof *ends_us, compare_times);
    digest->jobs[i].load = sweep(begins_us + first, ends_us + first, count, 0, s->reached_us);
  }
  free(begins_us);
  free(starts);
}

/* ---- sums ---- */

/* Counts due times; those of a skip that stand together are told one by one, where the trigger
 * still knows them. */
static void note_due(struct simulation_tally *tally, int64_t *last_us, int64_t due_us)
{
  int64_t minute = due_us / MINUTE_US;
  if (*last_us == INT64_MIN || minute != *last_us / MINUTE_US) {
    tally->minutes++;
    tally->minutes_hash = (tally->minutes_hash ^ (uint64_t)minute) * UINT64_C(0x9E3779B97F4A7C15);
    tally->minutes_hash ^= tally->minutes_hash >> 29;
  }
  if (*last_us != INT64_MIN && due_us > *last_us && due_us - *last_us < tally->least_gap_us)
    tally->least_gap_us = due_us - *last_us;
  *last_us = due_us;
}

/* While its job is paused none keeps others waiting, or meets them. */
static void note_dues(struct simulation_tally *tally, int64_t *last_us,
                      const struct simulation_fire *fire, const struct trigger *trigger)
{
  int64_t due_us = fire->scheduled_us, left = fire->count;
  if (fire->kind == FIRE_SKIPPED && fire->reason == SKIP_PAUSED)
    return;
  note_due(tally, last_us, due_us);
  while (--left > 0 && trigger && trigger_next(trigger, due_us, &due_us) && due_us <= fire->last_us)
    note_due(tally, last_us, due_us);
}

/* Where the last run began, and how many have begun in that minute. */
struct minute {
  int64_t number, count;
};

static void note_begin(struct simulation_tally *tally, struct minute *minute, int64_t begin_us)
{
  if (begin_us / MINUTE_US != minute->number)
    *minute = (struct minute){begin_us / MINUTE_US, 0};
  if (++minute->count > tally->busiest) {
    tally->busiest = minute->count;
    tally->busiest_us = minute->number * MINUTE_US;
  }
}

static void find_busiest(struct simulation_digest *digest)
{
  const struct simulation *s = digest->simulation;
  struct minute *minutes = memory_alloc((s->job_count + 1) * sizeof *minutes), all = {0};
  for (size_t i = 0; i < s->attempt_count; i++) {
    const struct simulation_attempt *attempt = &s->attempts[i];
    if (attempt->number > 1 || !digest->is_shown[attempt->job])
      continue;
    note_begin(&digest->jobs[attempt->job], &minutes[attempt->job], attempt->begin_us);
    note_begin(&digest->total, &all, attempt->begin_us);
  }
  free(minutes);
}

static void sum_fire(struct simulation_tally *tally, const struct simulation_digest *digest,
                     const struct simulation_fire *fire)
{
  if (tally->fires == 0)
    tally->first_us = fire->scheduled_us;
  if (tally->fires == 0 || fire->last_us > tally->last_us)
    tally->last_us = fire->last_us;
  tally->fires += fire->count;
  if (fire->kind == FIRE_WAITS) {
    tally->waits += fire->count;
    return;
  }
  if (fire->kind == FIRE_SKIPPED) {
    tally->skips += fire->count;
    tally->skips_of[fire->reason] += fire->count;
    return;
  }
  int64_t length_us = fire->end_us - fire->begin_us;
  tally->runs++;
  tally->retries += fire->attempts - 1;
  tally->unsuccessful += fire->state != RUN_SUCCEEDED && fire->state != RUN_PENDING;
  tally->cancelled += fire->state == RUN_CANCELLED;
  tally->waited += fire->wait_us > 0;
  if (fire->wait_us > tally->longest_wait_us) {
    tally->longest_wait_us = fire->wait_us;
    tally->longest_waiter = (size_t)(fire - digest->fires);
  }
  if (length_us > tally->longest_us)
    tally->longest_us = length_us;
}

static void sum_up(struct simulation_digest *digest)
{
  const struct simulation *s = digest->simulation;
  int64_t *last_us = memory_alloc((s->job_count + 1) * sizeof *last_us);
  for (size_t i = 0; i < s->job_count; i++) {
    last_us[i] = INT64_MIN;
    digest->jobs[i].least_gap_us = INT64_MAX;
  }
  for (size_t i = 0; i < digest->fire_count; i++) {
    const struct simulation_fire *fire = &digest->fires[i];
    sum_fire(&digest->jobs[fire->job], digest, fire);
    sum_fire(&digest->total, digest, fire);
    note_dues(&digest->jobs[fire->job], &last_us[fire->job], fire, s->jobs[fire->job].job->trigger);
  }
  free(last_us);
}

static void sum_up_waits(struct simulation_pool_tally *tally, const struct simulation *s,
                         const bool *is_counted)
{
  for (size_t i = 0; i < s->attempt_count; i++) {
    const struct simulation_attempt *attempt = &s->attempts[i];
    if (attempt->wait != WAITED_FOR_POOL || !is_counted[attempt->job])
      continue;
    tally->waited++;
    if (simulation_wait_us(attempt) > tally->longest_wait_us)
      tally->longest_wait_us = simulation_wait_us(attempt);
  }
  for (size_t i = 0; i < s->skip_count; i++)
    if (s->skips[i].reason < 0 && s->skips[i].wait == WAITED_FOR_POOL &&
        is_counted[s->skips[i].job])
      tally->waits += s->skips[i].count;
}

static void sum_up_pools(struct simulation_digest *digest)
{
  const struct simulation *s = digest->simulation;
  bool *is_counted = memory_alloc(s->job_count + 1);
  for (size_t i = 0; i < s->pool_count; i++) {
    struct simulation_pool_tally *tally = &digest->pools[i];
    for (size_t j = 0; j < s->job_count; j++) {
      const char *pool = s->jobs[j].job->pool;
      is_counted[j] = pool && strcmp(pool, s->pools[i].name) == 0;
    }
    tally->load = load_of(s, is_counted, s->pools[i].slots);
    sum_up_waits(tally, s, is_counted);
  }
  free(is_counted);
}

void simulation_digest_init(struct simulation_digest *digest, const struct simulation *simulation,
                            const bool *is_shown)
{
  *digest = (struct simulation_digest){.simulation = simulation, .is_shown = is_shown};
  digest->jobs = memory_alloc((simulation->job_count + 1) * sizeof *digest->jobs);
  digest->pools = memory_alloc((simulation->pool_count + 1) * sizeof *digest->pools);
  struct company *companies = find_company(simulation);
  add_runs(digest, companies);
  free(companies);
  add_skips(digest);
  if (digest->fire_count > 0)
    qsort(digest->fires, digest->fire_count, sizeof *digest->fires, compare_fires);
  sum_up(digest);
  find_busiest(digest);
  load_jobs(digest);
  digest->total.load = load_of(simulation, NULL, 0);
  sum_up_pools(digest);
}

void simulation_digest_deinit(struct simulation_digest *digest)
{
  free(digest->fires);
  free(digest->jobs);
  free(digest->pools);
}
