/* Jobs, runs and scripts as JSON, as everybody sees them. See view.c. Private to src/sched. */
#ifndef SCHED_VIEW_H
#define SCHED_VIEW_H

#include "sched/state.h"

void view_put_instant(struct json_writer *writer, const char *key, int64_t us, int64_t none);
/* A value, and a member. */
void view_write_run_id(struct json_writer *writer, const char *job_id, int64_t scheduled_us);
void view_put_run_id(struct json_writer *writer, const char *key, const char *job_id,
                     int64_t scheduled_us);
void view_put_usage(struct json_writer *writer, const struct run_usage *usage);
/* The members of a run, or an object of them; what is in memory about an open one wins. */
void view_run_members(struct sched *s, struct json_writer *writer, const struct run *run,
                      const char *job_id);
void view_run(struct sched *s, struct json_writer *writer, const struct run *run,
              const char *job_id);
void view_job_members(struct sched *s, struct json_writer *writer, const struct job *job,
                      const struct job_progress *progress);
void view_job(struct sched *s, struct json_writer *writer, const struct job *job,
              const struct job_progress *progress);
void view_script(struct json_writer *writer, const struct script_entry *script);

#endif
