/* What the files that work on files share: saying what failed, and replacing a file. */
#ifndef VM_API_FS_JOB_H
#define VM_API_FS_JOB_H

#include "vm/api_fs_work.h"

/* `VERB PATH: text of the errno` with its code. */
void fs_fail(struct fs_job *job, int system_errno);
/* The same with a text, of 255 bytes at most. */
void fs_fail_text(struct fs_job *job, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True, with the job failed, when it is to stop: asked in each loop. */
bool fs_is_cancelled(struct fs_job *job);

/* False, with the job failed, for databases in use. */
bool fs_may_touch(struct fs_job *job, const char *path);
/* The same, also for folders that hold some. */
bool fs_may_move(struct fs_job *job, const char *path);

/* False with the job failed. */
bool fs_write_all(struct fs_job *job, int fd, const char *data, size_t size);

/* A new file beside the one whose place it will take. */
struct fs_replacement {
  char *target; /* behind links */
  char *temporary;
  int fd;
};

/* `mode` is for a file that is not there yet; one that is keeps its own. False, with the job
 * failed; fs_end_replacement must follow in any case. */
bool fs_begin_replacement(struct fs_job *job, struct fs_replacement *new_file, const char *path,
                          mode_t mode, bool has_mode);

/* Puts it into place, synced, when all of the job went well so far; else removes it. Frees. */
void fs_end_replacement(struct fs_job *job, struct fs_replacement *new_file);

#endif
