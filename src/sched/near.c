/* The near edge: which jobs are in memory.
 *
 * Jobs lie in the store under an index on their due time. Those due within a few minutes are paged
 * in, in order and some thousand at a time, up to an edge (edge_us, edge_number): every active job
 * due at or before the edge is in the heap `near`, none behind it is. A job also stays in memory
 * while it has open runs. So ten million jobs cost disk, not memory, and a start costs one page.
 *
 * What changes a job's progress is written in the turn's transaction, in key order, but for what a
 * claim tells anyway, which is written later (fold.c). */
#include "sched/near.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/cut.h"
#include "sched/fold.h"
#include "sched/pace.h"
#include "sched/queue.h"
#include "sched/turn.h"

struct entry *near_find(struct sched *s, int64_t number)
{
  struct entry *entry;
  HASH_FIND(hh, s->entries, &number, sizeof number, entry);
  return entry;
}

struct entry *near_entry(struct heap_node *due)
{
  return heap_owner(due, struct entry, due);
}

static bool is_near(const struct sched *s, const struct entry *entry)
{
  int64_t us = entry->progress.next_us;
  if (entry->removed || entry->progress.state != JOB_ACTIVE || us == JOB_NEVER)
    return false;
  return us < s->edge_us || (us == s->edge_us && entry->job->number <= s->edge_number);
}

void near_take_place(struct sched *s, struct entry *entry)
{
  if (entry->wait.why != WAIT_NONE) {
    bool is_due = entry->progress.next_us <= s->now_us; /* the clock may have been set back */
    entry->waited_for = is_due ? entry->wait.why : WAIT_NONE;
    wait_end(&entry->wait);
    heap_remove(&entry->lapse);
    queue_release(s, entry->job->number); /* the entry may have waited in its stead */
  }
  entry->due.us = entry->progress.next_us;
  if (is_near(s, entry))
    heap_put(&s->near, &entry->due);
  else if (entry->fold.waits && entry->progress.state == JOB_ACTIVE && !entry->removed &&
           entry->due.us != JOB_NEVER)
    heap_put(&s->beyond, &entry->due);
  else
    heap_remove(&entry->due);
}

static struct entry *insert(struct sched *s, struct job *job, const struct job_progress *progress)
{
  struct entry *entry = memory_alloc(sizeof *entry);
  entry->job = job;
  entry->progress = *progress;
  entry->due.number = entry->lapse.number = job->number;
  HASH_ADD_KEYPTR(hh, s->entries, &entry->job->number, sizeof entry->job->number, entry);
  return entry;
}

void near_note(struct sched *s, struct entry *entry)
{
  if (entry->changed)
    return;
  entry->changed = true;
  if (s->changed_count == s->changed_capacity) {
    s->changed_capacity = s->changed_capacity ? s->changed_capacity * 2 : 256;
    s->changed = memory_resize(s->changed, s->changed_capacity * sizeof(struct entry *));
  }
  s->changed[s->changed_count++] = entry;
}

struct entry *near_add(struct sched *s, struct job *job, const struct job_progress *progress)
{
  struct entry *entry = insert(s, job, progress);
  near_take_place(s, entry);
  near_note(s, entry); /* so that it is let go at the end of the turn */
  return entry;
}

static struct entry *take_over(struct sched *s, struct stored_job *stored)
{
  struct entry *entry = near_find(s, stored->job->number);
  if (!entry) {
    entry = near_add(s, stored->job, &stored->progress);
    stored->job = NULL;
    stored->progress.error = NULL;
  }
  stored_job_deinit(stored);
  return entry;
}

struct entry *near_get(struct sched *s, int64_t number, struct error *error)
{
  struct entry *entry = near_find(s, number);
  struct stored_job stored = {0};
  if (entry || store_load_job(s->store, number, &stored, error))
    return entry;
  return take_over(s, &stored);
}

struct entry *near_get_by_id(struct sched *s, const char *id, struct error *error)
{
  /* Progress that this turn changed is newer in memory than in the store, hence take_over(). */
  struct stored_job stored = {0};
  if (store_find_job(s->store, id, &stored, error))
    return NULL;
  return take_over(s, &stored);
}

void near_counted(struct sched *s, struct entry *entry)
{
  entry->dirty = true;
  near_note(s, entry);
}

void near_changed(struct sched *s, struct entry *entry)
{
  near_take_place(s, entry);
  near_counted(s, entry);
}

void near_moved(struct sched *s, struct entry *entry)
{
  near_take_place(s, entry);
  near_note(s, entry);
}

static void free_entry(struct sched *s, struct entry *entry)
{
  fold_done(s, entry);
  heap_remove(&entry->due);
  heap_remove(&entry->lapse);
  pace_forget(entry);
  HASH_DEL(s->entries, entry);
  job_destroy(entry->job);
  free(entry->progress.error);
  free(entry);
}

static void release(struct sched *s, struct entry *entry)
{
  if (!entry->changed && !entry->due.heap && !entry->fold.waits && entry->open_runs == 0 &&
      !entry->is_throttled)
    free_entry(s, entry);
}

static int by_number(const void *a, const void *b)
{
  int64_t x = (*(struct entry *const *)a)->job->number,
          y = (*(struct entry *const *)b)->job->number;
  return (x > y) - (x < y);
}

/* Those to be written, moved to the front of `changed`; how many. */
static size_t gather_dirty(struct sched *s)
{
  size_t count = 0;
  for (size_t i = 0; i < s->changed_count; i++) {
    struct entry *entry = s->changed[i];
    if (entry->dirty && !entry->removed) {
      s->changed[i] = s->changed[count];
      s->changed[count++] = entry;
    }
  }
  return count;
}

static void write_progress(struct sched *s, const struct entry *entry)
{
  struct error error;
  const struct job *job = entry->job;
  bool is_shown_only = job->is_unreadable && entry->progress.state == JOB_ERROR;
  enum error_code code = is_shown_only
                             ? store_put_unreadable(s->store, job->number, &entry->progress, &error)
                             : store_put_progress(s->store, job->number, &entry->progress, &error);
  sched_failed(s, code, &error);
}

void near_flush(struct sched *s)
{
  size_t count = gather_dirty(s);
  if (count > 1)
    qsort(s->changed, count, sizeof(struct entry *), by_number);
  for (size_t i = 0; i < count && !s->failure; i++) {
    struct entry *entry = s->changed[i];
    entry->dirty = false;
    fold_done(s, entry);
    write_progress(s, entry);
    cut_note(s, entry);
  }
}

struct page {
  struct sched *s;
  size_t read;
  int64_t last_us, last_number;
};

static bool take_due(void *context, struct stored_job *stored)
{
  struct page *page = context;
  page->last_us = stored->progress.next_us;
  page->last_number = stored->job->number;
  struct entry *entry = near_find(page->s, stored->job->number);
  if (!entry) {
    entry = insert(page->s, stored->job, &stored->progress);
    stored->job = NULL;
    stored->progress.error = NULL;
  }
  if (entry->wait.why != WAIT_NONE)
    return ++page->read < page->s->bounds.near_page;
  /* One whose progress is newer than the index takes its place when the edge has moved. */
  if (entry->fold.waits) {
    near_take_place(page->s, entry);
  } else {
    entry->due.us = entry->progress.next_us;
    heap_put(&page->s->near, &entry->due);
  }
  return ++page->read < page->s->bounds.near_page;
}

void near_fill(struct sched *s)
{
  int64_t until_us = s->now_us + s->options.horizon_us;
  bool reaches_far = s->edge_us > INT64_MIN && s->edge_us - s->now_us > s->options.horizon_us / 2;
  if (reaches_far || s->near.count >= s->bounds.near_low)
    return;
  /* What this turn has changed must be in the index before it is read. */
  near_flush(s);
  struct page page = {.s = s};
  struct error error;
  if (s->failure || sched_failed(s,
                                 store_each_due(s->store, s->edge_us, s->edge_number, until_us,
                                                take_due, &page, &error),
                                 &error))
    return;
  bool all = page.read < s->bounds.near_page;
  if (!all)
    sometimes("more jobs are due than a page holds");
  s->edge_us = all ? until_us : page.last_us;
  s->edge_number = all ? INT64_MAX : page.last_number;
  struct heap_node *node;
  while ((node = heap_first(&s->beyond)) &&
         (node->us < s->edge_us || (node->us == s->edge_us && node->number <= s->edge_number)))
    near_take_place(s, near_entry(node));
}

/* Only the first `keep` stay near: the edge moves back to the last of them. */
static void let_go(struct sched *s, size_t keep)
{
  struct heap *near = &s->near;
  size_t count = near->count;
  if (count > keep)
    heap_cut(near, keep);
  s->edge_us = keep ? near->places[keep - 1].us : INT64_MIN;
  s->edge_number = keep ? near->places[keep - 1].number : 0;
  for (size_t i = keep; i < count; i++) {
    struct entry *entry = near_entry(near->places[i].node);
    near_take_place(s, entry);
    near_note(s, entry);
  }
}

void near_commit(struct sched *s)
{
  if (s->near.count > s->bounds.near_max) { /* a burst of new jobs must not fill the memory */
    sometimes("more jobs are near than memory is to hold");
    let_go(s, s->bounds.near_max / 2);
  }
  gates_let_go(s);
  size_t count = s->changed_count;
  s->changed_count = 0;
  for (size_t i = 0; i < count; i++) {
    s->changed[i]->changed = false;
    release(s, s->changed[i]);
  }
}

void near_rewind(struct sched *s)
{
  s->has_held_back = false;
  gates_begin_reading(s);
  let_go(s, 0); /* who stays near while others are not would keep them from being read */
  queues_release(s);
}

void near_hold_back(struct sched *s, struct entry *entry)
{
  heap_remove(&entry->due);
  near_note(s, entry);
  s->has_held_back = true;
}

void near_look_again(struct sched *s)
{
  if (s->has_held_back)
    near_rewind(s);
  else
    queues_release(s);
}

static void read_again(struct sched *s, struct entry *entry)
{
  struct stored_job stored = {0};
  heap_remove(&entry->due);
  heap_remove(&entry->lapse);
  fold_done(s, entry);
  pace_forget(entry);
  if (entry->wait.why != WAIT_NONE)
    entry->waited_for = entry->wait.why;
  wait_end(&entry->wait);
  entry->last_skip.number = 0;
  entry->removed = store_load_job(s->store, entry->job->number, &stored, NULL) != ERROR_OK;
  if (entry->removed)
    return;
  struct job *old_job = entry->job;
  char *old_error = entry->progress.error;
  entry->job = stored.job;
  entry->progress = stored.progress;
  /* The table's key lies in the job. */
  entry->hh.key = &entry->job->number;
  job_destroy(old_job);
  free(old_error);
}

void near_read_again(struct sched *s, struct entry *entry)
{
  if (entry->fold.waits)
    near_counted(s, entry);
  near_flush(s); /* what this turn has changed is read too */
  if (s->failure)
    return;
  read_again(s, entry);
  near_moved(s, entry);
}

void near_free_all(struct sched *s)
{
  struct entry *entry, *next;
  HASH_ITER(hh, s->entries, entry, next)
    free_entry(s, entry);
}

void near_forget(struct sched *s)
{
  struct entry *entry, *next;
  s->changed_count = 0;
  cut_forget(s);
  HASH_ITER(hh, s->entries, entry, next)
    if (entry->open_runs == 0) {
      free_entry(s, entry);
    } else {
      entry->changed = entry->dirty = false;
      read_again(s, entry);
    }
  near_rewind(s);
  fold_recover(s);
}
