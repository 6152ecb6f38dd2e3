/* What `fs` does to files: plain blocking functions, for a thread that may block. Each takes a job,
 * fills in its result, and fails with `VERB PATH: reason`, the path as a person wrote it. One that
 * is cancelled meanwhile fails soon, and puts nothing into its place. No Lua. */
#ifndef VM_API_FS_WORK_H
#define VM_API_FS_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"

enum { FS_SIZE_MAX = 64 << 20 };

struct fs_job {
  const char *verb; /* "read" */
  char *path, *shown;
  char *path_to, *shown_to; /* rename, copy */
  int64_t offset, size;     /* read; size -1: to the end */
  int32_t mode;             /* write; -1: as the system makes files */
  bool flag;                /* stat: not followed; mkdir: parents; remove: recursive */
  struct buffer data;       /* what is written, or what was read */
  struct buffer names;      /* list, glob: each with its NUL, sorted */
  struct stat stat;
  bool exists;
  atomic_bool is_cancelled; /* by any thread */
  enum error_code code;
  struct error error;
};

void fs_work_read(struct fs_job *job);
void fs_work_write(struct fs_job *job);
void fs_work_append(struct fs_job *job);
void fs_work_exists(struct fs_job *job);
void fs_work_stat(struct fs_job *job);
void fs_work_list(struct fs_job *job);
/* As list, and the links, files and folders themselves: `data` is one struct stat for each name.
 * What goes meanwhile is left out. */
void fs_work_entries(struct fs_job *job);
void fs_work_glob(struct fs_job *job); /* path is the folder, shown the pattern */
void fs_work_mkdir(struct fs_job *job);
void fs_work_remove(struct fs_job *job);
void fs_work_rename(struct fs_job *job);
void fs_work_copy(struct fs_job *job);
void fs_work_tempdir(struct fs_job *job); /* the path is the one name */

/* Frees what the job holds. */
void fs_job_deinit(struct fs_job *job);

#endif
