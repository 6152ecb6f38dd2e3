/* Jobs that are added once only: at most one of each key is pending.
 *
 * A job holds its key from when it is added until it is finished or removed: one that is due once
 * until its run is claimed, a recurring one as long as it recurs. Nothing happens when that ends;
 * whoever looks for the key afterwards sees the state of the job, and takes the key over. Likewise
 * when the job is older than the period that the new one gives. */
#include "sched/unique.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/near.h"
#include "sched/turn.h"

/* The row may be of a former job of that id. */
static bool has_key(const struct job *job, const char *key)
{
  struct buffer own = {0};
  bool has = job->unique.key && !job_unique_key(job, &own, NULL) && strcmp(own.data, key) == 0;
  buffer_deinit(&own);
  return has;
}

enum error_code unique_find(struct sched *s, const struct job *job, const char *key,
                            struct entry **pending, struct error *error)
{
  int64_t number, taken_us;
  *pending = NULL;
  enum error_code code = store_find_key(s->store, key, &number, &taken_us, error);
  if (code)
    return code == ERROR_NOT_FOUND ? ERROR_OK : code;
  int64_t age_us = s->now_us - taken_us;
  if (job->unique.period_us != INT64_MAX && age_us >= job->unique.period_us)
    return ERROR_OK;
  struct entry *entry = near_get(s, number, error);
  if (!entry)
    return error->code == ERROR_NOT_FOUND ? ERROR_OK : error->code;
  if (!entry->removed && entry->progress.state != JOB_FINISHED && has_key(entry->job, key))
    *pending = entry;
  return ERROR_OK;
}

void unique_take(struct sched *s, const char *key, const struct entry *entry)
{
  struct error error;
  sched_failed(s, store_take_key(s->store, key, entry->job->number, s->now_us, &error), &error);
}

enum error_code unique_change(struct sched *s, const struct entry *entry, const struct job *changed,
                              struct error *error)
{
  struct buffer key = {0};
  struct entry *pending = NULL;
  enum error_code code = ERROR_OK;
  if (!changed->unique.key && !entry->job->unique.key)
    return ERROR_OK;
  if (changed->unique.key && !(code = job_unique_key(changed, &key, error))) {
    if (entry->progress.state != JOB_FINISHED && has_key(entry->job, key.data))
      goto out; /* it stays with whom it is: with another perhaps, which has taken it over */
    code = unique_find(s, changed, key.data, &pending, error);
  }
  if (!code && pending && pending != entry)
    code = error_set(error, ERROR_EXISTS, "job \"%s\": job \"%s\" has the same unique key",
                     entry->job->id, pending->job->id);
  if (!code && !pending) { /* the key is another, or none */
    sched_failed(s, store_drop_keys(s->store, entry->job->number, error), error);
    if (changed->unique.key)
      unique_take(s, key.data, entry);
  }
out:
  buffer_deinit(&key);
  return code;
}

char *unique_name(struct sched *s, const struct job *job, const char *key)
{
  struct stored_job taken = {0};
  char hash[SCRIPT_VERSION_SIZE];
  script_hash(key, strlen(key), hash);
  char *name = memory_printf("%s-%.8s", job->id, hash);
  if (store_find_job(s->store, name, &taken, NULL))
    return name;
  stored_job_deinit(&taken);
  free(name);
  return memory_printf("%s-%.8s-%llx", job->id, hash, (unsigned long long)s->now_us);
}
