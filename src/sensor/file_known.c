#include "sensor/file_known.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "sensor/file_entry.h"
#include "time/instant.h"

enum {
  GRAIN_US = 20 * 1000, /* file times stand still for up to so long: a second write may not show */
  AWAY_MAX = 10000,     /* files kept of folders that are not there */
};

/* ---- entries ---- */

struct file_entry *file_known_add(struct file_known *known, const char *path)
{
  struct file_entry *file;
  HASH_FIND_STR(known->files, path, file);
  if (file)
    return file;
  file = memory_alloc(sizeof *file);
  file->path = memory_strdup(path);
  HASH_ADD_KEYPTR(hh, known->files, file->path, strlen(file->path), file);
  return file;
}

static void drop(struct file_known *known, struct file_entry *file)
{
  HASH_DEL(known->files, file);
  free(file->path);
  free(file);
}

static void drop_folders(struct file_folder **folders)
{
  struct file_folder *folder, *next;
  HASH_ITER(hh, *folders, folder, next) {
    HASH_DEL(*folders, folder);
    free(folder->path);
    free(folder);
  }
}

struct file_known *file_known_create(const char *position)
{
  struct file_known *known = memory_alloc(sizeof *known);
  known->is_new = true;
  if (position)
    file_known_restore(known, position);
  return known;
}

void file_known_destroy(struct file_known *known)
{
  struct file_entry *file, *next;
  HASH_ITER(hh, known->files, file, next)
    drop(known, file);
  drop_folders(&known->folders);
  drop_folders(&known->scanning);
  free(known);
}

bool file_known_is_new(const struct file_known *known)
{
  return known->is_new;
}

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

static const struct file_folder *folder_of(const struct file_folder *folders, const char *path)
{
  const struct file_folder *folder;
  const char *slash = strrchr(path, '/');
  if (slash == path)
    HASH_FIND(hh, folders, "/", 1, folder);
  else
    HASH_FIND(hh, folders, path, (size_t)(slash - path), folder);
  return folder;
}

/* Whether the path, or a folder that it lies in, could not be looked at. */
static bool is_hidden(const struct file_folder *folders, const char *path)
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

/* Whether a file that no position names, met for the first time, is nothing new. When the watching
 * begins, only what changed this very moment is: it may go on changing with the same time. Later it
 * is new, except where the last scan could not have seen it: then the position decides. */
static bool is_old(const struct file_known *known, const struct file_entry *file)
{
  int64_t age_us = known->moment.wall_us - file->seen.changed_ns / 1000;
  if (!known->has_scanned && known->is_new)
    return age_us > GRAIN_US || age_us < -GRAIN_US;
  bool could_be_seen = known->has_scanned && has_device(known->folders, file->device) &&
                       !is_hidden(known->folders, file->path);
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
      since_ns = (known->moment.wall_us - GRAIN_US) * 1000;
    file->is_created = known->has_scanned || since_ns == 0 || was_born_since(file->path, since_ns);
  }
}

static void meet_again(struct file_entry *file)
{
  if (file->state == FILE_RESTORED && file->known.changed_ns == file->seen.changed_ns)
    file->known = file->seen;
  else if (file->is_away)
    file->is_created = true;
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
}

void file_known_begin(struct file_known *known, const struct file_moment *moment)
{
  known->moment = *moment;
  for (struct file_entry *file = known->files; file; file = file->hh.next)
    file->is_visited = false;
}

void file_known_abandon(struct file_known *known)
{
  drop_folders(&known->scanning);
}

/* Whether it was looked for where it used to be, and is not there. */
static bool is_deleted(const struct file_known *known, const struct file_entry *file)
{
  const struct file_folder *folder = folder_of(known->scanning, file->path);
  if (!folder || is_hidden(known->scanning, file->path))
    return false;
  /* Where a restored file's folder was mounted is not known. */
  return file->state != FILE_RESTORED && (file->device == 0 || file->device == folder->device);
}

void file_known_end(struct file_known *known)
{
  struct file_entry *file, *next;
  size_t away = 0;
  bool is_whole = true;
  HASH_ITER(hh, known->files, file, next) {
    file->is_away = !file->is_visited;
    if (file->is_away && (is_deleted(known, file) || ++away > AWAY_MAX))
      drop(known, file);
  }
  for (struct file_folder *folder = known->scanning; folder; folder = folder->hh.next)
    is_whole = is_whole && !folder->is_unreadable;
  if (known->is_new && !known->has_scanned && !is_whole)
    known->since_ns = (known->moment.wall_us - GRAIN_US) * 1000;
  drop_folders(&known->folders);
  known->folders = known->scanning;
  known->scanning = NULL;
  known->has_scanned = true;
}

/* ---- what has settled ---- */

static int64_t settles_at(const struct file_entry *file, int64_t settle_us)
{
  return file->seen_us + (settle_us > GRAIN_US ? settle_us : GRAIN_US);
}

int64_t file_known_settles_at_us(const struct file_known *known, int64_t settle_us)
{
  int64_t first_us = INT64_MAX;
  for (const struct file_entry *file = known->files; file; file = file->hh.next)
    if (file_entry_is_pending(file) && file->is_visited && settles_at(file, settle_us) < first_us)
      first_us = settles_at(file, settle_us);
  return first_us;
}

static int compare_change(const void *a, const void *b)
{
  const struct file_entry *x = *(struct file_entry *const *)a;
  const struct file_entry *y = *(struct file_entry *const *)b;
  if (x->seen.changed_ns != y->seen.changed_ns)
    return x->seen.changed_ns < y->seen.changed_ns ? -1 : 1;
  return strcmp(x->path, y->path);
}

static void put_event(struct json_writer *writer, const struct file_entry *file)
{
  char modified[INSTANT_TEXT_SIZE];
  int64_t ns = file->seen.modified_ns;
  instant_format(modified, ns / 1000 - (ns % 1000 < 0));
  json_begin_object(writer);
  json_put_text(writer, "path", file->path);
  json_put_text(writer, "change", file->is_created ? "created" : "changed");
  json_put_integer(writer, "size", file->seen.size);
  json_put_text(writer, "modified_at", modified);
  json_end_object(writer);
}

void file_known_take(struct file_known *known, int64_t settle_us, int64_t monotonic_us, size_t most,
                     struct buffer *events)
{
  struct json_writer writer = {.out = events};
  struct file_entry **settled = memory_alloc((HASH_COUNT(known->files) + 1) * sizeof *settled);
  size_t count = 0;
  for (struct file_entry *file = known->files; file; file = file->hh.next)
    if (file_entry_is_pending(file) && file->is_visited &&
        settles_at(file, settle_us) <= monotonic_us)
      settled[count++] = file;
  qsort(settled, count, sizeof(struct file_entry *), compare_change);
  if (count > 0)
    json_begin_array(&writer);
  for (size_t i = 0; i < count && i < most; i++) {
    put_event(&writer, settled[i]);
    settled[i]->state = FILE_KNOWN;
    settled[i]->known = settled[i]->seen;
    settled[i]->is_created = false;
  }
  if (count > 0)
    json_end_array(&writer);
  free(settled);
}
