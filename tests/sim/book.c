#include "sim/book.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/sometimes.h"
#include "model/run.h"
#include "time/instant.h"

/* What workers and listeners know of a run. */
struct seen_run {
  struct run_key key;
  int64_t fence;   /* of the newest attempt sent */
  int32_t attempt; /* 0: none was */
  bool has_ended;  /* as an event told, */
  bool was_found;  /* and as was seen in the store */
  int state;
  UT_hash_handle hh;
};

enum { ROUNDS = 8 }; /* in which all are looked at */

struct book {
  struct seen_run *runs;
  int64_t checks;
};

struct book *book_create(void)
{
  return memory_alloc(sizeof(struct book));
}

void book_destroy(struct book *book)
{
  struct seen_run *run, *next;
  HASH_ITER(hh, book->runs, run, next) {
    HASH_DEL(book->runs, run);
    free(run);
  }
  free(book);
}

/* ---- the store ---- */

sqlite3_stmt *book_ask(sqlite3 *db, const char *sql, int64_t first, int64_t second)
{
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
    blame("%s: %s", sql, sqlite3_errmsg(db));
  int count = sqlite3_bind_parameter_count(statement);
  if (count > 0)
    sqlite3_bind_int64(statement, 1, first);
  if (count > 1)
    sqlite3_bind_int64(statement, 2, second);
  return statement;
}

bool book_step(sqlite3 *db, sqlite3_stmt *statement)
{
  int result = sqlite3_step(statement);
  if (result != SQLITE_ROW && result != SQLITE_DONE)
    blame("%s: %s", sqlite3_sql(statement), sqlite3_errmsg(db));
  return result == SQLITE_ROW;
}

int64_t book_query(sqlite3 *db, const char *sql, int64_t first, int64_t second, int64_t absent)
{
  sqlite3_stmt *statement = book_ask(db, sql, first, second);
  int64_t value = absent;
  if (book_step(db, statement) && sqlite3_column_type(statement, 0) != SQLITE_NULL)
    value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

static const char *time_of(int64_t us)
{
  static char texts[4][INSTANT_TEXT_SIZE];
  static int next;
  char *text = texts[next++ % 4];
  instant_format(text, us);
  return text;
}

/* ---- runs ---- */

static struct seen_run *find_run(struct book *book, struct run_key key)
{
  struct seen_run *run;
  HASH_FIND(hh, book->runs, &key, sizeof key, run);
  return run;
}

static struct seen_run *note_run(struct book *book, struct run_key key)
{
  struct seen_run *run = find_run(book, key);
  if (run)
    return run;
  run = memory_alloc(sizeof *run);
  run->key = key;
  HASH_ADD(hh, book->runs, key, sizeof run->key, run);
  return run;
}

void book_sent(struct book *book, sqlite3 *db, const struct booked *job, const struct message *run,
               int64_t now_us)
{
  const struct attempt *attempt = &run->as.run.attempt;
  struct run_key key = attempt->key;
  sqlite3_stmt *row = book_ask(db,
                               "SELECT attempt, fence, state, due_us, cause FROM runs"
                               " WHERE scheduled_us = ? AND job = ?",
                               key.scheduled_us, key.job);
  if (!sqlite3_get_autocommit(db))
    blame("%s: a run is sent before the commit", job->id);
  if (!book_step(db, row))
    blame("%s: its run of %s is sent without a claim", job->id, time_of(key.scheduled_us));
  if (sqlite3_column_int64(row, 0) != attempt->number ||
      sqlite3_column_int64(row, 1) != attempt->fence || sqlite3_column_int64(row, 2) > RUN_RUNNING)
    blame(
        "%s: attempt %d of its run of %s is sent with fence %lld, and stored is attempt %lld with "
        "%lld in state %lld",
        job->id, attempt->number, time_of(key.scheduled_us), (long long)attempt->fence,
        (long long)sqlite3_column_int64(row, 0), (long long)sqlite3_column_int64(row, 1),
        (long long)sqlite3_column_int64(row, 2));
  int64_t due_us =
      sqlite3_column_type(row, 3) == SQLITE_NULL ? key.scheduled_us : sqlite3_column_int64(row, 3);
  bool is_timed = sqlite3_column_int(row, 4) == RUN_BY_SCHEDULE;
  sqlite3_finalize(row);
  struct seen_run *seen = find_run(book, key);
  /* By the clock of then: it may have been set back since. */
  int64_t claimed_us =
      book_query(db,
                 "SELECT claimed_us FROM attempts WHERE scheduled_us = ?1 AND job = ?2"
                 " UNION ALL SELECT claimed_us FROM runs WHERE scheduled_us = ?1"
                 " AND job = ?2 LIMIT 1",
                 key.scheduled_us, key.job, 0);
  /* Two of one instant that no time has set off have different names. */
  bool is_early = is_timed && claimed_us < key.scheduled_us;
  if (due_us > now_us || is_early)
    blame("%s: its run of %s, due %s, is sent early at %s", job->id, time_of(key.scheduled_us),
          time_of(due_us), time_of(now_us));
  if (seen && seen->has_ended)
    blame("%s: its run of %s is sent again after its end", job->id, time_of(key.scheduled_us));
  if (seen && seen->attempt && job->is_once)
    blame("%s: its run of %s is at_most_once and sent twice", job->id, time_of(key.scheduled_us));
  if (seen && attempt->number <= seen->attempt)
    blame("%s: attempt %d of its run of %s is sent after attempt %d", job->id, attempt->number,
          time_of(key.scheduled_us), seen->attempt);
  if (seen && seen->attempt)
    sometimes("a run is sent again");
  seen = note_run(book, key);
  seen->attempt = attempt->number;
  seen->fence = attempt->fence;
}

void book_ended(struct book *book, const struct booked *job, int64_t scheduled_us, int state)
{
  struct seen_run *run = note_run(book, (struct run_key){scheduled_us, job->number});
  if (run->has_ended)
    blame("%s: the end of its run of %s is told twice", job->id, time_of(scheduled_us));
  run->has_ended = true;
  run->state = state;
}

/* Reads far more than the scheduler does: a disk that cannot be read just now is no complaint. */
static void check_stale(sqlite3 *db)
{
  sqlite3_stmt *row = book_ask(db,
                               "SELECT scheduled_us, job FROM runs WHERE result = '" BOOK_STALE "'"
                               " UNION ALL SELECT scheduled_us, job FROM attempts"
                               " WHERE result = '" BOOK_STALE "'",
                               0, 0);
  if (sqlite3_step(row) == SQLITE_ROW)
    blame("the run of %s of job %lld has ended as a stale finish has said",
          time_of(sqlite3_column_int64(row, 0)), (long long)sqlite3_column_int64(row, 1));
  sqlite3_finalize(row);
}

void book_check_runs(struct book *book, sqlite3 *db, bool all)
{
  struct seen_run *run, *next;
  check_stale(db);
  book->checks++;
  HASH_ITER(hh, book->runs, run, next) {
    if (!all && run->was_found && (book->checks + run->fence) % ROUNDS != 0)
      continue;
    sqlite3_stmt *row = book_ask(db,
                                 "SELECT attempt, fence, state FROM runs"
                                 " WHERE scheduled_us = ? AND job = ?",
                                 run->key.scheduled_us, run->key.job);
    if (!book_step(db, row)) {
      sqlite3_finalize(row);
      if (book_query(db, "SELECT 1 FROM jobs WHERE number = ?", run->key.job, 0, 0))
        blame("the run of %s of job %lld was sent to a worker and is not in the store",
              time_of(run->key.scheduled_us), (long long)run->key.job);
      HASH_DEL(book->runs, run); /* gone with its job */
      free(run);
      continue;
    }
    int64_t attempt = sqlite3_column_int64(row, 0), fence = sqlite3_column_int64(row, 1);
    int state = sqlite3_column_int(row, 2);
    sqlite3_finalize(row);
    if (attempt < run->attempt || (attempt == run->attempt && run->attempt && fence != run->fence))
      blame(
          "the run of %s of job %lld was sent as attempt %d with fence %lld, and stored is attempt "
          "%lld with %lld",
          time_of(run->key.scheduled_us), (long long)run->key.job, run->attempt,
          (long long)run->fence, (long long)attempt, (long long)fence);
    if (run->has_ended && state != run->state)
      blame("the run of %s of job %lld had ended in state %d, and is in %d now",
            time_of(run->key.scheduled_us), (long long)run->key.job, run->state, state);
    run->was_found = run->has_ended;
  }
}

void book_check_sent(struct book *book, sqlite3 *db, const struct booked *job)
{
  sqlite3_stmt *row = book_ask(
      db, "SELECT scheduled_us, attempt FROM runs WHERE job = ? AND state < 2", job->number, 0);
  while (book_step(db, row)) {
    struct run_key key = {sqlite3_column_int64(row, 0), job->number};
    const struct seen_run *run = find_run(book, key);
    if (!run || run->attempt != sqlite3_column_int64(row, 1))
      blame("%s: is gone, and its run of %s is open, which no worker has", job->id,
            time_of(key.scheduled_us));
  }
  sqlite3_finalize(row);
}

/* ---- jobs ---- */

void book_check_job(sqlite3 *db, const struct booked *job)
{
  sqlite3_stmt *row = book_ask(db,
                               "SELECT j.number, j.spec, p.state FROM jobs j"
                               " JOIN job_progress p USING(number) WHERE j.id = ?",
                               0, 0);
  sqlite3_bind_text(row, 1, job->id, -1, SQLITE_STATIC);
  bool is_there = book_step(db, row);
  if (is_there != job->is_there)
    blame("%s: was %s, and is %sthere", job->id, job->is_there ? "added" : "removed",
          is_there ? "" : "not ");
  if (!is_there) {
    sqlite3_finalize(row);
    return;
  }
  char *name = memory_printf("\"name\":\"r%lld\"", (long long)job->revision);
  const char *spec = (const char *)sqlite3_column_text(row, 1);
  if (sqlite3_column_int64(row, 0) != job->number)
    blame("%s: was job %lld, and is %lld now", job->id, (long long)job->number,
          (long long)sqlite3_column_int64(row, 0));
  if (!job->is_declared && !strstr(spec, name))
    blame("%s: was changed to %s, and is %s", job->id, name, spec);
  if ((sqlite3_column_int(row, 2) == JOB_PAUSED) != job->is_paused)
    blame("%s: was %s, and is in state %d", job->id, job->is_paused ? "paused" : "not paused",
          sqlite3_column_int(row, 2));
  free(name);
  sqlite3_finalize(row);
}

/* The last one that has been decided; INT64_MIN: none. */
static int64_t last_due(const struct booked *job, int64_t cursor_us)
{
  struct dues dues = {0};
  rule_dues(&job->rule, job->from_us, cursor_us, &dues);
  int64_t us = dues.count ? dues.us[dues.count - 1] : INT64_MIN;
  free(dues.us);
  return us;
}

static void clip(struct segment *segment, int64_t until_us)
{
  if (segment->is_followed && segment->until_us > until_us)
    segment->until_us = until_us;
}

void booked_change(struct booked *job, const struct rule *rule, int64_t now_us, int64_t cursor_us)
{
  if (job->segment_count >= SEGMENTS_MAX)
    blame("%s: is changed too often for this book", job->id);
  for (int i = 0; i < job->segment_count; i++)
    job->is_blurred |= now_us < job->segments[i].until_us;
  job->is_blurred |=
      now_us < job->from_us || (cursor_us != INT64_MAX && now_us < last_due(job, cursor_us));
  int64_t until_us = cursor_us > now_us ? cursor_us : now_us + 1;
  for (int i = 0; i < job->segment_count; i++) {
    clip(&job->segments[i], until_us);
    job->segments[i].is_followed = false;
  }
  job->segments[job->segment_count++] = (struct segment){job->rule, job->from_us, until_us, false};
  job->rule = *rule;
  job->from_us = now_us;
  job->shown_us = 0;
}

int64_t booked_since(const struct booked *job)
{
  int64_t since_us = job->from_us;
  for (int i = job->segment_count; i > 0 && job->segments[i - 1].is_followed; i--) {
    const struct segment *segment = &job->segments[i - 1];
    if (segment->from_us < segment->until_us && segment->from_us < since_us)
      since_us = segment->from_us;
  }
  return since_us;
}

static void append(struct booked *job, const struct rule *rule, int64_t from_us, int64_t until_us)
{
  if (from_us >= until_us)
    return;
  if (job->segment_count == SEGMENTS_MAX + SEGMENTS_SPARE)
    blame("%s: is changed too often for this book", job->id);
  job->segments[job->segment_count++] = (struct segment){*rule, from_us, until_us, true};
}

void booked_follow(struct booked *job, int64_t undecided_us, const struct rule *standing,
                   int64_t cursor_us, const struct rule *rule)
{
  for (int i = 0; i < job->segment_count; i++)
    clip(&job->segments[i], undecided_us);
  append(job, &job->rule, job->from_us, undecided_us);
  job->from_us = undecided_us;
  if (standing) {
    append(job, standing, undecided_us, cursor_us + 1);
    job->from_us = cursor_us + 1;
  }
  job->rule = *rule;
}

/* ---- due times ---- */

struct part {
  int64_t first_us, last_us, count; /* a skip's */
  int64_t found;
};

struct account {
  struct dues runs, dues; /* scheduled_us of all runs; all due times, of all segments */
  struct part *skips;
  size_t skip_count;
};

static int compare(const void *a, const void *b)
{
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

static bool has(const struct dues *dues, int64_t us)
{
  return dues->count && bsearch(&us, dues->us, dues->count, sizeof us, compare);
}

static void add_us(struct dues *dues, int64_t us)
{
  const struct rule rule = {.kind = RULE_DATE, .start_us = us};
  rule_dues(&rule, us, us + 1, dues);
}

static void read_account(sqlite3 *db, const struct booked *job, struct account *account)
{
  sqlite3_stmt *row =
      book_ask(db, "SELECT scheduled_us FROM runs WHERE job = ? ORDER BY 1", job->number, 0);
  while (book_step(db, row))
    add_us(&account->runs, sqlite3_column_int64(row, 0));
  sqlite3_finalize(row);
  row = book_ask(db, "SELECT first_us, last_us, count FROM skips WHERE job = ? ORDER BY 1",
                 job->number, 0);
  while (book_step(db, row)) {
    account->skips =
        memory_resize(account->skips, (account->skip_count + 1) * sizeof *account->skips);
    account->skips[account->skip_count++] =
        (struct part){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
                      sqlite3_column_int64(row, 2), 0};
  }
  sqlite3_finalize(row);
}

/* Parts before *from are over; asked about ascending times. */
static int count_parts(struct account *account, size_t *from, int64_t us)
{
  int count = 0;
  while (*from < account->skip_count && account->skips[*from].last_us < us)
    ++*from;
  for (size_t i = *from; i < account->skip_count && account->skips[i].first_us <= us; i++) {
    struct part *part = &account->skips[i];
    if (us > part->last_us)
      continue;
    part->found++;
    count++;
  }
  return count;
}

static void check_segment(const struct booked *job, struct account *account,
                          const struct segment *segment)
{
  size_t before = account->dues.count, from = 0;
  rule_dues(&segment->rule, segment->from_us, segment->until_us, &account->dues);
  for (size_t i = before; i < account->dues.count; i++) {
    int64_t us = account->dues.us[i];
    int runs = has(&account->runs, us), parts = count_parts(account, &from, us);
    if (runs + parts == 0)
      blame("%s: was due at %s, and there is neither a run nor a skip", job->id, time_of(us));
    if (runs + parts > 1 && !job->is_blurred)
      blame("%s: was due at %s, and has %d runs and %d skips", job->id, time_of(us), runs, parts);
  }
}

static void check_no_others(sqlite3 *db, const struct booked *job, struct account *account)
{
  if (account->dues.count)
    qsort(account->dues.us, account->dues.count, sizeof *account->dues.us, compare);
  sqlite3_stmt *row = book_ask(db, "SELECT scheduled_us FROM runs WHERE job = ? AND cause = ?",
                               job->number, RUN_BY_SCHEDULE);
  while (book_step(db, row))
    if (!has(&account->dues, sqlite3_column_int64(row, 0)))
      blame("%s: has a run of %s, when it was not due", job->id,
            time_of(sqlite3_column_int64(row, 0)));
  sqlite3_finalize(row);
  for (size_t i = 0; i < account->skip_count; i++) {
    const struct part *part = &account->skips[i];
    if (part->found != part->count && !job->is_blurred)
      blame("%s: a skip from %s to %s counts %lld, and %lld were due", job->id,
            time_of(part->first_us), time_of(part->last_us), (long long)part->count,
            (long long)part->found);
  }
}

int64_t book_check_dues(sqlite3 *db, const struct booked *job, int64_t cursor_us)
{
  struct account account = {0};
  struct segment present = {job->rule, job->from_us, cursor_us, false};
  if (job->rule.kind == RULE_EVENT)
    return 0; /* see cause.h */
  if (cursor_us == INT64_MAX && job->rule.kind != RULE_DATE)
    blame("%s: has no further due time", job->id);
  read_account(db, job, &account);
  for (int i = 0; i < job->segment_count; i++) {
    struct segment segment = job->segments[i];
    clip(&segment, cursor_us);
    check_segment(job, &account, &segment);
  }
  check_segment(job, &account, &present);
  check_no_others(db, job, &account);
  int64_t count = (int64_t)account.dues.count;
  free(account.runs.us);
  free(account.dues.us);
  free(account.skips);
  return count;
}
