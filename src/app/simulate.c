/* What is gathered while the span is played: each attempt when it begins, with the end that it will
 * have unless another comes; and what a run waited for, from who gave it up at the very instant at
 * which it began. What the scheduler knows (jobs, skips, pools) is read at the end. */
#include "app/simulate.h"

#include <stdlib.h>
#include <string.h>

#include "app/moonbeat.h"
#include "app/simulate_emit.h"
#include "app/simulate_gather.h"
#include "app/simulate_pools.h"
#include "app/simulate_wait.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "ctl/options.h"
#include "rehearsal/rehearsal.h"
#include "script/scan.h"
#include "store/history.h"
#include "time/zone.h"
#include "vm/api_sqlite_files.h"

enum {
  STEPS_PER_LOOK = 256,
  LOOK_US = 200000,
  PATIENCE_US = 60000000, /* longer than a worker lets any call go on */
};

/* A job that has run, by its number. */
struct player_job {
  int64_t number;
  int32_t place; /* in the order in which they ran first */
  struct job *job;
  int64_t duration_us;
  int64_t failures; /* so many attempts of each run fail */
  int32_t open;     /* its attempts under way */
  int64_t began_us; /* when one of its runs did last; INT64_MIN: none has */
  int64_t ended_us; /* when one of them ended last */
  UT_hash_handle hh;
};

/* An attempt under way, by its fence. */
struct player_open {
  int64_t fence;
  size_t attempt; /* its place in simulation.attempts */
  struct player_job *job;
  char *key; /* its concurrency key; or NULL */
  UT_hash_handle hh;
};

struct player_median {
  int64_t us;
  UT_hash_handle hh;
  char id[];
};

struct player {
  const struct simulation_options *options;
  struct simulation *simulation;
  struct rehearsal *rehearsal;
  struct emitter emitter;
  struct kept kept;
  struct player_job *jobs;
  struct player_open *open;
  struct waits waits;
  struct player_median *medians;
  int64_t barren;    /* steps in which no run began or ended: as a rule something was skipped */
  int64_t looked_us; /* monotonic */
  enum error_code failure;
  struct error error;
};

/* ---- how long runs take ---- */

static void note_median(void *context, const char *id, int64_t median_us, int64_t count)
{
  struct player *player = context;
  size_t size = strlen(id) + 1;
  struct player_median *median = memory_alloc(sizeof *median + size);
  (void)count;
  median->us = median_us;
  memcpy(median->id, id, size);
  HASH_ADD(hh, player->medians, id, (unsigned)(size - 1), median);
}

/* A folder in which no daemon has run yet has no history, which is no error. */
static enum error_code read_history(struct player *player, struct error *error)
{
  if (!player->options->history)
    return ERROR_OK;
  char *path = options_store_path(player->options->history);
  enum error_code code = history_each_duration(path, note_median, player, error);
  free(path);
  return code == ERROR_NOT_FOUND ? ERROR_OK : code;
}

static enum simulation_source find_duration(const struct player *player, const char *id,
                                            int64_t *duration_us)
{
  const struct simulation_options *options = player->options;
  struct player_median *median;
  const struct simulation_wish *wish =
      simulation_find_wish(options->durations, options->duration_count, id);
  enum simulation_source source = DURATION_ASSUMED;
  *duration_us = options->duration_us;
  HASH_FIND(hh, player->medians, id, (unsigned)strlen(id), median);
  if (wish) {
    *duration_us = wish->value;
    source = DURATION_GIVEN;
  } else if (median) {
    *duration_us = median->us;
    source = DURATION_FROM_HISTORY;
  }
  if (*duration_us < 1) /* else it would end before it has begun */
    *duration_us = 1;
  return source;
}

static struct player_job *find_job(struct player *player, int64_t number)
{
  struct player_job *found;
  struct stored_job stored = {0};
  HASH_FIND(hh, player->jobs, &number, sizeof number, found);
  if (found)
    return found;
  player->failure =
      store_load_job(rehearsal_store(player->rehearsal), number, &stored, &player->error);
  if (player->failure)
    return NULL;
  found = memory_alloc(sizeof *found);
  found->number = number;
  found->place = (int32_t)HASH_COUNT(player->jobs);
  found->began_us = INT64_MIN;
  found->job = stored.job;
  stored.job = NULL;
  stored_job_deinit(&stored);
  find_duration(player, found->job->id, &found->duration_us);
  const struct simulation_wish *wish = simulation_find_wish(
      player->options->failures, player->options->failure_count, found->job->id);
  found->failures = wish ? wish->value : 0;
  HASH_ADD(hh, player->jobs, number, sizeof found->number, found);
  return found;
}

/* ---- what runs wait for ---- */

static bool was_let_in_by(struct player *player, const char *kind, const char *name,
                          struct simulation_attempt *attempt, enum simulation_wait wait)
{
  attempt->behind = waits_find_release(&player->waits, kind, name, attempt->begin_us);
  if (attempt->behind >= 0)
    attempt->wait = wait;
  return attempt->behind >= 0;
}

static int64_t find_due(struct player *player, const struct player_job *job,
                        const struct message *message)
{
  const struct attempt *known = &message->as.run.attempt;
  if (known->number > 1)
    return waits_end_retry(&player->waits, known->key, rehearsal_now_us(player->rehearsal));
  if (message->as.run.events)
    return wait_due_of_events(job->job, message->as.run.events, known->key.scheduled_us,
                              job->began_us);
  return known->key.scheduled_us;
}

static bool has_rate(const struct job *job)
{
  return job->rate.count > 0 || job->replay_rate.count > 0;
}

static void find_wait(struct player *player, const struct player_job *job, const char *key,
                      struct simulation_attempt *attempt)
{
  bool was_full = attempt->number == 1 && job->open + 1 >= job->job->max_instances;
  if (attempt->begin_us <= attempt->due_us || attempt->due_us < player->options->from_us)
    return; /* a date that was past already is late, and waits for nothing */
  if (was_full && job->ended_us == attempt->begin_us) {
    attempt->wait = WAITED_FOR_OVERLAP;
    attempt->behind = job->place;
    return;
  }
  if (was_let_in_by(player, "pool", job->job->pool, attempt, WAITED_FOR_POOL))
    return;
  if (was_let_in_by(player, "key", key, attempt, WAITED_FOR_KEY))
    attempt->key = memory_strdup(key);
  else if (has_rate(job->job))
    attempt->wait = WAITED_FOR_RATE;
  else if (wait_has_throttle(job->job))
    attempt->wait = WAITED_FOR_THROTTLE;
}

/* ---- attempts ---- */

static void note_begin(struct player *player, struct player_job *job, const struct message *message)
{
  struct player_open *open = memory_alloc(sizeof *open);
  open->fence = message->as.run.attempt.fence;
  open->attempt = player->simulation->attempt_count - 1;
  open->job = job;
  open->key = wait_expand_key(job->job, message->as.run.args);
  find_wait(player, job, open->key, &player->simulation->attempts[open->attempt]);
  job->open++;
  if (message->as.run.attempt.number == 1)
    job->began_us = rehearsal_now_us(player->rehearsal);
  HASH_ADD(hh, player->open, fence, sizeof open->fence, open);
}

static void free_open(struct player *player, struct player_open *open)
{
  HASH_DEL(player->open, open);
  free(open->key);
  free(open);
}

static void model(void *context, const struct message *message, struct sim_fate *fate)
{
  struct player *player = context;
  const struct attempt *known = &message->as.run.attempt;
  int64_t now_us = rehearsal_now_us(player->rehearsal), timeout_us = message->as.run.timeout_us;
  struct player_job *job = find_job(player, known->key.job);
  if (!job)
    return;
  bool fails = known->number <= job->failures;
  bool times_out = timeout_us > 0 && job->duration_us > timeout_us;
  fate->lasts_us = job->duration_us;
  fate->heeds_us = 0;
  fate->is_silent = true; /* nobody listens: a turn less */
  fate->state = fails ? RUN_FAILED : RUN_SUCCEEDED;
  fate->error = fails ? "it is to fail" : NULL;
  struct simulation_attempt *attempt = simulation_add_attempt(player->simulation);
  *attempt = (struct simulation_attempt){.scheduled_us = known->key.scheduled_us,
                                         .due_us = find_due(player, job, message),
                                         .begin_us = now_us,
                                         .job = job->place,
                                         .number = known->number,
                                         .behind = -1,
                                         .state = times_out ? RUN_TIMED_OUT : fate->state};
  attempt->end_us = now_us + (times_out ? timeout_us : job->duration_us);
  note_begin(player, job, message);
}

static void note_end(void *context, const struct attempt *known, enum run_state state)
{
  struct player *player = context;
  struct player_open *open;
  HASH_FIND(hh, player->open, &known->fence, sizeof known->fence, open);
  if (!open)
    return;
  struct simulation_attempt *attempt = &player->simulation->attempts[open->attempt];
  struct player_job *job = open->job;
  attempt->end_us = job->ended_us = rehearsal_now_us(player->rehearsal);
  attempt->state = state;
  job->open--;
  waits_note_release(&player->waits, "pool", job->job->pool, job->ended_us, job->place);
  waits_note_release(&player->waits, "key", open->key, job->ended_us, job->place);
  if (state == RUN_FAILED || state == RUN_TIMED_OUT)
    waits_note_failure(&player->waits, known, open->attempt);
  free_open(player, open);
}

/* ---- the span ---- */

static int64_t count_fires(const struct player *player)
{
  return (int64_t)player->simulation->attempt_count + player->barren;
}

static void tell_progress(struct player *player, bool at_once)
{
  const struct simulation_options *options = player->options;
  int64_t clock_us = clock_monotonic_us();
  if (!options->progress || (!at_once && clock_us - player->looked_us < LOOK_US))
    return;
  player->looked_us = clock_us;
  options->progress(options->context, rehearsal_now_us(player->rehearsal), count_fires(player));
}

static int64_t next_us(const struct player *player)
{
  int64_t next_us = rehearsal_next_us(player->rehearsal),
          emits_us = emitter_next_us(&player->emitter);
  return next_us < emits_us ? next_us : emits_us;
}

static enum error_code step(struct player *player, struct error *error)
{
  size_t attempts = player->simulation->attempt_count;
  unsigned open = HASH_COUNT(player->open);
  enum error_code code = rehearsal_step(player->rehearsal, next_us(player), error);
  if (!code)
    code = waits_find_retries(&player->waits, rehearsal_store(player->rehearsal),
                              rehearsal_now_us(player->rehearsal), error);
  if (!code)
    code = emitter_emit(&player->emitter, player->rehearsal, error);
  player->barren +=
      player->simulation->attempt_count == attempts && HASH_COUNT(player->open) == open;
  if (!code && player->failure) {
    *error = player->error;
    code = player->failure;
  }
  return code;
}

static enum error_code play(struct player *player, struct error *error)
{
  const struct simulation_options *options = player->options;
  enum error_code code = ERROR_OK;
  for (int steps = 0;
       !code && next_us(player) < options->until_us && count_fires(player) < options->most;) {
    code = step(player, error);
    if (++steps % STEPS_PER_LOOK == 0)
      tell_progress(player, false);
  }
  player->simulation->reached_us =
      next_us(player) < options->until_us ? rehearsal_now_us(player->rehearsal) : options->until_us;
  return code;
}

/* From the order in which jobs ran first to that of their ids. */
static void place_jobs(struct player *player)
{
  struct simulation *simulation = player->simulation;
  size_t count = HASH_COUNT(player->jobs);
  int32_t *places = memory_alloc((count + 1) * sizeof *places);
  for (size_t i = 0; i < simulation->job_count; i++) {
    struct simulation_job *job = &simulation->jobs[i];
    struct player_job *known;
    HASH_FIND(hh, player->jobs, &job->job->number, sizeof job->job->number, known);
    if (known)
      places[known->place] = (int32_t)i;
    job->source = find_duration(player, job->job->id, &job->duration_us);
  }
  for (size_t i = 0; i < simulation->attempt_count; i++) {
    struct simulation_attempt *attempt = &simulation->attempts[i];
    attempt->job = places[attempt->job];
    if (attempt->behind >= 0)
      attempt->behind = places[attempt->behind];
  }
  free(places);
}

static void player_deinit(struct player *player)
{
  struct player_job *job, *next_job;
  struct player_open *open, *next_open;
  struct player_median *median, *next_median;
  HASH_ITER(hh, player->open, open, next_open)
    free_open(player, open);
  HASH_ITER(hh, player->jobs, job, next_job) {
    HASH_DEL(player->jobs, job);
    job_destroy(job->job);
    free(job);
  }
  HASH_ITER(hh, player->medians, median, next_median) {
    HASH_DEL(player->medians, median);
    free(median);
  }
  waits_deinit(&player->waits);
  emitter_deinit(&player->emitter);
  kept_deinit(&player->kept);
  rehearsal_close(player->rehearsal);
}

/* ---- the job files ---- */

static void ignore(void *context, const char *folder, const char *only)
{
  (void)context, (void)folder, (void)only;
}

/* Each script is loaded when it returns, has failed, or waits for time to pass. */
static enum error_code load_folder(struct rehearsal *rehearsal, const char *jobs_folder,
                                   struct error *error)
{
  /* Of the machine: how long ago files were written. */
  const struct moment moment = {
      .monotonic_us = clock_monotonic_us(), .wall_us = clock_wall_us(), .is_first = true};
  struct message_list sources = {0};
  struct message *message;
  bool is_settled;
  struct scan *scan = scan_create(jobs_folder);
  enum error_code code = scan_run(scan, &moment, ignore, NULL, &sources, &is_settled, error);
  scan_destroy(scan);
  while (!code && (message = message_list_pop(&sources)))
    rehearsal_tell(rehearsal, message);
  message_list_deinit(&sources);
  return code ? code : rehearsal_scanned(rehearsal, error);
}

static enum error_code open_rehearsal(struct player *player, const struct daemon_options *daemon,
                                      struct error *error)
{
  const struct simulation_options *options = player->options;
  struct moonbeat_options kept = MOONBEAT_OPTIONS_DEFAULT;
  if (daemon->keep_us >= 0)
    kept.keep_us = daemon->keep_us;
  if (daemon->script_memory >= 0)
    kept.script_memory = daemon->script_memory;
  if (options->history) {
    char *store = options_store_path(options->history);
    sqlite_files_set_store(store);
    free(store);
  }
  enum error_code code =
      rehearsal_open(&(struct rehearsal_options){.begins_us = options->from_us,
                                                 .folder = daemon->jobs_folder,
                                                 .keep_us = kept.keep_us,
                                                 .script_memory = kept.script_memory,
                                                 .patience_us = PATIENCE_US,
                                                 .model = model,
                                                 .ends = note_end,
                                                 .context = player},
                     &player->rehearsal, error);
  if (!code)
    code = simulate_set_kept(player->rehearsal, &player->kept, options, error);
  if (!code)
    code = load_folder(player->rehearsal, daemon->jobs_folder, error);
  return code ? code : simulate_settle_pools(player->rehearsal, &player->kept, options, error);
}

enum error_code simulate_jobs(const struct daemon_options *daemon,
                              const struct simulation_options *options,
                              struct simulation *simulation, struct error *error)
{
  struct player player = {.options = options, .simulation = simulation};
  *simulation = (struct simulation){.from_us = options->from_us, .until_us = options->until_us};
  emitter_init(&player.emitter, options);
  enum error_code code = options->timezone ? zone_set_local(options->timezone, error) : ERROR_OK;
  if (!code)
    code = read_history(&player, error);
  if (!code && kept_read(&player.kept, daemon->state_folder, error) && options->history)
    code = error->code; /* else the store is not to stand in the way */
  if (!code)
    code = open_rehearsal(&player, daemon, error);
  if (!code)
    code = play(&player, error);
  if (!code)
    code = simulate_gather(player.rehearsal, simulation, error);
  if (!code)
    code = waits_tell_retries(&player.waits, rehearsal_store(player.rehearsal), simulation, error);
  if (!code) {
    place_jobs(&player);
    tell_progress(&player, true);
  }
  player_deinit(&player);
  return code;
}
