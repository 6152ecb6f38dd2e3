/* The directory side of `fs`: what is there, making, removing, renaming.
 *
 * glob and nftw call back without a context: the job of the thread stands in `walking`. */
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

enum {
  NAMES_SIZE_MAX = 16 << 20,
  WALK_FDS = 20,
  BRACES_MAX = 64, /* glob calls itself for each */
  PATTERNS_MAX = 10000,
};

static _Thread_local struct fs_job *walking;

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

static int compare_names(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_names(struct fs_job *job, size_t count)
{
  struct buffer sorted = {0};
  const char **names = memory_alloc((count + 1) * sizeof *names);
  const char *name = job->names.data;
  for (size_t i = 0; i < count; i++, name += strlen(name) + 1)
    names[i] = name;
  qsort(names, count, sizeof *names, compare_names);
  for (size_t i = 0; i < count; i++)
    buffer_append(&sorted, names[i], strlen(names[i]) + 1);
  free(names);
  buffer_deinit(&job->names);
  job->names = sorted;
}

void fs_work_list(struct fs_job *job)
{
  size_t count = 0;
  DIR *folder = opendir(job->path);
  if (!folder) {
    fs_fail(job, errno);
    return;
  }
  for (const struct dirent *entry; !fs_is_cancelled(job) && (errno = 0, entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    append_name(job, entry->d_name);
    count++;
  }
  if (!job->code && errno)
    fs_fail(job, errno);
  closedir(folder);
  if (!job->code)
    sort_names(job, count);
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
  for (size_t at = 0; !fs_is_cancelled(job) && at < all.size; at += strlen(all.data + at) + 1) {
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

/* How many patterns the braces make from here to the end, or of one alternative to the ',' or '}'
 * behind it, which is where *at stands then. What is no brace to glob is counted as one, too. */
static int64_t count_patterns(const char **at, bool is_alternative)
{
  int64_t count = 1;
  for (; **at && !(is_alternative && (**at == ',' || **at == '}')); ++*at) {
    if (**at == '\\' && (*at)[1]) {
      ++*at;
    } else if (**at == '{') {
      int64_t alternatives = 0;
      do {
        ++*at;
        alternatives += count_patterns(at, true);
      } while (**at == ',');
      count = count * alternatives <= PATTERNS_MAX ? count * alternatives : PATTERNS_MAX + 1;
      if (!**at)
        break;
    }
  }
  return count;
}

/* False, with the job failed, for a pattern by which a few bytes would take for ever. */
static bool may_expand(struct fs_job *job, const char *pattern)
{
  int braces = 0;
  for (const char *at = pattern; *at; at++)
    braces += *at == '{';
  if (braces > BRACES_MAX)
    fs_fail_text(job, ERROR_LIMIT, "over the limit of %d braces", BRACES_MAX);
  else if (count_patterns(&pattern, false) > PATTERNS_MAX)
    fs_fail_text(job, ERROR_LIMIT, "its braces make more than %d patterns", PATTERNS_MAX);
  return !job->code;
}

static struct dirent *read_entry(void *folder)
{
  return fs_is_cancelled(walking) ? NULL : readdir(folder);
}

static void *open_folder(const char *path)
{
  return fs_is_cancelled(walking) ? NULL : opendir(path);
}

static void close_folder(void *folder)
{
  closedir(folder);
}

static int look_at(const char *restrict path, struct stat *restrict file)
{
  return fs_is_cancelled(walking) ? -1 : stat(path, file);
}

static int look_at_link(const char *restrict path, struct stat *restrict file)
{
  return fs_is_cancelled(walking) ? -1 : lstat(path, file);
}

void fs_work_glob(struct fs_job *job)
{
  glob_t found = {.gl_opendir = open_folder,
                  .gl_readdir = read_entry,
                  .gl_closedir = close_folder,
                  .gl_stat = look_at,
                  .gl_lstat = look_at_link};
  if (!may_expand(job, job->shown))
    return;
  char *pattern = full_pattern(job->path, job->shown);
  size_t skip = job->shown[0] != '/' && job->path ? strlen(job->path) + 1 : 0;
  walking = job;
  int result = glob(pattern, GLOB_BRACE | GLOB_ALTDIRFUNC, NULL, &found);
  free(pattern);
  if (fs_is_cancelled(job)) {
    /* what was found is not all */
  } else if (result == 0) {
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
  return fs_is_cancelled(walking) ? -1 : remove(path);
}

/* What failed already keeps its reason. */
static void remove_tree(struct fs_job *job)
{
  walking = job;
  if (nftw(job->path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS) != 0 && !job->code)
    fs_fail(job, errno);
}

/* Which the system removes by no such name, and only says so when all that was in it is gone. */
static bool ends_in_dots(const char *path)
{
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/')
    end--;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/')
    begin--;
  return (end - begin == 1 || end - begin == 2) && strncmp(path + begin, "..", end - begin) == 0;
}

void fs_work_remove(struct fs_job *job)
{
  struct stat file;
  char *resolved = realpath(job->path, NULL);
  if (resolved && strcmp(resolved, "/") == 0)
    fs_fail_text(job, ERROR_INVALID, "that is the root of everything");
  else if (!fs_may_move(job, job->path))
    job->code = job->error.code;
  else if (ends_in_dots(job->path))
    fs_fail_text(job, ERROR_INVALID, "its name is . or ..: write that of the folder");
  else if (lstat(job->path, &file) < 0)
    fs_fail(job, errno);
  else if (job->flag && S_ISDIR(file.st_mode))
    remove_tree(job);
  else if (remove(job->path) < 0)
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
