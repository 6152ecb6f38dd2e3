/* What the two halves of `fs` work share: saying what failed. */
#ifndef VM_API_FS_JOB_H
#define VM_API_FS_JOB_H

#include "vm/api_fs_work.h"

/* `VERB PATH: text of the errno` with its code. */
void fs_fail(struct fs_job *job, int system_errno);
void fs_fail_text(struct fs_job *job, enum error_code code, const char *text);

/* False, with the job failed, for databases in use. */
bool fs_may_touch(struct fs_job *job, const char *path);

#endif
