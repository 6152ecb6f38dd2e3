/* The parts of reading a job: job_read.c, job_option.c, job_command.c. Private to src/model. */
#ifndef MODEL_JOB_INTERNAL_H
#define MODEL_JOB_INTERNAL_H

#include "model/job.h"

char *job_json_to_text(const struct json *value);

/* All options, each for itself; "trigger" and "timezone" are left to the caller. */
enum error_code job_read_options(struct job *job, const struct json *spec, struct error *error);
/* Policies that contradict each other, once it is known what runs. */
enum error_code job_check_options(const struct job *job, const struct json *spec,
                                  struct error *error);
/* What is in `run`, a command that job_read_options() has taken, can be run. */
enum error_code job_check_command(const struct json *run, struct error *error);
/* Defaults that depend on other options; after the check. */
void job_settle_options(struct job *job);

#endif
