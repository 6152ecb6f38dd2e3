/* Who waits for what, who follows which calendar, who uses which pool. See topic.c. Private to
 * src/sched. */
#ifndef SCHED_TOPIC_H
#define SCHED_TOPIC_H

#include "sched/state.h"

struct topic {
  char *key;
  int64_t *jobs; /* numbers, in `size` slots, some of which are empty: 0 */
  size_t count, size;
  size_t next_out; /* where the search for the next one that goes begins */
  bool told;       /* the front has a sensor for it */
  char *problem;   /* why the sensor sees nothing at present; NULL: it does */
  UT_hash_handle hh;
};

#define topic_each(number, topic)                                                                  \
  for (size_t slot_ = 0; (topic) && slot_ < (topic)->size; slot_++)                                \
    for (int64_t number = (topic)->jobs[slot_]; number; number = 0)

/* NULL when no job waits for it. */
struct topic *topic_find(const struct sched *s, const char *key);
struct topic *topic_of_calendar(const struct sched *s, const char *name);
struct topic *topic_of_pool(const struct sched *s, const char *name);
/* The job's sources, calendars and pool are noted, or forgotten, in memory and store. What is
 * forgotten is what was noted, whether or not the job is there and can be read. */
void topic_subscribe(struct sched *s, const struct job *job);
void topic_unsubscribe(struct sched *s, int64_t job);
/* The job stands under a key that no trigger has, until it is unsubscribed or the key is cleared.
 */
void topic_note(struct sched *s, const char *key, int64_t job);
void topic_clear(struct sched *s, const char *key);
/* The job used another pool before (NULL: none), and all else is the same. */
void topic_change_pool(struct sched *s, const struct job *job, const char *before);
void topic_sensed(struct sched *s, const struct message *message);
void topics_recover(struct sched *s); /* as the store has them */
void topics_flush(struct sched *s);   /* before that: what nobody waits for is forgotten */
void topics_commit(struct sched *s);  /* the turn was committed: the front follows */
void topics_free_all(struct sched *s);

#endif
