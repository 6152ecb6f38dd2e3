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
    {"Australia/Sydney", "Australia/Perth"},
};

static const char *const folders[] = {"zones", "zones/Europe", "zones/America", "zones/Asia",
                                      "zones/Australia"};

enum {
  ZONES = sizeof zones / sizeof *zones,
  FOLDERS = sizeof folders / sizeof *folders,
  VERSIONS = 2,
};

static const char *system_folder; /* as it was when the program began */
static int version_in_force;

static void use(int version)
{
  char path[PATH_MAX];
  version_in_force = version;
  if (version == 0)
    setenv("TZDIR", system_folder, 1);
  else if (realpath(folders[0], path))
    setenv("TZDIR", path, 1);
  zone_refresh();
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

int zones_version(void)
{
  return version_in_force;
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

bool zones_is_pending(const struct booked *job)
{
  return job->is_there && is_on_the_wall(&job->rule) && job->rule.version != version_in_force;
}

void zones_change(struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    life->jobs[i].is_blurred |= zones_is_pending(&life->jobs[i]);
  use(1 - version_in_force);
  life_say(life, "the tz database has version %d", version_in_force);
  sometimes("the tz database is another one after a restart");
}

/* The last due time that has become a run or a skip; INT64_MIN: none. */
static int64_t last_decided(struct life *life, const struct booked *job)
{
  return book_query(life_db(life),
                    "SELECT max(us) FROM (SELECT max(scheduled_us) us FROM runs"
                    " WHERE job = ?1 AND cause = 0 AND scheduled_us >= ?2 UNION ALL"
                    " SELECT max(last_us) FROM skips WHERE job = ?1 AND last_us >= ?2)",
                    job->number, booked_since(job), INT64_MIN);
}

static int64_t next_due(const struct rule *rule, int64_t from_us)
{
  struct dues dues = {0};
  rule_dues(rule, from_us, from_us + 4 * 24 * HOUR, &dues);
  int64_t us = dues.count ? dues.us[0] : INT64_MAX;
  free(dues.us);
  return us;
}

static void meet(struct life *life, struct booked *job)
{
  struct rule standing = job->rule, present = job->rule;
  int64_t cursor_us;
  if (!client_cursor(life, job, &cursor_us))
    return;
  int64_t decided_us = last_decided(life, job);
  int64_t from_us = decided_us == INT64_MIN ? booked_since(job) : decided_us + 1;
  standing.version = 1 - version_in_force;
  present.version = version_in_force;
  int64_t old_us = next_due(&standing, from_us), new_us = next_due(&present, from_us);
  if (old_us != new_us)
    sometimes("a change of its zone moves a due time");
  if (cursor_us != old_us && cursor_us != new_us && !job->is_blurred)
    blame("%s: has another zone, and is due at %lld, neither at %lld, as before, nor at %lld",
          job->id, (long long)cursor_us, (long long)old_us, (long long)new_us);
  booked_follow(job, from_us, cursor_us == new_us ? NULL : &standing, cursor_us, &present);
}

void zones_meet(struct life *life)
{
  for (int i = 0; i < JOBS; i++)
    if (zones_is_pending(&life->jobs[i]))
      meet(life, &life->jobs[i]);
}
