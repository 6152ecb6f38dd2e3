/* `moonbeat check`: a scheduler with an empty store in memory loads the job files and claims
 * nothing. Main thread. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "base/buffer.h"
#include "ctl/options.h"

/* Appends {"scripts":[{"name","path","error","jobs":[JOB...]}...]}. Fails only when nothing could
 * be checked at all (no such folder). */
enum error_code check_jobs(const struct daemon_options *options, struct buffer *json,
                           struct error *error);

#endif
