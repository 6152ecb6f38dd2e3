/* The tables, and how an older file becomes one of today.
 *
 * PRAGMA user_version counts the steps below that a file has been through; each is one transaction,
 * so a crash leaves a file between two steps and never inside one. A step, once released, is never
 * edited: a change is a new step.
 *
 * Reading the layout: what one fire writes is a row at the end of `runs` (clustered by time, so the
 * rows of one moment share pages), and the same row again when it ends; the narrow row of
 * `job_progress` follows later, many at once. Open runs have no index: they lie behind the
 * watermark in meta, but for those that last, which are marked and stand in `runs_lasting`.
 * `progress_due` holds only what will be due. Absent times are NULL, which takes no room.
 *
 * A job's number names its runs, which outlive it, so none is given twice: meta's job_numbers is
 * the highest that may have been given. */
#include "store/sqlite_store.h"

#include <stdlib.h>

#include "base/memory.h"

enum { APPLICATION_ID = 0x6d6f6f6e /* "moon" */ };

static const char *const steps[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('epoch', 0), ('folded_fence', 0), ('folded_from_us', 0),"
    " ('job_numbers', 0);"

    "CREATE TABLE scripts(name TEXT PRIMARY KEY, origin INTEGER NOT NULL, path TEXT,"
    "  version TEXT NOT NULL, error TEXT, loaded_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE script_sources(script TEXT NOT NULL, number INTEGER NOT NULL,"
    "  version TEXT NOT NULL, created_us INTEGER NOT NULL, source TEXT NOT NULL,"
    "  PRIMARY KEY(script, number)) STRICT;"

    "CREATE TABLE jobs(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  origin INTEGER NOT NULL, script TEXT, trigger TEXT, spec TEXT NOT NULL) STRICT;"
    "CREATE INDEX jobs_declared ON jobs(script, id) WHERE origin = 0;"

    "CREATE TABLE job_progress(number INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    "  next_us INTEGER, last_us INTEGER, runs_kept INTEGER NOT NULL, paused_us INTEGER,"
    "  error TEXT) STRICT;"
    "CREATE INDEX progress_due ON job_progress(next_us) WHERE state = 0 AND next_us IS NOT NULL;"
    "CREATE INDEX progress_stopped ON job_progress(state, last_us) WHERE state > 0;"

    "CREATE TABLE runs(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL,"
    "  state INTEGER NOT NULL, cause INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    "  fence INTEGER NOT NULL, previous_us INTEGER, due_us INTEGER, claimed_us INTEGER NOT NULL,"
    "  started_us INTEGER, finished_us INTEGER, args TEXT, result TEXT, error TEXT,"
    "  PRIMARY KEY(scheduled_us, job)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX runs_lasting ON runs(scheduled_us, job) WHERE state = 1;"

    "CREATE TABLE attempts(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL, state INTEGER NOT NULL, fence INTEGER NOT NULL, due_us INTEGER,"
    "  claimed_us INTEGER NOT NULL, started_us INTEGER, finished_us INTEGER, result TEXT,"
    "  error TEXT, PRIMARY KEY(scheduled_us, job, attempt)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run_logs(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL, attempt INTEGER NOT NULL, level INTEGER NOT NULL,"
    "  at_us INTEGER NOT NULL, text TEXT NOT NULL,"
    "  PRIMARY KEY(scheduled_us, job, sequence)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE skips(number INTEGER PRIMARY KEY, job INTEGER NOT NULL,"
    "  first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, count INTEGER NOT NULL,"
    "  reason INTEGER NOT NULL, recorded_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX skips_of_job ON skips(job);"

    "CREATE TABLE kv(script TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    "  PRIMARY KEY(script, key)) STRICT, WITHOUT ROWID;",

    /* What the names of calendars mean. */
    "CREATE TABLE calendars(name TEXT PRIMARY KEY, definition TEXT NOT NULL, script TEXT)"
    "  STRICT, WITHOUT ROWID;",

    /* Which jobs wait for what happens, follow which calendar or use which pool, what has happened
     * and has no run yet, how far sensors have come, and what set off a run. */
    "CREATE TABLE subscriptions(key TEXT NOT NULL, job INTEGER NOT NULL,"
    "  PRIMARY KEY(key, job)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX subscriptions_of_job ON subscriptions(job);"
    "CREATE TABLE pending_events(job INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  at_us INTEGER NOT NULL, due_us INTEGER NOT NULL, event TEXT NOT NULL,"
    "  PRIMARY KEY(job, number)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sensors(key TEXT PRIMARY KEY, position TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "ALTER TABLE runs ADD COLUMN events TEXT;",

    /* How many slots a pool has, and how many its script said last: what a person changed at run
     * time stays until the script says something new. */
    "CREATE TABLE pools(name TEXT PRIMARY KEY, slots INTEGER NOT NULL, declared INTEGER,"
    "  script TEXT) STRICT, WITHOUT ROWID;"

    /* Of jobs that are expected to succeed, and those that fail; and which job has which key. */
    "CREATE TABLE job_health(job INTEGER PRIMARY KEY, expect_us INTEGER,"
    "  since_us INTEGER NOT NULL, success_us INTEGER, late_us INTEGER, trouble_us INTEGER,"
    "  failures INTEGER NOT NULL) STRICT;"
    "CREATE TABLE unique_keys(key TEXT PRIMARY KEY, job INTEGER NOT NULL,"
    "  added_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX unique_keys_of_job ON unique_keys(job);"

    /* What open runs have left for their next attempt, and what attempts have used. */
    "CREATE TABLE checkpoints(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL,"
    "  value TEXT NOT NULL, PRIMARY KEY(scheduled_us, job)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE usages(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL, slices INTEGER NOT NULL, cpu_us INTEGER NOT NULL,"
    "  memory INTEGER NOT NULL, PRIMARY KEY(scheduled_us, job, attempt)) STRICT, WITHOUT ROWID;"

    /* Values that scripts keep may have an end. */
    "ALTER TABLE kv ADD COLUMN expires_us INTEGER;"
    "CREATE INDEX kv_expiring ON kv(expires_us) WHERE expires_us IS NOT NULL;"

    /* Durable listeners, the events that they have not heard of, and those that they failed for
     * good. */
    "CREATE TABLE listeners(number INTEGER PRIMARY KEY, script TEXT NOT NULL, name TEXT NOT NULL,"
    "  spec TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0,"
    "  failed INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE(script, name)) STRICT;"
    "CREATE TABLE letters(listener INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  id INTEGER NOT NULL, deliveries INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0,"
    "  name TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY(listener, number))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE dead_letters(listener INTEGER NOT NULL, number INTEGER NOT NULL,"
    "  id INTEGER NOT NULL, deliveries INTEGER NOT NULL, died_us INTEGER NOT NULL, error TEXT,"
    "  name TEXT NOT NULL, event TEXT NOT NULL, PRIMARY KEY(listener, number))"
    "  STRICT, WITHOUT ROWID;",

    /* How much a run has written to its log, and all runs of a job together. -1: it was too much,
     * and is gone. */
    "ALTER TABLE runs ADD COLUMN log_bytes INTEGER;"
    "ALTER TABLE job_progress ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;"
    "CREATE TEMP TABLE log_sizes AS SELECT scheduled_us, job,"
    "  sum(length(CAST(text AS BLOB))) AS bytes FROM run_logs GROUP BY scheduled_us, job;"
    "UPDATE runs SET log_bytes = l.bytes FROM temp.log_sizes l"
    "  WHERE l.scheduled_us = runs.scheduled_us AND l.job = runs.job AND runs.state >= 2;"
    "UPDATE job_progress SET log_bytes = l.bytes"
    "  FROM (SELECT job, sum(bytes) AS bytes FROM temp.log_sizes GROUP BY job) l"
    "  WHERE l.job = job_progress.number;"
    "DROP TABLE temp.log_sizes;",

    /* What the commands of an attempt have used. */
    "ALTER TABLE usages ADD COLUMN commands_cpu_us INTEGER;"
    "ALTER TABLE usages ADD COLUMN commands_memory INTEGER;",

    /* What a job's last success was, when its row in `runs` is gone. */
    "CREATE TABLE successes(job INTEGER PRIMARY KEY, scheduled_us INTEGER NOT NULL,"
    "  finished_us INTEGER, result TEXT) STRICT;",

    /* Jobs that are gone wait for nothing, nor does anybody for what only they waited for. */
    "DELETE FROM subscriptions WHERE job NOT IN (SELECT number FROM jobs);"
    "DELETE FROM sensors WHERE key NOT IN (SELECT key FROM subscriptions);",

    /* Skips by their age, as one that goes on is young and was recorded before others. */
    "CREATE INDEX skips_by_age ON skips(recorded_us);",
};

enum { KNOWN_VERSION = sizeof steps / sizeof steps[0] };

/* The SQL above spells these numbers out. */
_Static_assert(JOB_DECLARED == 0 && JOB_ADDED == 1, "jobs_declared");
_Static_assert(JOB_ACTIVE == 0 && JOB_FINISHED == 2 && JOB_ERROR == 3, "progress_*");
_Static_assert(RUN_PENDING == 0 && RUN_RUNNING == 1 && RUN_SUCCEEDED == 2, "runs_lasting");

enum error_code schema_recognise(struct store *store, struct error *error)
{
  int64_t application = 0, version = 0, tables = 0;
  enum error_code code;
  /* The first read: a file that is no database is found out here. */
  if ((code = store_ask(store, "PRAGMA application_id", &application, error)) ||
      (code = store_ask(store, "PRAGMA user_version", &version, error)) ||
      (code = store_ask(store, "SELECT count(*) FROM sqlite_schema", &tables, error)))
    return code;
  bool fresh = application == 0 && version == 0 && tables == 0;
  if (!fresh && application != APPLICATION_ID)
    return error_set(error, ERROR_CORRUPT,
                     "%s: a database of another program: move it away or use another --state",
                     store_name(store));
  if (version > KNOWN_VERSION)
    return error_set(error, ERROR_NEWER,
                     "%s: written by a newer moonbeat (schema %lld, this one knows %d): "
                     "upgrade moonbeat",
                     store_name(store), (long long)version, KNOWN_VERSION);
  return ERROR_OK;
}

static enum error_code take_step(struct store *store, int step, struct error *error)
{
  char *mark = memory_printf("PRAGMA user_version = %d; PRAGMA application_id = %d", step + 1,
                             APPLICATION_ID);
  enum error_code code;
  if (!(code = store_begin(store, error)) && !(code = store_execute(store, steps[step], error)) &&
      !(code = store_execute(store, mark, error)))
    code = store_commit(store, error);
  if (code)
    store_rollback(store);
  free(mark);
  return code;
}

enum error_code schema_migrate(struct store *store, struct error *error)
{
  int64_t version = 0;
  enum error_code code = store_ask(store, "PRAGMA user_version", &version, error);
  for (; !code && version < KNOWN_VERSION; version++)
    code = take_step(store, (int)version, error);
  return code;
}
