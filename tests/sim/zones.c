#include "sim/zones.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/life_internal.h"
#include "time/zone.h"

/* A zone, and whose rules it has in the second version. */
static const struct {
  const char *name, *other;
} zones[] = {
    {"Europe/Berlin", "Europe/Moscow"},      {"America/New_York", "America/Regina"},
    {"Asia/Kolkata", "Asia/Kathmandu"},      {"Europe/London", "Europe/Paris"},
    {"Australia/Sydney", "Australia/Eucla"},
};

static const char *const folders[] = {"zones", "zones/Europe", "zones/America", "zones/Asia",
                                      "zones/Australia"};

enum {
  ZONES = sizeof zones / sizeof *zones,
  FOLDERS = sizeof folders / sizeof *folders,
  VERSIONS = 2,
};

/* A change of the version. Jobs that it concerns have not been seen to follow it while their rule
 * is of the other one. */
struct zones_change {
  bool is_live;     /* the daemon was told, while it ran */
  bool is_noted;    /* what had been decided */
  int64_t at_us;    /* then */
  int64_t shown_us; /* the latest time that the clock has shown since */
  int64_t low_us;   /* the earliest */
  int64_t ends;     /* of daemons: as many there had been */
};

struct zones_book {
  int version; /* in force */
  struct zones_change last;
};

static const char *system_folder; /* as it was when the program began */

struct zones_book *zones_create(void)
{
  struct zones_book *book = memory_alloc(sizeof *book);
  book->last.is_noted = true;
  return book;
}

void zones_destroy(struct zones_book *book)
{
  free(book);
}

/* How many of the zones in use have other rules now. */
static int use(int version)
{
  char path[PATH_MAX];
  if (version == 0)
    setenv("TZDIR", system_folder, 1);
  else if (realpath(folders[0], path))
    setenv("TZDIR", path, 1);
  return zone_refresh();
}

static const char *system_path(void)
{
  const char *given = getenv("TZDIR");
  return given && *given ? given : "/usr/share/zoneinfo";
}

void zones_begin(void)
{
  if (!system_folder)
    system_folder = memory_strdup(system_path());
  for (int i = 0; i < FOLDERS; i++)
    if (mkdir(folders[i], 0700))
      blame("no folder: %s", folders[i]);
  for (int i = 0; i < ZONES; i++) {
    char *target = memory_printf("%s/%s", system_folder, zones[i].other);
    char *link = memory_printf("%s/%s", folders[0], zones[i].name);
    if (symlink(target, link))
      blame("no file: %s", link);
    free(target);
    free(link);
  }
  use(0);
}

void zones_end(void)
{
  use(0);
}

int zones_version(const struct life *life)
{
  return life->zones->version;
}

const char *zones_name(int i)
{
  return i < ZONES ? zones[i].name : NULL;
}

const char *zones_other(int i)
{
  return i < ZONES ? zones[i].other : NULL;
}

const char *zones_path(int version, const char *name)
{
  static char *paths[VERSIONS][ZONES];
  int at = 0;
  while (at < ZONES && strcmp(zones[at].name, name) != 0)
    at++;
  if (at == ZONES)
    return name;
  if (!paths[version][at])
    paths[version][at] =
        memory_printf(":%s/%s", system_folder, version == 0 ? zones[at].name : zones[at].other);
  return paths[version][at];
}

/* ---- who goes by them ---- */

static bool is_on_the_wall(const struct rule *rule)
{
  return rule->kind == RULE_MINUTES || rule->kind == RULE_HOURLY || rule->kind == RULE_DAILY;
}

bool zones_is_pending(const struct life *life, const struct booked *job)
{
  return job->is_there && is_on_the_wall(&job->rule) && job->rule.version != life->zones->version;
}

static int64_t next_due(const struct rule *rule, int64_t from_us)
{
  struct dues dues = {0};
  rule_dues(rule, from_us, from_us + 4 * 24 * HOUR, &dues);
  int64_t us = dues.count ? dues.us[0] : INT64_MAX;
  free(dues.us);
  return us;
}

/* The last due time in between that has become a run or a skip; INT64_MIN: none. */
static int64_t last_decided(struct life *life, const struct booked *job, int64_t since_us,
                            int64_t until_us)
{
  char *sql = memory_printf("SELECT max(us) FROM (SELECT scheduled_us us FROM runs WHERE job = ?1"
                            " AND cause = 0 UNION ALL SELECT last_us FROM skips WHERE job = ?1)"
                            " WHERE us >= ?2 AND us < %lld",
                            (long long)until_us);
  int64_t us = book_query(life_db(life), sql, job->number, since_us, INT64_MIN);
  free(sql);
  return us;
}

static bool is_any_pending(const struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    if (zones_is_pending(life, &life->jobs[i]))
      return true;
  return false;
}

/* Where the due time was that stood at the change, at the earliest. */
static int64_t undecided_since(const struct booked *job)
{
  return job->decided_us == INT64_MIN ? booked_since(job) : job->decided_us + 1;
}

static int64_t later(int64_t us, int64_t other_us)
{
  return us > other_us ? us : other_us;
}

/* The first due time of all that has been in force since it has this trigger. */
static int64_t next_booked(const struct booked *job, int64_t from_us)
{
  int64_t next_us = next_due(&job->rule, later(from_us, job->from_us));
  for (int i = job->segment_count; i > 0 && job->segments[i - 1].is_followed; i--) {
    const struct segment *segment = &job->segments[i - 1];
    int64_t us = next_due(&segment->rule, later(from_us, segment->from_us));
    if (us < segment->until_us && us < next_us)
      next_us = us;
  }
  return next_us;
}

/* How far the job is, by the version that is over. One that is asked says so; for the others that
 * is the first one that is not decided. What was decided for a time that the clock has not shown
 * since the trigger is in force is another one's. */
static void note(struct life *life, struct booked *job, bool is_asked)
{
  if (!is_asked)
    job->stood_us = later(sim_now_us(life->sim), job->shown_us) + 1;
  job->decided_us = last_decided(life, job, booked_since(job), job->stood_us);
  job->passed_us = last_decided(life, job, INT64_MIN, job->stood_us);
  if (!is_asked)
    job->stood_us = next_booked(job, undecided_since(job));
}

void zones_note(struct life *life)
{
  struct zones_change *change = &life->zones->last;
  for (int i = 0; i < JOBS && !change->is_noted; i++)
    if (zones_is_pending(life, &life->jobs[i]))
      note(life, &life->jobs[i], false);
  change->is_noted = true;
}

static int switch_version(struct life *life)
{
  struct zones_book *book = life->zones;
  struct zones_change *change = &book->last;
  book->version = 1 - book->version;
  int count = use(book->version);
  change->at_us = change->shown_us = change->low_us = sim_now_us(life->sim);
  change->ends = life->ends;
  witness_zones(life->witness, book->version == 1, change->at_us);
  life_say(life, "the tz database has version %d", book->version);
  return count;
}

void zones_change(struct life *life)
{
  struct zones_change *change = &life->zones->last;
  if (change->is_live && is_any_pending(life))
    return; /* how far it was told of the last one is to be seen first */
  for (int i = 0; i < JOBS; i++)
    life->jobs[i].is_blurred |= zones_is_pending(life, &life->jobs[i]);
  change->is_live = false;
  change->is_noted = false;
  if (draw_chance(&life->draw, 50)) /* the machine was off, until somebody upgraded it */
    sim_leap(life->sim, draw_below(&life->draw, 12 * HOUR));
  switch_version(life);
  sometimes("the tz database is another one after a restart");
}

void zones_clock_set(struct life *life, int64_t step_us)
{
  struct zones_change *change = &life->zones->last;
  int64_t now_us = sim_now_us(life->sim);
  change->shown_us = later(change->shown_us, now_us);
  if (now_us + step_us < change->low_us)
    change->low_us = now_us + step_us;
}

/* False when the daemon dies meanwhile. */
static bool ask_all(struct life *life)
{
  for (int i = 0; i < JOBS; i++) {
    struct booked *job = &life->jobs[i];
    if (!job->is_there || !is_on_the_wall(&job->rule))
      continue;
    if (!client_cursor(life, job, &job->stood_us))
      return false;
    note(life, job, true);
  }
  return true;
}

bool zones_shift(struct life *life)
{
  zones_meet(life);
  if (is_any_pending(life) || !ask_all(life))
    return false;
  int count = switch_version(life);
  life->zones->last.is_live = count > 0;
  struct message *m = message_create(MESSAGE_ZONES, ADDRESS_FRONT, ADDRESS_SCHEDULER);
  m->as.zones.count = count;
  if (count)
    sim_tell(life->sim, m);
  else
    message_destroy(m);
  return true;
}

/* ---- who has followed ---- */

static bool is_due_at(const struct rule *rule, int64_t us)
{
  return next_due(rule, us) == us;
}

static int64_t first_decided(struct life *life, const struct booked *job, int64_t from_us)
{
  return book_query(life_db(life),
                    "SELECT min(us) FROM (SELECT scheduled_us us FROM runs WHERE job = ?1"
                    " AND cause = 0 UNION ALL SELECT first_us FROM skips WHERE job = ?1)"
                    " WHERE us >= ?2",
                    job->number, from_us, INT64_MAX);
}

/* The first due time that was decided since, or is the next one: what the next one was then. Those
 * that the clock has not shown since are of a time before it was set back, and those that are of
 * the time before the trigger are another one's, unless the clock has been set back to there and
 * the trigger is due then by the new rules. */
static int64_t first_trace(struct life *life, const struct booked *job, const struct rule *present,
                           int64_t cursor_us)
{
  const struct zones_change *change = &life->zones->last;
  const int64_t since_us = undecided_since(job);
  int64_t from_us = since_us;
  int64_t shown_us = later(change->shown_us, sim_now_us(life->sim));
  if (change->is_live && change->at_us < since_us && job->decided_us == INT64_MIN)
    from_us = change->at_us;
  int64_t us = first_decided(life, job, from_us);
  while (us < since_us && !is_due_at(present, us))
    us = first_decided(life, job, us + 1);
  /* A skip that was there goes on with what was next as it was recorded. */
  if (book_query(life_db(life),
                 "SELECT 1 FROM skips WHERE job = ?1 AND first_us < ?2 AND last_us >= ?2",
                 job->number, from_us, 0))
    us = job->stood_us;
  return us < cursor_us && us <= shown_us ? us : cursor_us;
}

/* The daemon goes on since it was told, so that what is not due yet must have moved. */
static bool must_have_moved(const struct life *life)
{
  const struct zones_change *change = &life->zones->last;
  bool is_well = !life->trouble_us && !life->was_broken;
  return change->is_live && change->ends == life->ends && (is_well || life->is_calm);
}

/* Due times behind the one that stood may be passed over until the daemon has heard of the change,
 * and since when it was down. When it reads its store again, as it starts or could not write, it
 * may go on behind the last claim. */
static bool may_be_first(const struct life *life, const struct booked *job,
                         const struct rule *present, int64_t us)
{
  const struct zones_change *change = &life->zones->last;
  int64_t now_us = sim_now_us(life->sim);
  bool is_read_again = change->ends != life->ends || life->was_broken;
  int64_t low_us = later(change->low_us, job->passed_us + 1);
  if (change->is_live && !is_read_again && job->stood_us <= change->at_us)
    return false; /* it had come */
  if ((!change->is_live || is_read_again) && us == next_due(present, undecided_since(job)))
    return true;
  if (!change->is_live || !is_due_at(present, us))
    return false;
  return us >= low_us && us <= next_due(present, later(later(now_us, change->at_us), low_us));
}

static void meet(struct life *life, struct booked *job)
{
  struct rule standing = job->rule, present = job->rule;
  const struct zones_change *change = &life->zones->last;
  int64_t cursor_us;
  if (!client_cursor(life, job, &cursor_us))
    return;
  standing.version = 1 - life->zones->version;
  present.version = life->zones->version;
  int64_t now_us = sim_now_us(life->sim), from_us = undecided_since(job);
  int64_t old_us = job->stood_us;
  int64_t first_us = first_trace(life, job, &present, cursor_us);
  bool stands = first_us == old_us;
  bool may_move =
      cursor_us == old_us && old_us > now_us && !may_be_first(life, job, &present, old_us);
  if (stands && may_move && must_have_moved(life) && !job->is_blurred)
    blame("%s: its zone has new rules, and it is still due at %lld", job->id, (long long)old_us);
  bool is_tried_again = life->was_broken && !life_is_well(life);
  if (stands && (may_move || is_tried_again) && change->is_live && change->ends == life->ends)
    return;
  if (!stands && !may_be_first(life, job, &present, first_us) && !job->is_blurred)
    blame("%s: has another zone, and is due at %lld, not at %lld, as before, nor as it says now",
          job->id, (long long)first_us, (long long)old_us);
  if (!stands || old_us != next_due(&present, from_us))
    sometimes("a change of its zone moves a due time");
  if (!stands && change->is_live)
    sometimes("zones change under the scheduler, and a due time moves");
  if ((stands || job->is_blurred) && is_due_at(&standing, first_us)) {
    booked_follow(job, first_us, &standing, first_us, &present);
  } else {
    booked_follow(job, first_us < from_us ? first_us : from_us, NULL, 0, &present);
    job->from_us = first_us;
  }
}

void zones_meet(struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    if (zones_is_pending(life, &life->jobs[i]))
      meet(life, &life->jobs[i]);
}

void zones_check_all_met(const struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    if (zones_is_pending(life, &life->jobs[i]))
      blame("%s: its zone has new rules, of which it never hears", life->jobs[i].id);
}
