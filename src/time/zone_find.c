/* Finding a zone by its name, and keeping it.
 *
 * Zones stand in a hash table under one mutex and are never freed: triggers point to them. One
 * whose file has changed leads to what it says now. Names come from people, so a name may not leave
 * the tz database, and an unknown one is answered with the nearest that there is. The only part of
 * the time layer that reads files; any thread. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "time/zone_data.h"

enum { BUCKETS = 256, NAME_MAX_SIZE = 128, FILE_MAX_SIZE = 256 << 10, TREE_DEPTH = 3 };

struct entry {
  struct entry *next;
  char *name; /* as asked for; "local" and "Europe/Berlin" may be two entries */
  const struct zone *zone;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entry *buckets[BUCKETS]; /* under the mutex */

struct names {
  char **list; /* in order, NULL at the end */
  size_t count;
  char *path; /* of the folder that they are from */
};
static struct names known; /* under the mutex; gathered when the first name is unknown */

static char utc_name[] = "UTC";
static struct zone_offset utc_types[] = {{0, false, utc_name}};
static struct zone utc = {.name = utc_name, .types = utc_types};

const struct zone *zone_utc(void)
{
  return &utc;
}

static const char *directory(void)
{
  const char *path = getenv("TZDIR");
  return path && *path ? path : "/usr/share/zoneinfo";
}

/* ---- names ---- */

/* Zone files begin with a capital letter, in folders that do too; what else lies there is no zone.
 */
static void collect(struct names *names, const char *path, const char *prefix, int depth)
{
  DIR *dir = opendir(path);
  if (!dir)
    return;
  for (struct dirent *item; (item = readdir(dir));) {
    if (item->d_name[0] < 'A' || item->d_name[0] > 'Z')
      continue;
    char *inner = memory_printf("%s/%s", path, item->d_name);
    char *name = memory_printf("%s%s%s", prefix, *prefix ? "/" : "", item->d_name);
    struct stat status;
    bool is_there = !stat(inner, &status);
    if (is_there && S_ISDIR(status.st_mode) && depth < TREE_DEPTH)
      collect(names, inner, name, depth + 1);
    if (is_there && S_ISREG(status.st_mode)) {
      names->list = memory_resize(names->list, (names->count + 2) * sizeof *names->list);
      names->list[names->count++] = name;
      names->list[names->count] = NULL;
      name = NULL;
    }
    free(name);
    free(inner);
  }
  closedir(dir);
}

static int compare_names(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void forget_names(void)
{
  for (size_t i = 0; i < known.count; i++)
    free(known.list[i]);
  free(known.list);
  free(known.path);
  known = (struct names){0};
}

/* Reading the folders takes milliseconds, so it is done once; who installs zones later still finds
 * them, only no wrong name is answered with them. */
static const struct names *find_names(void)
{
  const char *path = directory();
  if (known.count && !strcmp(known.path, path))
    return &known;
  forget_names();
  known.path = memory_strdup(path);
  collect(&known, path, "", 1);
  if (known.count)
    qsort(known.list, known.count, sizeof *known.list, compare_names);
  return &known;
}

/* "europe/berlin" and "berlin" are surely Europe/Berlin; else the nearest by distance, which is at
 * least that of the sizes. */
static const char *nearest(const struct names *names, const char *wrong)
{
  const char **alike = memory_alloc((names->count + 1) * sizeof *alike), *found = NULL;
  size_t size = strlen(wrong), reach = size / 3 + 1, count = 0;
  for (size_t i = 0; i < names->count && !found; i++) {
    const char *name = names->list[i], *city = strrchr(name, '/');
    if (!strcasecmp(name, wrong) || (city && !strcasecmp(city + 1, wrong)))
      found = name;
    size_t name_size = strlen(name);
    if (name_size <= size + reach && size <= name_size + reach)
      alike[count++] = name;
  }
  if (!found)
    found = text_nearest(wrong, alike);
  free(alike);
  return found;
}

static enum error_code unknown(const char *name, struct error *error)
{
  const struct names *names = find_names();
  const char *near = nearest(names, name);
  if (near)
    return error_set(error, ERROR_INVALID, "unknown time zone \"%s\", did you mean \"%s\"?", name,
                     near);
  if (names->count)
    return error_set(error, ERROR_INVALID, "unknown time zone \"%s\"", name);
  return error_set(error, ERROR_INVALID,
                   "unknown time zone \"%s\": %s holds no time zones (install tzdata)", name,
                   directory());
}

/* A name stays inside the database: printable, relative, without "." and ".." parts. */
static enum error_code check_name(const char *name, struct error *error)
{
  size_t size = strlen(name);
  bool is_good = size > 0 && size < NAME_MAX_SIZE && name[0] != '/' && name[size - 1] != '/';
  for (size_t i = 0; is_good && i < size; i++) {
    if (name[i] <= ' ' || name[i] == 0x7f)
      is_good = false;
    if (name[i] == '.' && (i == 0 || name[i - 1] == '/'))
      is_good = false;
  }
  if (is_good)
    return ERROR_OK;
  struct buffer shown = {0};
  buffer_append_byte(&shown, '"');
  text_append_visible(&shown, name, size > 80 ? 80 : size);
  error_set(error, ERROR_INVALID, "%s\" is not the name of a time zone", shown.data);
  buffer_deinit(&shown);
  return ERROR_INVALID;
}

/* ---- files ---- */

static enum error_code read_all(int file, unsigned char **bytes, size_t *size, struct error *error)
{
  struct stat status;
  if (fstat(file, &status))
    return error_set_errno(error, ERROR_IO, errno, "cannot read it");
  if (!S_ISREG(status.st_mode))
    return error_set(error, ERROR_CORRUPT, "not a file");
  if (status.st_size > FILE_MAX_SIZE)
    return error_set(error, ERROR_LIMIT, "too large for a time zone");
  *bytes = memory_alloc((size_t)status.st_size + 1);
  for (*size = 0; *size < (size_t)status.st_size;) {
    ssize_t got = read(file, *bytes + *size, (size_t)status.st_size - *size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return error_set_errno(error, ERROR_IO, errno, "cannot read it");
    if (got == 0)
      break;
    *size += (size_t)got;
  }
  return ERROR_OK;
}

/* FNV-1a; never 0. */
static uint64_t digest_of(const unsigned char *bytes, size_t size)
{
  uint64_t digest = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < size; i++)
    digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
  return digest ? digest : 1;
}

/* ERROR_NOT_FOUND, without a text, when there is no such file. */
static enum error_code load_file(const char *path, struct zone **zone, struct error *error)
{
  unsigned char *bytes = NULL;
  size_t size = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
    return ERROR_NOT_FOUND;
  if (file < 0)
    return error_set_errno(error, ERROR_IO, errno, "cannot open %s", path);
  enum error_code code = read_all(file, &bytes, &size, error);
  if (!code)
    code = tzif_parse(bytes, size, zone, error);
  if (code)
    error_prefix(error, "%s", path);
  else
    (*zone)->digest = digest_of(bytes, size);
  free(bytes);
  close(file);
  return code;
}

static enum error_code load_named(const char *name, struct zone **zone, struct error *error)
{
  if (check_name(name, error))
    return ERROR_INVALID;
  char *path = memory_printf("%s/%s", directory(), name);
  struct stat status;
  bool is_folder = !stat(path, &status) && S_ISDIR(status.st_mode);
  enum error_code code = is_folder ? ERROR_NOT_FOUND : load_file(path, zone, error);
  free(path);
  if (code == ERROR_NOT_FOUND)
    return unknown(name, error);
  if (code)
    error_prefix(error, "time zone \"%s\"", name);
  else
    (*zone)->name = memory_strdup(name);
  return code;
}

/* ---- the system's zone ---- */

/* What stands behind "zoneinfo/" in a path: the name of the zone that it leads to, or NULL. */
static const char *name_in_path(const char *path)
{
  const char *folder = strstr(path, "zoneinfo/");
  return folder && folder[9] ? folder + 9 : NULL;
}

/* A path that TZ or the system names: by its zone if it shows one, else by its content. */
static enum error_code load_path(const char *path, struct zone **zone, struct error *error)
{
  char target[PATH_MAX];
  ssize_t size = readlink(path, target, sizeof target - 1);
  target[size > 0 ? size : 0] = '\0';
  const char *name = name_in_path(size > 0 ? target : path);
  if (name && !load_named(name, zone, NULL))
    return ERROR_OK;
  enum error_code code = load_file(path, zone, error);
  if (!code)
    (*zone)->name = memory_strdup("local");
  return code;
}

static struct zone *copy_utc(void)
{
  struct zone *zone = NULL;
  tzif_from_rule("UTC0", &zone, NULL);
  zone->name = memory_strdup("UTC");
  return zone;
}

static enum error_code load_local(struct zone **zone, struct error *error)
{
  const char *tz = getenv("TZ");
  enum error_code code;
  if (!tz) {
    code = load_path("/etc/localtime", zone, error);
    if (code != ERROR_NOT_FOUND)
      return code;
    *zone = copy_utc();
    return ERROR_OK;
  }
  tz += *tz == ':';
  if (!*tz || !strcmp(tz, "UTC")) {
    *zone = copy_utc();
    return ERROR_OK;
  }
  if (*tz == '/') {
    code = load_path(tz, zone, error);
    if (code == ERROR_NOT_FOUND)
      code = error_set(error, ERROR_INVALID, "no such file: %s", tz);
  } else {
    code = load_named(tz, zone, error);
    if (code && !tzif_from_rule(tz, zone, NULL)) {
      (*zone)->name = memory_strdup("local");
      code = ERROR_OK;
    }
  }
  if (code)
    error_prefix(error, "the variable TZ");
  return code;
}

/* ---- the cache ---- */

static unsigned hash_name(const char *name)
{
  unsigned hash = 2166136261u;
  for (; *name; name++)
    hash = (hash ^ (unsigned char)*name) * 16777619u;
  return (hash ^ hash >> 16) % BUCKETS;
}

enum error_code zone_find(const char *name, const struct zone **zone, struct error *error)
{
  *zone = NULL;
  if (!strcmp(name, "UTC")) {
    *zone = &utc;
    return ERROR_OK;
  }
  struct entry **bucket = &buckets[hash_name(name)];
  enum error_code code = ERROR_OK;
  pthread_mutex_lock(&mutex);
  struct entry *entry = *bucket;
  while (entry && strcmp(entry->name, name) != 0)
    entry = entry->next;
  if (!entry) {
    struct zone *loaded = NULL;
    code = strcmp(name, "local") ? load_named(name, &loaded, error) : load_local(&loaded, error);
    if (!code) {
      entry = memory_alloc(sizeof *entry);
      *entry = (struct entry){.next = *bucket, .name = memory_strdup(name), .zone = loaded};
      *bucket = entry;
    }
  }
  if (entry)
    *zone = entry->zone;
  pthread_mutex_unlock(&mutex);
  return code;
}

enum error_code zone_set_local(const char *name, struct error *error)
{
  const struct zone *zone;
  enum error_code code = zone_find(name, &zone, error);
  if (code)
    return code;
  struct entry **bucket = &buckets[hash_name("local")];
  struct entry *entry = memory_alloc(sizeof *entry);
  pthread_mutex_lock(&mutex);
  /* In front of an older one, whose zone may be in use and stays. */
  *entry = (struct entry){.next = *bucket, .name = memory_strdup("local"), .zone = zone};
  *bucket = entry;
  pthread_mutex_unlock(&mutex);
  return ERROR_OK;
}

/* ---- newer rules ---- */

static bool refresh(const struct zone *zone)
{
  struct zone *fresh = NULL;
  const struct zone *current = zone_in_force(zone);
  if (!current->digest)
    return false;
  char *path = memory_printf("%s/%s", directory(), zone->name);
  enum error_code code = load_file(path, &fresh, NULL);
  free(path);
  if (code)
    return false;
  if (fresh->digest == current->digest) {
    zone_destroy(fresh);
    return false;
  }
  fresh->name = memory_strdup(zone->name);
  fresh->older = current;
  struct zone *own = (struct zone *)(uintptr_t)zone; /* ours, as it has been read from a file */
  atomic_store_explicit(&own->newer, fresh, memory_order_release);
  return true;
}

int zone_refresh(void)
{
  int count = 0;
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < BUCKETS; i++)
    for (const struct entry *entry = buckets[i]; entry; entry = entry->next)
      count += refresh(entry->zone);
  pthread_mutex_unlock(&mutex);
  return count;
}
