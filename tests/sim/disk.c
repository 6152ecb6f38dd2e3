/* See disk.h. A file is what is seen of it, what is safe of it, and the operations between the two.
 * Locks always hold, as there is one process; the shared memory of the WAL dies with it. */
#include "sim/disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/sometimes.h"
#include "sim/draw.h"

enum { FILES_MAX = 8, REGIONS_MAX = 64, SECTOR = 512 };

struct bytes {
  unsigned char *data;
  int64_t size, capacity;
};

struct operation {
  struct operation *next;
  bool is_truncation;
  int64_t offset; /* or the new size */
  int64_t size;
  unsigned char data[];
};

struct disk_file {
  char *name; /* NULL: the place is free */
  struct bytes seen, safe;
  struct operation *first, *last; /* not synced */
  void *regions[REGIONS_MAX];
};

struct disk {
  struct draw draw;
  struct disk_file files[FILES_MAX];
  int64_t left; /* operations; -1: it does not die */
  bool is_dead, has_failed;
  int troubles;
  int64_t slow_us;
  void (*pass)(void *context, int64_t us);
  void (*fail)(void *context);
  void *context;
  sqlite3_vfs vfs;
};

struct handle {
  sqlite3_file base;
  struct disk_file *file;
};

static struct disk *disk; /* the one in use */

static struct disk_file *file_of(sqlite3_file *handle)
{
  return ((struct handle *)handle)->file;
}

/* ---- bytes ---- */

static void resize(struct bytes *bytes, int64_t size)
{
  if (size > bytes->capacity) {
    bytes->capacity = size * 2;
    bytes->data = memory_resize(bytes->data, (size_t)bytes->capacity);
  }
  if (size > bytes->size)
    memset(bytes->data + bytes->size, 0, (size_t)(size - bytes->size));
  bytes->size = size;
}

static void put(struct bytes *bytes, int64_t offset, const void *data, int64_t size)
{
  if (offset + size > bytes->size)
    resize(bytes, offset + size);
  if (size > 0)
    memcpy(bytes->data + offset, data, (size_t)size);
}

static void apply(struct bytes *bytes, const struct operation *operation)
{
  if (operation->is_truncation)
    resize(bytes, operation->offset);
  else
    put(bytes, operation->offset, operation->data, operation->size);
}

static void note(struct disk_file *file, bool is_truncation, int64_t offset, const void *data,
                 int64_t size)
{
  struct operation *operation = memory_alloc(sizeof *operation + (size_t)size);
  operation->is_truncation = is_truncation;
  operation->offset = offset;
  operation->size = size;
  if (size)
    memcpy(operation->data, data, (size_t)size);
  if (file->last)
    file->last->next = operation;
  else
    file->first = operation;
  file->last = operation;
}

static struct operation *take_first(struct disk_file *file)
{
  struct operation *operation = file->first;
  file->first = operation->next;
  if (!file->first)
    file->last = NULL;
  return operation;
}

static void make_safe(struct disk_file *file)
{
  while (file->first) {
    struct operation *operation = take_first(file);
    apply(&file->safe, operation);
    free(operation);
  }
}

static void tear(struct disk_file *file, const struct operation *operation)
{
  sometimes("a write is torn");
  for (int64_t done = 0; done < operation->size; done += SECTOR) {
    int64_t size = operation->size - done < SECTOR ? operation->size - done : SECTOR;
    if (draw_chance(&disk->draw, 50))
      put(&file->safe, operation->offset + done, operation->data + done, size);
  }
}

static void lose_unsynced(struct disk_file *file)
{
  while (file->first) {
    struct operation *operation = take_first(file);
    int fate = (int)draw_below(&disk->draw, 3);
    if (fate == 0)
      sometimes("a write is lost");
    else if (fate == 1 && !operation->is_truncation)
      tear(file, operation);
    else
      apply(&file->safe, operation);
    free(operation);
  }
  file->seen.size = 0;
  put(&file->seen, 0, file->safe.data, file->safe.size);
}

/* ---- what SQLite does to a file ---- */

/* Something is about to change; false when the disk dies here. */
static bool may_change(void)
{
  if (disk->left == 0)
    disk->is_dead = true;
  if (disk->is_dead)
    return false;
  if (disk->left > 0)
    disk->left--;
  return true;
}

/* It says so once in the life of a process. */
static int note_failure(int result)
{
  if (!disk->has_failed)
    disk->fail(disk->context);
  disk->has_failed = true;
  return result;
}

static int do_close(sqlite3_file *handle)
{
  (void)handle;
  return SQLITE_OK;
}

static int do_read(sqlite3_file *handle, void *into, int size, sqlite3_int64 offset)
{
  const struct bytes *seen = &file_of(handle)->seen;
  if (disk->is_dead || (disk->troubles & DISK_FAILS_READS))
    return SQLITE_IOERR_READ;
  int64_t there = seen->size - offset;
  if (there >= size) {
    memcpy(into, seen->data + offset, (size_t)size);
    return SQLITE_OK;
  }
  memset(into, 0, (size_t)size);
  if (there > 0)
    memcpy(into, seen->data + offset, (size_t)there);
  return SQLITE_IOERR_SHORT_READ;
}

static int do_write(sqlite3_file *handle, const void *data, int size, sqlite3_int64 offset)
{
  struct disk_file *file = file_of(handle);
  if (!may_change())
    return SQLITE_IOERR_WRITE;
  if (disk->troubles & DISK_FAILS_WRITES)
    return note_failure(SQLITE_IOERR_WRITE);
  bool is_longer = offset + size > file->seen.size;
  if ((disk->troubles & DISK_HAS_QUOTA) || ((disk->troubles & DISK_IS_FULL) && is_longer))
    return SQLITE_FULL;
  put(&file->seen, offset, data, size);
  note(file, false, offset, data, size);
  return SQLITE_OK;
}

static int do_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
  struct disk_file *file = file_of(handle);
  if (!may_change())
    return SQLITE_IOERR_TRUNCATE;
  resize(&file->seen, size);
  note(file, true, size, NULL, 0);
  return SQLITE_OK;
}

static int do_sync(sqlite3_file *handle, int flags)
{
  (void)flags;
  if (!may_change())
    return SQLITE_IOERR_FSYNC;
  if (disk->slow_us > 0)
    disk->pass(disk->context, draw_below(&disk->draw, disk->slow_us));
  if (disk->troubles & DISK_FAILS_SYNCS) {
    /* The kernel has tried and dropped them: they are not written by a later sync. */
    lose_unsynced(file_of(handle));
    return note_failure(SQLITE_IOERR_FSYNC);
  }
  make_safe(file_of(handle));
  return SQLITE_OK;
}

static int do_size(sqlite3_file *handle, sqlite3_int64 *size)
{
  *size = file_of(handle)->seen.size;
  return disk->is_dead ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int do_lock(sqlite3_file *handle, int level)
{
  (void)handle, (void)level;
  return SQLITE_OK;
}

static int do_check_lock(sqlite3_file *handle, int *is_reserved)
{
  (void)handle;
  *is_reserved = 0;
  return SQLITE_OK;
}

static int do_control(sqlite3_file *handle, int operation, void *argument)
{
  (void)handle;
  if (operation != SQLITE_FCNTL_LAST_ERRNO)
    return SQLITE_NOTFOUND;
  *(int *)argument = 0;
  return SQLITE_OK;
}

static int do_sector_size(sqlite3_file *handle)
{
  (void)handle;
  return 4096;
}

/* As SQLite assumes of every disk, unless told otherwise. */
static int do_characteristics(sqlite3_file *handle)
{
  (void)handle;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int do_map(sqlite3_file *handle, int region, int size, int extend, void volatile **into)
{
  struct disk_file *file = file_of(handle);
  if (region >= REGIONS_MAX)
    return SQLITE_IOERR_SHMMAP;
  if (!file->regions[region] && extend)
    file->regions[region] = memory_alloc((size_t)size);
  *into = file->regions[region];
  return SQLITE_OK;
}

static int do_map_lock(sqlite3_file *handle, int offset, int count, int flags)
{
  (void)handle, (void)offset, (void)count, (void)flags;
  return SQLITE_OK;
}

static void do_barrier(sqlite3_file *handle)
{
  (void)handle;
}

static void forget_regions(struct disk_file *file)
{
  for (int i = 0; i < REGIONS_MAX; i++) {
    free(file->regions[i]);
    file->regions[i] = NULL;
  }
}

static int do_unmap(sqlite3_file *handle, int is_over)
{
  if (is_over)
    forget_regions(file_of(handle));
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_lock,
    .xCheckReservedLock = do_check_lock,
    .xFileControl = do_control,
    .xSectorSize = do_sector_size,
    .xDeviceCharacteristics = do_characteristics,
    .xShmMap = do_map,
    .xShmLock = do_map_lock,
    .xShmBarrier = do_barrier,
    .xShmUnmap = do_unmap,
};

/* ---- what it does to a disk ---- */

static const char *last_part(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static struct disk_file *find(const char *path)
{
  for (int i = 0; i < FILES_MAX; i++)
    if (disk->files[i].name && strcmp(disk->files[i].name, last_part(path)) == 0)
      return &disk->files[i];
  return NULL;
}

static int do_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *handle, int flags, int *out)
{
  (void)vfs;
  struct disk_file *file = path ? find(path) : NULL;
  handle->pMethods = NULL;
  if (disk->is_dead || !path)
    return SQLITE_CANTOPEN;
  for (int i = 0; !file && i < FILES_MAX; i++) {
    if (disk->files[i].name)
      continue;
    file = &disk->files[i];
    file->name = memory_strdup(last_part(path));
  }
  if (!file)
    return SQLITE_CANTOPEN;
  ((struct handle *)handle)->file = file;
  handle->pMethods = &methods;
  if (out)
    *out = flags;
  return SQLITE_OK;
}

static void forget_operations(struct disk_file *file)
{
  while (file->first)
    free(take_first(file));
}

static void free_file(struct disk_file *file)
{
  forget_operations(file);
  forget_regions(file);
  free(file->seen.data);
  free(file->safe.data);
  free(file->name);
  *file = (struct disk_file){0};
}

static int do_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
  (void)vfs, (void)sync;
  struct disk_file *file = find(path);
  if (!may_change())
    return SQLITE_IOERR_DELETE;
  if (!file)
    return SQLITE_IOERR_DELETE_NOENT;
  free_file(file);
  return SQLITE_OK;
}

static int do_access(sqlite3_vfs *vfs, const char *path, int flags, int *result)
{
  (void)vfs;
  const struct disk_file *file = find(path);
  *result = file && (flags != SQLITE_ACCESS_EXISTS || file->seen.size > 0);
  return SQLITE_OK;
}

static int do_full_name(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
  (void)vfs;
  snprintf(out, (size_t)size, "%s", path);
  return SQLITE_OK;
}

static int do_random(sqlite3_vfs *vfs, int size, char *out)
{
  (void)vfs;
  for (int i = 0; i < size; i++)
    out[i] = (char)draw_below(&disk->draw, 256);
  return size;
}

static int do_sleep(sqlite3_vfs *vfs, int us)
{
  (void)vfs;
  disk->pass(disk->context, us);
  return us;
}

static int do_time(sqlite3_vfs *vfs, sqlite3_int64 *ms)
{
  (void)vfs;
  *ms = 0;
  return SQLITE_OK;
}

static int do_last_error(sqlite3_vfs *vfs, int size, char *out)
{
  (void)vfs, (void)size, (void)out;
  return 0;
}

/* ---- the disk ---- */

struct disk *disk_create(uint64_t seed, void (*pass)(void *context, int64_t us),
                         void (*fail)(void *context), void *context)
{
  struct disk *made = memory_alloc(sizeof *made);
  made->draw = draw_from(seed);
  made->left = -1;
  made->pass = pass;
  made->fail = fail;
  made->context = context;
  made->vfs = (sqlite3_vfs){.iVersion = 2,
                            .szOsFile = sizeof(struct handle),
                            .mxPathname = 1024,
                            .zName = "disk",
                            .xOpen = do_open,
                            .xDelete = do_delete,
                            .xAccess = do_access,
                            .xFullPathname = do_full_name,
                            .xRandomness = do_random,
                            .xSleep = do_sleep,
                            .xCurrentTimeInt64 = do_time,
                            .xGetLastError = do_last_error};
  disk = made;
  sqlite3_vfs_register(&made->vfs, 1);
  sqlite3_randomness(0, NULL); /* seeded anew, from here */
  return made;
}

void disk_destroy(struct disk *made)
{
  sqlite3_vfs_unregister(&made->vfs);
  for (int i = 0; i < FILES_MAX; i++)
    free_file(&made->files[i]);
  free(made);
  disk = NULL;
}

void disk_die_after(struct disk *made, int64_t operations)
{
  made->left = operations;
}

void disk_die(struct disk *made)
{
  made->is_dead = true;
}

bool disk_is_dead(const struct disk *made)
{
  return made->is_dead;
}

void disk_end(struct disk *made, enum disk_end end)
{
  made->is_dead = made->has_failed = false;
  made->left = -1;
  made->troubles = 0;
  for (int i = 0; i < FILES_MAX; i++) {
    if (end == DISK_POWER_FAILS)
      lose_unsynced(&made->files[i]);
    forget_regions(&made->files[i]);
  }
}

void disk_trouble(struct disk *made, int troubles)
{
  made->troubles = troubles;
}

void disk_slow(struct disk *made, int64_t most_us)
{
  made->slow_us = most_us;
}

void disk_copy_out(const struct disk *made, const char *folder)
{
  for (int i = 0; i < FILES_MAX; i++) {
    const struct disk_file *file = &made->files[i];
    if (!file->name)
      continue;
    char *path = memory_printf("%s/%s", folder, file->name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(file->seen.data, 1, (size_t)file->seen.size, out) != (size_t)file->seen.size)
      perror(path);
    if (out)
      fclose(out);
    free(path);
  }
}
