#include "sim/life_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"
#include "time/instant.h"
#include "time/zone.h"

static const char database[] = "store.db"; /* what SQLite makes of it is on the disk in memory */

void life_say(struct life *life, const char *format, ...)
{
  if (!life->options->is_told)
    return;
  char now[INSTANT_TEXT_SIZE];
  va_list arguments;
  instant_format(now, life->sim ? sim_now_us(life->sim) : 0);
  printf("%s ", now);
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

sqlite3 *life_db(const struct life *life)
{
  return life->store->db;
}

int64_t life_steady_us(const struct life *life)
{
  return sim_now_us(life->sim) - life->clock_us;
}

/* After a disk without room it is tried again each second. */
bool life_is_well(const struct life *life)
{
  return !life->trouble_us && life_steady_us(life) > life->well_us + 3 * SECOND;
}

struct booked *life_find(struct life *life, const char *id)
{
  for (int i = 0; i < JOBS; i++)
    if (life->jobs[i].is_there && strcmp(life->jobs[i].id, id) == 0)
      return &life->jobs[i];
  return strcmp(tide_job(life)->id, id) == 0 ? tide_job(life) : guest_find(life, id);
}

/* ---- going on, and beginning again ---- */

/* Nothing is left to do at this instant. */
static void rest(void *context, struct sim *sim)
{
  struct life *life = context;
  (void)sim;
  if (life->lose_after == 0 || disk_is_dead(life->disk))
    return;
  courses_look(life);
  holds_check(life);
  if (!life_is_well(life)) {
    reasons_put_off(life);
    tide_put_off(life);
    return;
  }
  notices_check(life);
  tide_look(life);
  if (!life->is_stopping)
    reasons_check(life);
}

static void save(struct life *life)
{
  struct message *m = message_create(MESSAGE_SOURCE, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.source.script = memory_strdup("a");
  m->as.source.path = memory_strdup("jobs/a.lua");
  m->as.source.text = memory_strdup(life->source);
  m->as.source.size = strlen(life->source);
  sim_tell(life->sim, m);
}

void life_save(struct life *life, char *source)
{
  free(life->source);
  life->source = source;
  life->unread = 0;
  witness_file(life->witness, "a", source, sim_now_us(life->sim));
  save(life);
}

static enum error_code open_all(struct life *life, struct error *error)
{
  enum error_code code = store_open(database, &life->store, error);
  if (!code && life->sim)
    code = sim_restart(life->sim, life->store, error);
  return code;
}

static void tell_front(struct life *life)
{
  sim_request(life->sim, "watch_events", "{\"on\":true}");
  life->unread = UNREAD_OWN;
  save(life);
  guest_tell(life);
  sim_tell(life->sim, message_create(MESSAGE_SCANNED, ADDRESS_FRONT, ADDRESS_SCHEDULER));
}

static void close_all(struct life *life)
{
  sim_crash(life->sim);
  disk_die(life->disk); /* closing is to write nothing */
  store_close(life->store);
  life->store = NULL;
}

static void end_disk(struct life *life)
{
  bool power = draw_chance(&life->draw, 50);
  witness_daemon(life->witness, "killed", sim_now_us(life->sim));
  life->report->crashes++;
  life->ends++;
  life->is_unreadable = false;
  disk_end(life->disk, power ? DISK_POWER_FAILS : DISK_PROCESS_ENDS);
  life_say(life, "%s", power ? "the power fails" : "the process is killed");
}

/* It has stopped, and closes its store as well as the disk lets it; behind that the power may fail.
 */
static void end_in_order(struct life *life)
{
  sometimes("the daemon stops in order");
  life_say(life, "the daemon has stopped");
  courses_stop(life);
  sim_crash(life->sim);
  store_close(life->store);
  life->store = NULL;
  witness_daemon(life->witness, "ended", sim_now_us(life->sim));
  life->ends++;
  life->is_unreadable = false;
  disk_end(life->disk, draw_chance(&life->draw, 50) ? DISK_POWER_FAILS : DISK_PROCESS_ENDS);
}

static void begin_anew(struct life *life, bool has_stopped)
{
  struct error error;
  for (int tries = 0;; tries++) {
    message_list_deinit(&life->replies);
    if (has_stopped && tries == 0) {
      end_in_order(life);
    } else {
      close_all(life);
      end_disk(life);
    }
    ears_forget(life->ears);
    life->lose_after = -1;
    life->was_broken = false;
    sim_leap(life->sim, draw_size(&life->draw, 100000) * 1000);
    if (!life->is_calm && tries < 3 && draw_chance(&life->draw, 25))
      disk_die_after(life->disk, draw_below(&life->draw, 60));
    if (!life->is_calm && draw_chance(&life->draw, 10))
      zones_change(life);
    if (!open_all(life, &error))
      break;
    if (!disk_is_dead(life->disk))
      blame("it does not start again: %s", error.text);
    sometimes("the disk dies while the daemon recovers");
  }
  disk_die_after(life->disk, -1);
  if (book_query(life_db(life), "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'",
                 0, 0, 1))
    blame("the store is damaged");
  witness_daemon(life->witness, "started", sim_now_us(life->sim));
  if (book_query(life_db(life), "SELECT count(*) FROM letters", 0, 0, 0))
    sometimes("events wait for their listeners when the daemon dies");
  courses_die(life);
  holds_forget(life);
  notices_forget(life);
  reasons_forget(life);
  life->is_stopping = false;
  causes_resolve(life); /* each was told before what is asked for now */
  client_resolve(life);
  zones_note(life);
  client_check(life);
  courses_check(life);
  if (!life->is_calm && draw_chance(&life->draw, 20))
    guest_change(life, true);
  tell_front(life);
  zones_meet(life);
}

void life_recover(struct life *life)
{
  begin_anew(life, false);
}

void life_stop(struct life *life, int64_t grace_us)
{
  int64_t stopped_us = life_steady_us(life) + grace_us + 5 * SECOND;
  struct message *m = message_create(MESSAGE_STOP, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.stop.grace_us = grace_us;
  life_say(life, "the daemon is told to stop within %lld us", (long long)grace_us);
  if (!life->is_stopping || stopped_us < life->stopped_us)
    life->stopped_us = stopped_us;
  life->is_stopping = true;
  sim_tell(life->sim, m);
  life_go_on(life, 0);
}

/* True when all is well; else the daemon has died, and is up again. */
static bool survive(struct life *life, enum error_code code, const struct error *error)
{
  bool is_killed = life->lose_after == 0;
  if (!code && !is_killed && life->is_stopping && sim_stopped(life->sim)) {
    begin_anew(life, true);
    return false;
  }
  if (!code && !is_killed)
    return true;
  if (is_killed)
    sometimes("the daemon dies between a commit and what it would have sent");
  if (code && !disk_is_dead(life->disk)) {
    if (code != ERROR_IO || !life->was_broken)
      blame("the daemon ends: %s", error->text);
    sometimes("the daemon ends by itself, as its disk is broken");
  }
  life_say(life, "the daemon dies: %s", code ? error->text : "between two messages");
  life_recover(life);
  return false;
}

/* No further than to the moment at which it has stopped. */
static enum error_code advance(struct life *life, int64_t us, struct error *error)
{
  int64_t until_us = sim_now_us(life->sim) + us;
  bool is_late = life_steady_us(life) > life->stopped_us && us >= 8 * SECOND && life_is_well(life);
  while (life->is_stopping && !sim_stopped(life->sim) && sim_next_us(life->sim) <= until_us) {
    enum error_code code = sim_step(life->sim, error);
    if (code)
      return code;
  }
  if (life->is_stopping && sim_stopped(life->sim))
    return ERROR_OK;
  if (life->is_stopping && is_late)
    blame("the daemon was told to stop, and does not");
  return sim_advance(life->sim, until_us, error);
}

bool life_go_on(struct life *life, int64_t us)
{
  struct error error = {0};
  return survive(life, advance(life, us, &error), &error);
}

bool life_step(struct life *life)
{
  struct error error = {0};
  return survive(life, sim_step(life->sim, &error), &error);
}

/* ---- a life ---- */

static void pass(void *context, int64_t us)
{
  struct life *life = context;
  if (life->sim)
    sim_leap(life->sim, us);
}

static void fail(void *context)
{
  struct life *life = context;
  if (life->sim)
    witness_fatal(life->witness, "I/O error", sim_now_us(life->sim));
}

/* A life has some twenty jobs. In two of three that is too many to be seen, or done, at once. */
static const struct sched_bounds small = {
    .fires_per_turn = 16,
    .near_page = 4,
    .near_low = 2,
    .near_max = 12,
    .at_gates_max = 6,
    .fold_max = 8,
    .fold_step = 4,
    .desk_bytes = 600,
};
static const struct sched_bounds least = {
    .fires_per_turn = 8,
    .near_page = 2,
    .near_low = 1,
    .near_max = 4,
    .at_gates_max = 2,
    .fold_max = 3,
    .fold_step = 2,
    .desk_bytes = 1,
};
static const struct sched_bounds *const bounds[] = {NULL, &small, &least};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

static int64_t draw_beginning(struct draw *draw)
{
  static const char *const days[] = {"2026-01-01T00:00:00Z", "2026-03-28T20:00:00Z",
                                     "2026-10-24T20:00:00Z", "2026-03-08T01:00:00Z",
                                     "2026-11-01T01:00:00Z", "2038-01-18T23:00:00Z",
                                     "2028-02-28T22:00:00Z"};
  const struct zone *utc;
  int64_t us = 0;
  if (zone_find("UTC", &utc, NULL) || instant_parse(days[draw_below(draw, 7)], utc, &us, NULL))
    blame("no beginning");
  return us + draw_below(draw, 4 * HOUR);
}

static struct life *living; /* once all of it is there */

void life_leave_behind(void)
{
  if (!living || !living->options->folder)
    return;
  if (living->asked.operation)
    witness_operation(living->witness, living->asked.begin, living->asked.operation,
                      living->asked.params, living->asked.sent_us, 0, NULL);
  causes_leave(living);
  if (living->trouble_us)
    witness_fault(living->witness, "disk", living->trouble_us, sim_now_us(living->sim));
  disk_copy_out(living->disk, living->options->folder);
}

static void begin(struct life *life, const struct life_options *options)
{
  struct error error;
  life->draw = draw_from(options->seed);
  life->lose_after = -1;
  life->book = book_create();
  life->causes = causes_create();
  life->guest = guest_create();
  life->ears = ears_create(life);
  life->courses = courses_create();
  life->holds = holds_create(options->seed);
  life->notices = notices_create();
  life->reasons = reasons_create();
  life->tide = tide_create();
  life->zones = zones_create();
  life->witness = witness_open(options->folder);
  life->disk = disk_create(options->seed, pass, fail, life);
  const char *folder = scratch_folder();
  if (chdir(folder)) /* where it is stands in no message */
    blame("no folder: %s", folder);
  zones_begin();
  if (open_all(life, &error))
    blame("no store: %s", error.text);
  struct sim_options sim_options = {
      .sched = {.store = life->store,
                .workers = 2,
                .bounds = bounds[options->seed % BOUNDS],
                .retention = {.age_us = 400 * 24 * HOUR, .runs_per_job = 1000000}},
      .callbacks = {.take = life_hear,
                    .model = worker_model,
                    .told = worker_told,
                    .ended = worker_ended,
                    .rest = rest,
                    .context = life},
      .begins_us = draw_beginning(&life->draw)};
  if (sim_create(&sim_options, &life->sim, &error))
    blame("no scheduler: %s", error.text);
  living = life;
  client_begin(life);
  witness_daemon(life->witness, "started", sim_now_us(life->sim));
  witness_file(life->witness, "a", life->source, sim_now_us(life->sim));
  tell_front(life);
  life->is_calm = true;
  life_go_on(life, 0);
  client_meet_declared(life);
  life->is_calm = false;
}

static void end(struct life *life)
{
  life_leave_behind();
  living = NULL;
  witness_close(life->witness);
  sim_destroy(life->sim);
  store_close(life->store);
  disk_destroy(life->disk);
  book_destroy(life->book);
  causes_destroy(life->causes);
  guest_destroy(life->guest);
  ears_destroy(life->ears);
  courses_destroy(life->courses);
  holds_destroy(life->holds);
  notices_destroy(life->notices);
  reasons_destroy(life->reasons);
  tide_destroy(life->tide);
  zones_destroy(life->zones);
  message_list_deinit(&life->replies);
  zones_end();
  scratch_empty();
  free(life->source);
}

void life_live(const struct life_options *options, struct life_report *report)
{
  struct life life = {.options = options, .report = report};
  log_set_level(options->is_told ? LOG_WARN : LOG_OFF);
  begin(&life, options);
  int64_t began_us = sim_now_us(life.sim);
  for (life.step = 0; life.step < options->steps; life.step++)
    fate_step(&life);
  fate_calm_down(&life);
  report->lived_us += sim_now_us(life.sim) - began_us;
  life_mix(&life, report->lived_us);
  end(&life);
}
