/* Progress follows the claims. See fold.c. Private to src/sched. */
#ifndef SCHED_FOLD_H
#define SCHED_FOLD_H

#include "sched/state.h"

/* A claim of this fence and due time has moved the entry's progress. */
void fold_later(struct sched *s, struct entry *entry, int64_t fence, int64_t scheduled_us);
/* An open run, or a claim whose progress is not written, is scheduled then: the store's from_us
 * must not lie above it. */
void fold_lower_watermark(struct sched *s, int64_t scheduled_us);
/* There is an open run that is not marked as lasting: that is looked at when it may be. */
void fold_expect_mark(struct sched *s);
/* The entry's progress was written, or is forgotten. */
void fold_done(struct sched *s, struct entry *entry);
/* Writes the progress of at most `most` jobs, those that have waited since `until_us` at least. */
void fold_step(struct sched *s, size_t most, int64_t until_us);
/* When the one that has waited longest is to be written, or a run marked; INT64_MAX: none is. */
int64_t fold_due_us(const struct sched *s);
/* Writes how far the fold has come, if that has changed. */
void fold_flush(struct sched *s);
/* What the store's progress does not know yet is read from the claims. */
void fold_recover(struct sched *s);

#endif
