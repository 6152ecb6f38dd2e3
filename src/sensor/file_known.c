#include "sensor/file_known.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "sensor/file_entry.h"
#include "time/instant.h"

enum { AWAY_MAX = 10000 }; /* files kept of folders that are not there, beside those named */

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

static void list_pending(struct file_known *known, struct file_entry *file, bool is_listed)
{
  if (is_listed && !file->is_listed_pending)
    TAILQ_INSERT_TAIL(&known->pending, file, in_pending);
  else if (!is_listed && file->is_listed_pending)
    TAILQ_REMOVE(&known->pending, file, in_pending);
  file->is_listed_pending = is_listed;
}

static void list_recent(struct file_known *known, struct file_entry *file, bool is_listed)
{
  if (is_listed && !file->is_listed_recent)
    TAILQ_INSERT_TAIL(&known->recent, file, in_recent);
  else if (!is_listed && file->is_listed_recent)
    TAILQ_REMOVE(&known->recent, file, in_recent);
  file->is_listed_recent = is_listed;
}

void file_known_list(struct file_known *known, struct file_entry *file)
{
  list_pending(known, file, file_entry_is_pending(file));
  list_recent(known, file, file->state != FILE_NEW && file->known.changed_ns >= known->since_ns);
}

static void drop(struct file_known *known, struct file_entry *file)
{
  list_pending(known, file, false);
  list_recent(known, file, false);
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
  known->begun_ns = clock_file_ns();
  TAILQ_INIT(&known->pending);
  TAILQ_INIT(&known->recent);
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

/* ---- scans ---- */

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

/* Whether it was looked for where it used to be, and is not there. */
static bool is_missing(const struct file_known *known, const struct file_entry *file)
{
  const struct file_folder *folder = folder_of(known->scanning, file->path);
  return folder && !file_known_is_hidden(known->scanning, file->path) &&
         (file->device == 0 || file->device == folder->device);
}

/* Of the others a position says enough: that they are older. */
static bool is_named(const struct file_entry *file)
{
  return file->is_listed_pending || file->is_listed_recent;
}

void file_known_end(struct file_known *known)
{
  struct file_entry *file, *next;
  size_t away = 0;
  bool is_whole = true;
  HASH_ITER(hh, known->files, file, next) {
    if (file->is_visited)
      continue;
    file->is_missing = is_missing(known, file);
    /* Where a restored file's folder was mounted is not known: it may be back. */
    if ((file->is_missing && file->state != FILE_RESTORED) ||
        (!is_named(file) && ++away > AWAY_MAX))
      drop(known, file);
  }
  for (struct file_folder *folder = known->scanning; folder; folder = folder->hh.next)
    is_whole = is_whole && !folder->is_unreadable;
  if (known->is_new && !known->has_scanned && !is_whole)
    known->since_ns = known->begun_ns;
  drop_folders(&known->folders);
  known->folders = known->scanning;
  known->scanning = NULL;
  known->has_scanned = true;
}

/* ---- what has settled ---- */

static int64_t settles_at(const struct file_entry *file, int64_t settle_us)
{
  return file->seen_us + (settle_us > FILE_GRAIN_US ? settle_us : FILE_GRAIN_US);
}

int64_t file_known_settles_at_us(const struct file_known *known, int64_t settle_us)
{
  int64_t first_us = INT64_MAX;
  const struct file_entry *file;
  TAILQ_FOREACH(file, &known->pending, in_pending)
    if (file->is_visited && settles_at(file, settle_us) < first_us)
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

static size_t find_settled(const struct file_known *known, int64_t settle_us, int64_t monotonic_us,
                           struct file_entry ***settled)
{
  size_t count = 0, capacity = 0;
  struct file_entry *file;
  *settled = NULL;
  TAILQ_FOREACH(file, &known->pending, in_pending) {
    if (!file->is_visited || settles_at(file, settle_us) > monotonic_us)
      continue;
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 16;
      *settled = memory_resize(*settled, capacity * sizeof **settled);
    }
    (*settled)[count++] = file;
  }
  return count;
}

void file_known_take(struct file_known *known, int64_t settle_us, int64_t monotonic_us, size_t most,
                     struct buffer *events)
{
  struct json_writer writer = {.out = events};
  struct file_entry **settled;
  size_t count = find_settled(known, settle_us, monotonic_us, &settled);
  if (count == 0)
    return;
  qsort(settled, count, sizeof(struct file_entry *), compare_change);
  json_begin_array(&writer);
  for (size_t i = 0; i < count && i < most; i++) {
    put_event(&writer, settled[i]);
    settled[i]->state = FILE_KNOWN;
    settled[i]->known = settled[i]->seen;
    settled[i]->is_created = false;
    file_known_list(known, settled[i]);
  }
  json_end_array(&writer);
  free(settled);
}
