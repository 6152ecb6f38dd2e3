/* What a scan meets, compared with what file_known knows. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "sensor/file_entry.h"

/* ---- folders ---- */

/* JSON has no other names than those in UTF-8: the rest is kept and told with escapes. */
static char *make_readable(const char *path)
{
  struct buffer text = {0};
  size_t size = strlen(path);
  if (text_is_utf8(path, size, NULL))
    buffer_append(&text, path, size);
  else
    text_append_visible(&text, path, size);
  return buffer_take(&text);
}

static struct file_folder *add_folder(struct file_known *known, const char *raw_path)
{
  char *path = make_readable(raw_path);
  struct file_folder *folder;
  HASH_FIND_STR(known->scanning, path, folder);
  if (!folder) {
    folder = memory_alloc(sizeof *folder);
    folder->path = path;
    HASH_ADD_KEYPTR(hh, known->scanning, folder->path, strlen(folder->path), folder);
  } else {
    free(path);
  }
  return folder;
}

void file_known_visit_folder(struct file_known *known, const char *path, dev_t device)
{
  add_folder(known, path)->device = device;
}

void file_known_visit_unreadable(struct file_known *known, const char *path)
{
  add_folder(known, path)->is_unreadable = true;
}

bool file_known_is_hidden(const struct file_folder *folders, const char *path)
{
  for (size_t length = strlen(path); length > 0; length--) {
    const struct file_folder *folder;
    if (path[length] && path[length] != '/')
      continue;
    HASH_FIND(hh, folders, path, length, folder);
    if (folder && folder->is_unreadable)
      return true;
  }
  return false;
}

static bool has_device(const struct file_folder *folders, dev_t device)
{
  for (const struct file_folder *folder = folders; folder; folder = folder->hh.next)
    if (folder->device == device && !folder->is_unreadable)
      return true;
  return false;
}

/* ---- visits ---- */

static struct file_stamp make_stamp(const struct stat *st)
{
  return (struct file_stamp){
      .inode = st->st_ino,
      .size = st->st_size,
      .modified_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
      .changed_ns = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
  };
}

static bool was_born_since(const char *path, int64_t since_ns)
{
  struct statx status;
  if (statx(AT_FDCWD, path, 0, STATX_BTIME, &status) != 0 || !(status.stx_mask & STATX_BTIME))
    return true;
  return status.stx_btime.tv_sec * INT64_C(1000000000) + status.stx_btime.tv_nsec >= since_ns;
}

/* Whether a file that no position names, met for the first time, is nothing new. At the first
 * scan of all, only what changed since the watching began is, and before this very moment: what is
 * dated later has been there since before a clock was set back. Later it is new, except where the
 * last scan could not have seen it: then the position decides. */
static bool is_old(const struct file_known *known, const struct file_entry *file)
{
  int64_t ahead_us = file->seen.changed_ns / 1000 - clock_wall_us();
  if (!known->has_scanned && known->is_new)
    return file->seen.changed_ns < known->begun_ns || ahead_us > FILE_GRAIN_US;
  bool could_be_seen = known->has_scanned && has_device(known->folders, file->device) &&
                       !file_known_is_hidden(known->folders, file->path);
  return !could_be_seen && file->seen.changed_ns < known->since_ns;
}

static void meet_new(struct file_known *known, struct file_entry *file)
{
  if (is_old(known, file)) {
    file->state = FILE_KNOWN;
    file->known = file->seen;
  } else {
    int64_t since_ns = known->since_ns;
    if (!known->has_scanned && known->is_new)
      since_ns = known->begun_ns;
    file->is_created = known->has_scanned || since_ns == 0 || was_born_since(file->path, since_ns);
  }
}

static void meet_again(struct file_entry *file)
{
  if (file->state == FILE_RESTORED && file->known.changed_ns == file->seen.changed_ns)
    file->known = file->seen;
  else if (file->is_missing)
    file->is_created = true;
  file->is_missing = false;
  if (file->state == FILE_RESTORED)
    file->state = FILE_KNOWN;
}

/* A file that waits since before the first scan has had its time to settle. */
static int64_t settling_since(const struct file_known *known, const struct file_entry *file)
{
  int64_t age_us = known->moment.wall_us - file->seen.changed_ns / 1000;
  return known->moment.monotonic_us - (known->has_scanned || age_us < 0 ? 0 : age_us);
}

void file_known_visit_file(void *context, const char *raw_path, const struct stat *status,
                           dev_t device)
{
  struct file_known *known = context;
  struct file_stamp stamp = make_stamp(status);
  char *path = make_readable(raw_path);
  size_t before = HASH_COUNT(known->files);
  struct file_entry *file = file_known_add(known, path);
  bool is_first = HASH_COUNT(known->files) > before;
  free(path);
  if (file->is_visited)
    return;
  file->is_visited = true;
  file->device = device;
  if (file_stamps_equal(&file->seen, &stamp))
    return;
  file->seen = stamp;
  file->seen_us = settling_since(known, file);
  if (is_first)
    meet_new(known, file);
  else
    meet_again(file);
  file_known_list(known, file);
}
