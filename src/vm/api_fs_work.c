/* Reading and writing of `fs`; the directory side is in api_fs_tree.c.
 *
 * A file is replaced by writing another beside it, syncing that, and giving it the name, so that a
 * reader, a crash or a full disk never sees half of it. The other's name begins with a dot, which
 * the watcher of the jobs folder ignores. */
#include "vm/api_fs_work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "vm/api_args.h"
#include "vm/api_fs_job.h"
#include "vm/api_sqlite_files.h"

enum { PART_SIZE = 256 << 10 };

void fs_fail(struct fs_job *job, int system_errno)
{
  job->code = error_set_errno(&job->error, error_from_errno(system_errno), system_errno, "%s %s",
                              job->verb, job->shown);
}

void fs_fail_text(struct fs_job *job, enum error_code code, const char *format, ...)
{
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  job->code = error_set(&job->error, code, "%s %s: %s", job->verb, job->shown, text);
}

bool fs_is_cancelled(struct fs_job *job)
{
  if (!job->code && atomic_load_explicit(&job->is_cancelled, memory_order_relaxed))
    fs_fail_text(job, ERROR_CANCELLED, "given up");
  return job->code != ERROR_OK;
}

void fs_job_deinit(struct fs_job *job)
{
  free(job->path);
  free(job->shown);
  free(job->path_to);
  free(job->shown_to);
  buffer_deinit(&job->data);
  buffer_deinit(&job->names);
}

static bool is_allowed(struct fs_job *job, enum error_code code)
{
  job->code = code;
  if (code)
    error_prefix(&job->error, "%s %s", job->verb, job->shown);
  return !code;
}

bool fs_may_touch(struct fs_job *job, const char *path)
{
  return is_allowed(job, sqlite_files_check(path, &job->error));
}

bool fs_may_move(struct fs_job *job, const char *path)
{
  return is_allowed(job, sqlite_files_check_move(path, &job->error));
}

/* Opens what can be read to its end without waiting for somebody. */
static int open_for_reading(struct fs_job *job, struct stat *file)
{
  if (!fs_may_touch(job, job->path))
    return -1;
  int fd = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat(fd, file) < 0) {
    fs_fail(job, errno);
  } else if (S_ISDIR(file->st_mode)) {
    fs_fail(job, EISDIR);
  } else if (S_ISFIFO(file->st_mode) || S_ISSOCK(file->st_mode)) {
    fs_fail_text(job, ERROR_INVALID, "it is a pipe or a socket, which could be waited for forever");
  } else {
    return fd;
  }
  if (fd >= 0)
    close(fd);
  return -1;
}

/* Until the end or `limit` bytes. */
static bool read_all(struct fs_job *job, int fd, size_t limit)
{
  while (job->data.size < limit && !fs_is_cancelled(job)) {
    size_t want = limit - job->data.size < PART_SIZE ? limit - job->data.size : PART_SIZE;
    buffer_reserve(&job->data, want);
    ssize_t size = read(fd, job->data.data + job->data.size, want);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return fs_fail(job, errno), false;
    if (size == 0)
      break;
    job->data.size += (size_t)size;
    job->data.data[job->data.size] = '\0';
  }
  return !job->code;
}

void fs_work_read(struct fs_job *job)
{
  static const char too_large[] =
      "over the limit of 64 MiB at once; read it in parts with offset and size";
  struct stat file;
  int fd = open_for_reading(job, &file);
  if (fd < 0)
    return;
  bool is_bounded = job->size >= 0;
  size_t limit = is_bounded && job->size <= FS_SIZE_MAX ? (size_t)job->size : FS_SIZE_MAX + 1;
  if (S_ISREG(file.st_mode) && !is_bounded && file.st_size - job->offset > FS_SIZE_MAX)
    fs_fail_text(job, ERROR_LIMIT, too_large);
  else if (job->offset > 0 && lseek(fd, job->offset, SEEK_SET) < 0)
    fs_fail(job, errno);
  else if (read_all(job, fd, limit) && job->data.size > FS_SIZE_MAX)
    fs_fail_text(job, ERROR_LIMIT, too_large);
  close(fd);
}

bool fs_write_all(struct fs_job *job, int fd, const char *data, size_t size)
{
  while (size > 0 && !fs_is_cancelled(job)) {
    ssize_t done = write(fd, data, size);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return fs_fail(job, errno), false;
    data += done;
    size -= (size_t)done;
  }
  return !job->code;
}

/* ---- replacing ---- */

static char *temporary_name(const char *target)
{
  static atomic_uint count;
  const char *slash = strrchr(target, '/');
  int folder_size = slash ? (int)(slash - target) + 1 : 0;
  return memory_printf("%.*s.%.200s.%d-%u.tmp", folder_size, target, target + folder_size,
                       process_id(), atomic_fetch_add(&count, 1));
}

bool fs_begin_replacement(struct fs_job *job, struct fs_replacement *new_file, const char *path,
                          mode_t mode, bool has_mode)
{
  struct stat old;
  char *resolved = realpath(path, NULL);
  *new_file =
      (struct fs_replacement){.target = resolved ? resolved : memory_strdup(path), .fd = -1};
  bool is_there = stat(path, &old) == 0;
  if (is_there && !S_ISREG(old.st_mode)) {
    fs_fail_text(job, S_ISDIR(old.st_mode) ? ERROR_EXISTS : ERROR_INVALID,
                 S_ISDIR(old.st_mode) ? "it is a directory" : "it is not a regular file");
    return false;
  }
  if (!fs_may_touch(job, path))
    return false;
  new_file->temporary = temporary_name(new_file->target);
  new_file->fd =
      open(new_file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, has_mode ? mode : 0666);
  if (new_file->fd < 0)
    return fs_fail(job, errno), false;
  if (is_there || has_mode)
    fchmod(new_file->fd, is_there ? old.st_mode & 07777 : mode);
  return true;
}

static void sync_folder_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  char *folder = slash ? memory_copy(path, (size_t)(slash - path) + 1) : memory_strdup(".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(folder);
}

void fs_end_replacement(struct fs_job *job, struct fs_replacement *new_file)
{
  if (new_file->fd >= 0) {
    if (!job->code && fsync(new_file->fd) < 0)
      fs_fail(job, errno);
    if (close(new_file->fd) < 0 && !job->code)
      fs_fail(job, errno);
    if (!job->code && !fs_is_cancelled(job) && rename(new_file->temporary, new_file->target) < 0)
      fs_fail(job, errno);
    if (job->code)
      unlink(new_file->temporary);
    else
      sync_folder_of(new_file->target);
  }
  free(new_file->target);
  free(new_file->temporary);
}

void fs_work_write(struct fs_job *job)
{
  struct fs_replacement new_file;
  if (fs_begin_replacement(job, &new_file, job->path, (mode_t)job->mode, job->mode >= 0))
    fs_write_all(job, new_file.fd, job->data.data, job->data.size);
  fs_end_replacement(job, &new_file);
}

void fs_work_append(struct fs_job *job)
{
  if (!fs_may_touch(job, job->path))
    return;
  int fd = open(job->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
  if (fd < 0) {
    fs_fail(job, errno);
    return;
  }
  fs_write_all(job, fd, job->data.data, job->data.size);
  if (close(fd) < 0 && !job->code)
    fs_fail(job, errno);
}

static void copy_bytes(struct fs_job *job, int from, int to)
{
  char *part = memory_alloc(PART_SIZE);
  while (!fs_is_cancelled(job)) {
    ssize_t size = read(from, part, PART_SIZE);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      fs_fail(job, errno);
    if (size <= 0 || !fs_write_all(job, to, part, (size_t)size))
      break;
  }
  free(part);
}

void fs_work_copy(struct fs_job *job)
{
  struct stat file;
  struct fs_replacement new_file;
  int from = open_for_reading(job, &file);
  if (from < 0)
    return;
  char *shown = job->shown;
  job->shown = memory_printf("%s to %s", shown, job->shown_to);
  free(shown);
  if (fs_begin_replacement(job, &new_file, job->path_to, file.st_mode & 07777, true))
    copy_bytes(job, from, new_file.fd);
  fs_end_replacement(job, &new_file);
  close(from);
}
