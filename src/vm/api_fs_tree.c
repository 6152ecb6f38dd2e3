/* The directory side of `fs`: what is there, making, removing, renaming. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/temporary.h"
#include "vm/api_fs_job.h"
#include "vm/api_fs_work.h"

enum { NAMES_SIZE_MAX = 16 << 20, WALK_FDS = 20 };

static bool is_missing(int system_errno)
{
  return system_errno == ENOENT || system_errno == ENOTDIR;
}

void fs_work_exists(struct fs_job *job)
{
  job->exists = stat(job->path, &job->stat) == 0;
  if (!job->exists && !is_missing(errno))
    fs_fail(job, errno);
}

void fs_work_stat(struct fs_job *job)
{
  if ((job->flag ? lstat : stat)(job->path, &job->stat) < 0)
    fs_fail(job, errno);
}

static void append_name(struct fs_job *job, const char *name)
{
  if (job->names.size > NAMES_SIZE_MAX)
    fs_fail_text(job, ERROR_LIMIT, "over the limit of 16 MiB of names");
  else
    buffer_append(&job->names, name, strlen(name) + 1);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

void fs_work_list(struct fs_job *job)
{
  struct dirent **entries;
  int count = scandir(job->path, &entries, NULL, compare_names);
  if (count < 0) {
    fs_fail(job, errno);
    return;
  }
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name;
    if (!job->code && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
      append_name(job, name);
    free(entries[i]);
  }
  free(entries);
}

void fs_work_entries(struct fs_job *job)
{
  struct buffer all = {0};
  struct stat status;
  fs_work_list(job);
  int folder = job->code ? -1 : open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!job->code && folder < 0)
    fs_fail(job, errno);
  all = job->names;
  job->names = (struct buffer){0};
  for (size_t at = 0; !job->code && at < all.size; at += strlen(all.data + at) + 1) {
    if (fstatat(folder, all.data + at, &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    append_name(job, all.data + at);
    buffer_append(&job->data, &status, sizeof status);
  }
  if (folder >= 0)
    close(folder);
  buffer_deinit(&all);
}

/* The pattern behind the folder, whose own characters mean only themselves. */
static char *full_pattern(const char *folder, const char *pattern)
{
  struct buffer full = {0};
  if (pattern[0] != '/' && folder) {
    for (; *folder; folder++) {
      if (strchr("*?[]{}\\", *folder))
        buffer_append_byte(&full, '\\');
      buffer_append_byte(&full, *folder);
    }
    buffer_append_byte(&full, '/');
  }
  buffer_append_text(&full, pattern);
  return buffer_take(&full);
}

void fs_work_glob(struct fs_job *job)
{
  glob_t found;
  char *pattern = full_pattern(job->path, job->shown);
  size_t skip = job->shown[0] != '/' && job->path ? strlen(job->path) + 1 : 0;
  int result = glob(pattern, GLOB_BRACE, NULL, &found);
  free(pattern);
  if (result == 0) {
    for (size_t i = 0; i < found.gl_pathc && !job->code; i++)
      append_name(job, found.gl_pathv[i] + skip);
  } else if (result != GLOB_NOMATCH) {
    fs_fail(job, result == GLOB_NOSPACE ? ENOMEM : EIO);
  }
  globfree(&found);
}

static bool is_directory(const char *path)
{
  struct stat file;
  return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

/* Makes those above `path`, which is cut and mended on the way. */
static bool make_parents(char *path)
{
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    bool is_there = mkdir(path, 0777) == 0 || errno == EEXIST || is_directory(path);
    *slash = '/';
    if (!is_there)
      return false;
  }
  return true;
}

void fs_work_mkdir(struct fs_job *job)
{
  if (job->flag && !make_parents(job->path))
    fs_fail(job, errno);
  else if (mkdir(job->path, 0777) < 0 && !(job->flag && errno == EEXIST && is_directory(job->path)))
    fs_fail(job, job->flag && errno == EEXIST ? ENOTDIR : errno);
}

static int remove_entry(const char *path, const struct stat *file, int type, struct FTW *walk)
{
  (void)file, (void)type, (void)walk;
  return remove(path);
}

void fs_work_remove(struct fs_job *job)
{
  struct stat file;
  char *resolved = realpath(job->path, NULL);
  if (resolved && strcmp(resolved, "/") == 0)
    fs_fail_text(job, ERROR_INVALID, "that is the root of everything");
  else if (!fs_may_move(job, job->path))
    job->code = job->error.code;
  else if (lstat(job->path, &file) < 0)
    fs_fail(job, errno);
  else if (job->flag && S_ISDIR(file.st_mode)
               ? nftw(job->path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS) != 0
               : remove(job->path) < 0)
    fs_fail(job, errno);
  free(resolved);
}

void fs_work_rename(struct fs_job *job)
{
  char *shown = job->shown;
  job->shown = memory_printf("%s to %s", shown, job->shown_to);
  free(shown);
  if (fs_may_move(job, job->path) && fs_may_move(job, job->path_to) &&
      rename(job->path, job->path_to) < 0)
    fs_fail(job, errno);
}

void fs_work_tempdir(struct fs_job *job)
{
  const char *base = getenv("TMPDIR");
  char *path = memory_printf("%s/moonbeat-XXXXXX", base && *base ? base : "/tmp");
  free(job->shown);
  job->shown = memory_strdup(path);
  if (temporary_folder(path))
    append_name(job, path);
  else
    fs_fail(job, errno);
  free(path);
}
