/* The pattern is a list of names that is walked along with the folders. A name without wildcards is
 * looked up, not searched for, so folders that can be entered and not listed may stand before it. A
 * folder is listed into memory and closed before those in it are entered: depth costs no open
 * files. */
#include "sensor/file_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct walk {
  const struct file_scan_visitor *visitor;
  const char *pattern;
  char **names; /* of the pattern; `**` is never the last */
  size_t name_count;
  struct buffer path; /* of the folder being walked, without a slash at the end */
  size_t files, entries;
  struct error *error;
  enum error_code code;
};

static void walk(struct walk *w, size_t i);

/* ---- the pattern ---- */

static bool is_deep(const char *name)
{
  return strcmp(name, "**") == 0;
}

static bool is_literal(const char *name)
{
  return strpbrk(name, "*?[\\") == NULL;
}

static void split(struct walk *w)
{
  const char *at = w->pattern + strspn(w->pattern, "/");
  w->names = memory_alloc((strlen(at) / 2 + 2) * sizeof *w->names);
  while (*at) {
    size_t length = strcspn(at, "/");
    char *name = memory_copy(at, length);
    at += length;
    at += strspn(at, "/");
    if (w->name_count > 0 && is_deep(name) && is_deep(w->names[w->name_count - 1]))
      free(name);
    else
      w->names[w->name_count++] = name;
  }
  if (w->name_count > 0 && is_deep(w->names[w->name_count - 1]))
    w->names[w->name_count++] = memory_strdup("*");
}

/* ---- paths ---- */

static const char *path_of(const struct walk *w)
{
  return w->path.size ? w->path.data : "/";
}

static size_t enter(struct walk *w, const char *name)
{
  size_t size = w->path.size;
  buffer_append_byte(&w->path, '/');
  buffer_append_text(&w->path, name);
  return size;
}

static void go_back(struct walk *w, size_t size)
{
  w->path.size = size;
  w->path.data[size] = '\0';
}

/* ---- looking ---- */

static bool is_absent(int reason)
{
  return reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == ENAMETOOLONG;
}

static void note_unreadable(struct walk *w, int reason)
{
  if (!is_absent(reason))
    w->visitor->unreadable(w->visitor->context, path_of(w), reason);
}

static void stop_at_limit(struct walk *w, const char *what, int limit)
{
  w->code = error_set(w->error, ERROR_LIMIT, "\"%.300s\" %s %d: a narrower pattern is needed",
                      w->pattern, what, limit);
}

/* False when the walk is over. */
static bool count_entry(struct walk *w)
{
  if (w->code)
    return false;
  if (w->visitor->stop && atomic_load(w->visitor->stop))
    w->code = error_set(w->error, ERROR_CANCELLED, "the scan was stopped");
  else if (++w->entries > FILE_SCAN_ENTRIES_MAX)
    stop_at_limit(w, "makes for looking at more names than", FILE_SCAN_ENTRIES_MAX);
  return w->code == ERROR_OK;
}

static void look_at_file(struct walk *w, dev_t device)
{
  struct stat status;
  if (stat(path_of(w), &status) != 0) {
    note_unreadable(w, errno);
  } else if (S_ISREG(status.st_mode)) {
    w->visitor->file(w->visitor->context, path_of(w), &status, device);
    if (++w->files > FILE_SCAN_FILES_MAX)
      stop_at_limit(w, "names more files than", FILE_SCAN_FILES_MAX);
  }
}

/* The entries of the folder, each as a type, a name and a NUL. */
static void read_folder(struct walk *w, struct buffer *entries, const char *only, dev_t *device)
{
  struct stat status;
  DIR *listing = opendir(path_of(w));
  if (!listing || fstat(dirfd(listing), &status) != 0) {
    note_unreadable(w, errno);
    if (listing)
      closedir(listing);
    return;
  }
  *device = status.st_dev;
  struct dirent *entry;
  while ((errno = 0, entry = readdir(listing)) && count_entry(w)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    buffer_append_byte(entries, (char)entry->d_type);
    buffer_append(entries, entry->d_name, strlen(entry->d_name) + 1);
  }
  if (errno)
    note_unreadable(w, errno);
  else
    w->visitor->folder(w->visitor->context, path_of(w), *device, only);
  closedir(listing);
}

static bool is_folder(const struct walk *w, unsigned char type)
{
  struct stat status;
  if (type == DT_UNKNOWN)
    return lstat(path_of(w), &status) == 0 && S_ISDIR(status.st_mode);
  return type == DT_DIR;
}

/* All in the folder that matches name i; when `deep`, also in its folders. */
static void list(struct walk *w, size_t i, bool deep)
{
  struct buffer entries = {0};
  dev_t device = 0;
  bool is_last = i + 1 == w->name_count;
  read_folder(w, &entries, deep ? NULL : w->names[i], &device);
  for (size_t at = 0; at < entries.size && !w->code; at += strlen(entries.data + at) + 1) {
    unsigned char type = (unsigned char)entries.data[at++];
    const char *name = entries.data + at;
    bool is_met = fnmatch(w->names[i], name, FNM_PERIOD) == 0;
    size_t before = enter(w, name);
    if (deep && name[0] != '.' && is_folder(w, type))
      list(w, i, true);
    if (is_met && is_last && type != DT_DIR)
      look_at_file(w, device);
    else if (is_met && !is_last && (type == DT_DIR || type == DT_LNK || type == DT_UNKNOWN))
      walk(w, i + 1);
    go_back(w, before);
  }
  buffer_deinit(&entries);
}

/* Name i has no wildcards. Its coming is worth knowing, and that another takes its place. */
static void step(struct walk *w, size_t i)
{
  struct stat folder;
  if (stat(path_of(w), &folder) != 0) {
    note_unreadable(w, errno);
    return;
  }
  if (!S_ISDIR(folder.st_mode))
    return;
  w->visitor->folder(w->visitor->context, path_of(w), folder.st_dev, w->names[i]);
  size_t before = enter(w, w->names[i]);
  if (i + 1 == w->name_count)
    look_at_file(w, folder.st_dev);
  else
    walk(w, i + 1);
  go_back(w, before);
}

static void walk(struct walk *w, size_t i)
{
  if (!count_entry(w))
    return;
  if (is_deep(w->names[i]))
    list(w, i + 1, true);
  else if (is_literal(w->names[i]))
    step(w, i);
  else
    list(w, i, false);
}

enum error_code file_scan(const char *pattern, const struct file_scan_visitor *visitor,
                          struct error *error)
{
  struct walk w = {.visitor = visitor, .pattern = pattern, .error = error};
  split(&w);
  if (w.name_count > 0)
    walk(&w, 0);
  for (size_t i = 0; i < w.name_count; i++)
    free(w.names[i]);
  free(w.names);
  buffer_deinit(&w.path);
  return w.code;
}

/* The first names of both. */
static bool name_fits(const char *pattern, size_t pattern_size, const char *path, size_t path_size)
{
  char *wanted = memory_copy(pattern, pattern_size), *name = memory_copy(path, path_size);
  bool fits = fnmatch(wanted, name, FNM_PERIOD) == 0;
  free(wanted);
  free(name);
  return fits;
}

bool file_scan_fits(const char *pattern, const char *path)
{
  pattern += strspn(pattern, "/");
  path += strspn(path, "/");
  size_t wanted = strcspn(pattern, "/"), size = strcspn(path, "/");
  bool is_last = !path[size];
  if (wanted == 0 || size == 0)
    return wanted == size;
  if (wanted != 2 || strncmp(pattern, "**", 2) != 0)
    return name_fits(pattern, wanted, path, size) && file_scan_fits(pattern + wanted, path + size);
  const char *rest = pattern + wanted;
  rest += strspn(rest, "/");
  if (!*rest && is_last)
    return path[0] != '.';
  return (*rest && file_scan_fits(rest, path)) ||
         (!is_last && path[0] != '.' && file_scan_fits(pattern, path + size));
}
