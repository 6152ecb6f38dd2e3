#include "vm/api_fs_tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sensor/file_scan.h"

struct file {
  char *path; /* the key */
  struct stat stat;
  unsigned seen; /* in which look */
  UT_hash_handle hh;
};

struct fs_tally {
  char *path;
  bool is_pattern, is_deep;
  struct file *files; /* a hash by path */
  unsigned looks;
  struct buffer unreadable; /* in the look under way: paths with their NULs */
  struct fs_look *look;
  size_t capacity; /* of look->changes */
};

struct fs_tally *fs_tally_create(const char *path, bool is_pattern, bool is_deep)
{
  struct fs_tally *tally = memory_alloc(sizeof *tally);
  tally->path = memory_strdup(path);
  tally->is_pattern = is_pattern;
  tally->is_deep = is_deep;
  return tally;
}

static void drop(struct fs_tally *tally, struct file *file)
{
  HASH_DEL(tally->files, file);
  free(file->path);
  free(file);
}

void fs_tally_destroy(struct fs_tally *tally)
{
  struct file *file, *next;
  HASH_ITER(hh, tally->files, file, next)
    drop(tally, file);
  buffer_deinit(&tally->unreadable);
  free(tally->path);
  free(tally);
}

void fs_look_deinit(struct fs_look *look)
{
  for (size_t i = 0; i < look->count; i++)
    free(look->changes[i].path);
  free(look->changes);
  buffer_deinit(&look->folders);
}

static void note(struct fs_tally *tally, const struct file *file, const char *what)
{
  struct fs_look *look = tally->look;
  if (tally->looks == 1)
    return; /* how it was when the watching began */
  if (look->count == tally->capacity) {
    tally->capacity = tally->capacity ? tally->capacity * 2 : 16;
    look->changes = memory_resize(look->changes, tally->capacity * sizeof *look->changes);
  }
  look->changes[look->count++] =
      (struct fs_change){.path = memory_strdup(file->path), .what = what, .stat = file->stat};
}

static bool is_as_it_was(const struct stat *a, const struct stat *b)
{
  return a->st_ino == b->st_ino && a->st_size == b->st_size &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
         a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* ---- visits ---- */

static void visit_file(void *context, const char *path, const struct stat *status, dev_t device)
{
  struct fs_tally *tally = context;
  struct file *file;
  (void)device;
  HASH_FIND_STR(tally->files, path, file);
  bool is_new = !file;
  if (is_new) {
    file = memory_alloc(sizeof *file);
    file->path = memory_strdup(path);
    HASH_ADD_KEYPTR(hh, tally->files, file->path, strlen(file->path), file);
  }
  bool has_changed = !is_new && !is_as_it_was(&file->stat, status);
  file->stat = *status;
  if (is_new || has_changed)
    note(tally, file, is_new ? "created" : "changed");
  file->seen = tally->looks;
}

static void visit_folder(void *context, const char *path, dev_t device, const char *only)
{
  struct buffer *folders = &((struct fs_tally *)context)->look->folders;
  (void)device;
  buffer_append(folders, path, strlen(path) + 1);
  buffer_append(folders, only ? only : "", only ? strlen(only) + 1 : 1);
}

static void visit_unreadable(void *context, const char *path, int reason)
{
  (void)reason;
  buffer_append(&((struct fs_tally *)context)->unreadable, path, strlen(path) + 1);
}

static bool is_out_of_sight(const struct fs_tally *tally, const char *path)
{
  const struct buffer *unreadable = &tally->unreadable;
  for (size_t at = 0; at < unreadable->size; at += strlen(unreadable->data + at) + 1) {
    size_t size = strlen(unreadable->data + at);
    if (strncmp(path, unreadable->data + at, size) == 0 && (!path[size] || path[size] == '/'))
      return true;
  }
  return false;
}

static void drop_unseen(struct fs_tally *tally)
{
  struct file *file, *next;
  HASH_ITER(hh, tally->files, file, next) {
    if (file->seen == tally->looks || is_out_of_sight(tally, file->path))
      continue;
    note(tally, file, "removed");
    drop(tally, file);
  }
}

/* ---- the look ---- */

/* `path` with wildcards taken as they are, and what counts in the folder behind it. */
static char *pattern_of(const struct fs_tally *tally)
{
  struct stat status;
  struct buffer pattern = {0};
  if (tally->is_pattern)
    return memory_strdup(tally->path);
  for (const char *at = tally->path; *at; at++) {
    if (strchr("*?[]\\", *at))
      buffer_append_byte(&pattern, '\\');
    buffer_append_byte(&pattern, *at);
  }
  if (stat(tally->path, &status) == 0 && S_ISDIR(status.st_mode))
    buffer_append_text(&pattern, tally->is_deep ? "/**" : "/*");
  return buffer_take(&pattern);
}

static int compare_paths(const void *a, const void *b)
{
  return strcmp(((const struct fs_change *)a)->path, ((const struct fs_change *)b)->path);
}

void fs_tally_look(struct fs_tally *tally, struct fs_look *look)
{
  struct file_scan_visitor visitor = {.file = visit_file,
                                      .folder = visit_folder,
                                      .unreadable = visit_unreadable,
                                      .stop = &look->is_cancelled,
                                      .context = tally};
  char *pattern = pattern_of(tally);
  tally->looks++;
  tally->look = look;
  tally->capacity = 0;
  buffer_clear(&tally->unreadable);
  look->code = file_scan(pattern, &visitor, &look->error);
  if (!look->code)
    drop_unseen(tally);
  if (look->count > 0)
    qsort(look->changes, look->count, sizeof *look->changes, compare_paths);
  free(pattern);
}
