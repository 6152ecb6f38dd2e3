/* What a person should know of a job before it runs: its time may have passed already, by a year
 * that was mistyped, and it would run at once. Any thread. */
#ifndef CTL_JOB_WARNING_H
#define CTL_JOB_WARNING_H

#include "base/json.h"

/* Of a job as the daemon shows it, at the time `now_us`; heap, NULL: there is nothing to say. */
char *job_warning(const struct json *job, int64_t now_us);

/* Writes the job with that as its member "warning", which is absent when there is nothing. */
void job_warning_put(struct json_writer *writer, const struct json *job, int64_t now_us);

#endif
