/* Who waits at gates and for rates, and is too far back to be kept in memory. When so many wait, in
 * each heap those who would be tried last are let go: they are due, so the store's index has them,
 * and they are read again when their turn comes. A gate knows the first of its own (`gone_us`), and
 * nobody who comes behind that one passes before; of the others a moment is known (`look_us`): when
 * one that waits for a rate is to be tried, or the grace of one is over.
 *
 * To be read again is to be read with all that is due, page by page, while the gates stay closed to
 * all behind the first who was gone, so that their order is kept. So it is done when those who were
 * kept are through, or, for a grace, once in a while. Scheduler thread. */
#include "sched/gate.h"

#include "base/memory.h"
#include "base/sometimes.h"
#include "sched/gate_internal.h"
#include "sched/near.h"
#include "sched/queue.h"

#define GRACE_LOOK_US (60 * INT64_C(1000000))

static void look_at(struct sched *s, int64_t us)
{
  if (us < s->look_us)
    s->look_us = us;
}

void gate_look_again(struct sched *s)
{
  look_at(s, s->now_us);
}

/* Not before all that is due was read for once: jobs that wait for nothing may lie behind. */
void gates_look_again(struct sched *s)
{
  if (s->look_us <= s->now_us && s->edge_us > s->now_us)
    near_rewind(s);
}

/* Only who is due is found again, and who waits for events is no more than they are. */
static bool may_go(struct sched *s, const struct entry *entry)
{
  return entry->wait.why != WAIT_OVERLAP && entry->open_runs == 0 &&
         entry->progress.next_us <= s->now_us && queue_count(s, entry->job->number) == 0;
}

static void let_go(struct sched *s, struct entry *entry)
{
  if (entry->lapse.heap)
    look_at(s, entry->lapse.us > s->now_us + GRACE_LOOK_US ? entry->lapse.us
                                                           : s->now_us + GRACE_LOOK_US);
  heap_remove(&entry->lapse);
  wait_end(&entry->wait);
  near_note(s, entry);
}

/* All but the first `keep`; where the first of those lies, INT64_MAX: none went. */
static int64_t cut(struct sched *s, struct heap *heap, size_t keep)
{
  size_t count = heap->count;
  int64_t first_us = INT64_MAX;
  if (count <= keep)
    return first_us;
  heap_cut(heap, keep);
  for (size_t i = keep; i < count; i++) {
    struct entry *entry = near_entry(heap->places[i].node);
    if (!may_go(s, entry)) {
      heap_put(heap, &entry->due); /* behind the first, in a place that was looked at */
      continue;
    }
    if (first_us == INT64_MAX)
      first_us = entry->due.us;
    let_go(s, entry);
  }
  return first_us;
}

static size_t count_waiting(const struct sched *s)
{
  size_t count = s->paced.count;
  for (const struct gate *gate = s->gates; gate; gate = gate->hh.next)
    count += gate->waiting.entries.count;
  return count;
}

static void cut_all(struct sched *s, size_t keep)
{
  look_at(s, cut(s, &s->paced, keep));
  for (struct gate *gate = s->gates; gate; gate = gate->hh.next) {
    int64_t gone_us = cut(s, &gate->waiting.entries, keep);
    if (gone_us < gate->gone_us)
      gate->gone_us = gone_us;
    if (gone_us < gate->gone_again_us)
      gate->gone_again_us = gone_us;
  }
}

void gates_let_go(struct sched *s)
{
  size_t most =
      s->at_gates_most > s->bounds.at_gates_max ? s->at_gates_most : s->bounds.at_gates_max;
  if (HASH_COUNT(s->entries) - s->near.count <= most || count_waiting(s) <= most)
    return;
  sometimes("who waits far back is let go");
  for (size_t keep = s->bounds.at_gates_max / 2;
       keep > 0 && count_waiting(s) > s->bounds.at_gates_max / 2; keep /= 2)
    cut_all(s, keep);
  s->at_gates_most = 2 * count_waiting(s); /* of whom none may go, for all that is known */
}

void gates_begin_reading(struct sched *s)
{
  s->look_us = INT64_MAX;
  s->is_reading_again = true;
  for (struct gate *gate = s->gates; gate; gate = gate->hh.next)
    gate->gone_again_us = INT64_MAX;
}

/* Who was let go before is in memory, or was let go once more. A place that came free meanwhile
 * was kept for them. */
void gates_end_reading(struct sched *s)
{
  if (!s->is_reading_again || s->edge_us <= s->now_us)
    return;
  s->is_reading_again = false;
  for (struct gate *gate = s->gates; gate; gate = gate->hh.next) {
    if (gate->gone_us == INT64_MAX)
      continue;
    gate->gone_us = gate->gone_again_us;
    gate_stir(s, gate);
  }
}
