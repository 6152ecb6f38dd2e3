/* A fresh store for each test, in memory and in a file of a temporary folder by turns: the same
 * suite runs over both. */
#ifndef UNIT_STORE_FIXTURE_H
#define UNIT_STORE_FIXTURE_H

#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/sqlite_store.h"
#include "support/scratch.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    if ((call) != ERROR_OK)                                                                        \
      fail_msg("%s: %s", #call, error.text);                                                       \
  } while (0)

#define FAILS(wanted, call) assert_int_equal((call), (wanted))

static struct error error;
static bool in_memory;
static char *folder, *path;
static struct store *store;

/* So that there is no store yet. */
static inline void wipe(void)
{
  static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-journal"};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    char *name = memory_printf("%s%s", path, ends[i]);
    unlink(name);
    free(name);
  }
}

static inline int open_fresh(void **state)
{
  (void)state;
  folder = scratch_folder();
  path = memory_printf("%s/moonbeat.db", folder);
  memset(&error, 0, sizeof error);
  OK(store_open(in_memory ? NULL : path, &store, &error));
  return 0;
}

static inline int close_store(void **state)
{
  (void)state;
  store_close(store);
  store = NULL;
  free(path);
  return 0;
}

static inline void open_again(void)
{
  store_close(store);
  store = NULL;
  OK(store_open(path, &store, &error));
}

static inline void begin(void)
{
  OK(store_begin(store, &error));
}

static inline void commit(void)
{
  OK(store_commit(store, &error));
}

/* `script` NULL: an added job. `options` as in `"name":"x"`, or "". */
static inline struct job *make_job(const char *id, const char *script, const char *options)
{
  char *text = memory_printf("{\"id\":\"%s\",\"func\":\"%s\"%s%s}", id,
                             script ? "tick" : "orders.cancel", options[0] ? "," : "", options);
  struct json_document *document;
  struct job *job;
  OK(json_parse(text, strlen(text), &document, &error));
  OK(job_from_json(json_root(document), script, "UTC", &job, &error));
  json_free(document);
  free(text);
  return job;
}

/* In a transaction that is open. Returns the number. */
static inline int64_t add_job(const char *id, const char *script, int64_t next_us)
{
  struct job *job = make_job(id, script, "");
  struct job_progress progress = {.next_us = next_us, .last_us = INT64_MIN};
  OK(store_add_job(store, job, &progress, &error));
  int64_t number = job->number;
  job_destroy(job);
  return number;
}

static inline struct run make_run(int64_t job, int64_t scheduled_us, int64_t previous_us)
{
  return (struct run){.key = {scheduled_us, job},
                      .attempt = 1,
                      .fence = 7,
                      .previous_us = previous_us,
                      .due_us = scheduled_us,
                      .claimed_us = scheduled_us + 1};
}

/* A run that has ended already, in the transaction that is open. */
static inline void add_ended(int64_t job, int64_t scheduled_us, int64_t previous_us)
{
  struct run run = make_run(job, scheduled_us, previous_us);
  OK(store_claim(store, &run, &error));
  run.state = RUN_SUCCEEDED;
  run.started_us = run.finished_us = scheduled_us + 2;
  OK(store_finish(store, &run, &error));
}

/* What visitors saw, as words. */
struct seen {
  char text[4096];
  int left; /* stop after so many; 0: never */
};

static inline bool note(struct seen *seen, const char *word)
{
  size_t length = strlen(seen->text);
  snprintf(seen->text + length, sizeof seen->text - length, "%s%s", length ? " " : "", word);
  return --seen->left != 0;
}

static inline bool count_run(void *context, const struct run *run, const char *job_id)
{
  (void)run, (void)job_id;
  ++*(int *)context;
  return true;
}

static inline int64_t count_jobs(void)
{
  struct store_counts counts;
  OK(store_count(store, &counts, &error));
  return counts.jobs[JOB_ACTIVE];
}

static inline bool note_job(void *context, struct stored_job *stored)
{
  return note(context, stored->job->id);
}

static inline bool note_run(void *context, const struct run *run, const char *job_id)
{
  char word[128];
  snprintf(word, sizeof word, "%s@%lld:%s", job_id, (long long)run->key.scheduled_us,
           run_state_name(run->state));
  return note(context, word);
}

/* How much work SQLite has had since it was asked before, in steps of its machine. */
static inline int64_t count_steps(void)
{
  int64_t steps = 0;
  for (size_t i = 0; i < STATEMENT_SLOTS; i++)
    if (store->statements[i].statement)
      steps += sqlite3_stmt_status(store->statements[i].statement, SQLITE_STMTSTATUS_VM_STEP, true);
  return steps;
}

static inline int run_suite(const struct CMUnitTest *tests, size_t count, bool both)
{
  int failed = 0;
  for (int i = both ? 0 : 1; i < 2; i++) {
    in_memory = i == 0;
    failed +=
        _cmocka_run_group_tests(in_memory ? "in memory" : "in a file", tests, count, NULL, NULL);
  }
  return failed;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fresh, close_store)

#endif
