-- What a store of the first version looks like.
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('epoch', 0), ('folded_fence', 0), ('folded_from_us', 0), ('job_numbers',
  0);
CREATE TABLE scripts(name TEXT PRIMARY KEY, origin INTEGER NOT NULL, path TEXT, version TEXT NOT
  NULL, error TEXT, loaded_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE script_sources(script TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL,
  created_us INTEGER NOT NULL, source TEXT NOT NULL, PRIMARY KEY(script, number)) STRICT;
CREATE TABLE jobs(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, origin INTEGER NOT NULL,
  script TEXT, trigger TEXT, spec TEXT NOT NULL) STRICT;
CREATE INDEX jobs_declared ON jobs(script, id) WHERE origin = 0;
CREATE TABLE job_progress(number INTEGER PRIMARY KEY, state INTEGER NOT NULL, next_us INTEGER,
  last_us INTEGER, runs_kept INTEGER NOT NULL, paused_us INTEGER, error TEXT) STRICT;
CREATE INDEX progress_due ON job_progress(next_us) WHERE state = 0 AND next_us IS NOT NULL;
CREATE INDEX progress_stopped ON job_progress(state, last_us) WHERE state > 0;
CREATE TABLE runs(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL, state INTEGER NOT NULL, cause
  INTEGER NOT NULL, attempt INTEGER NOT NULL, fence INTEGER NOT NULL, previous_us INTEGER, due_us
  INTEGER, claimed_us INTEGER NOT NULL, started_us INTEGER, finished_us INTEGER, args TEXT, result
  TEXT, error TEXT, PRIMARY KEY(scheduled_us, job)) STRICT, WITHOUT ROWID;
CREATE INDEX runs_lasting ON runs(scheduled_us, job) WHERE state = 1;
CREATE TABLE attempts(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL, attempt INTEGER NOT NULL,
  state INTEGER NOT NULL, fence INTEGER NOT NULL, due_us INTEGER, claimed_us INTEGER NOT NULL,
  started_us INTEGER, finished_us INTEGER, result TEXT, error TEXT, PRIMARY KEY(scheduled_us, job,
  attempt)) STRICT, WITHOUT ROWID;
CREATE TABLE run_logs(scheduled_us INTEGER NOT NULL, job INTEGER NOT NULL, sequence INTEGER NOT
  NULL, attempt INTEGER NOT NULL, level INTEGER NOT NULL, at_us INTEGER NOT NULL, text TEXT NOT
  NULL, PRIMARY KEY(scheduled_us, job, sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE skips(number INTEGER PRIMARY KEY, job INTEGER NOT NULL, first_us INTEGER NOT NULL,
  last_us INTEGER NOT NULL, count INTEGER NOT NULL, reason INTEGER NOT NULL, recorded_us INTEGER NOT
  NULL) STRICT;
CREATE INDEX skips_of_job ON skips(job);
CREATE TABLE kv(script TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(script,
  key)) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
PRAGMA application_id = 1836019566;
