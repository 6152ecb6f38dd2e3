/* A short list under a mutex; files are compared by device and inode, as links have other names. */
#include "vm/api_sqlite_files.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

struct open_file {
  struct open_file *next;
  char *path;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct open_file *open_files;
static char *store_path;

void sqlite_files_set_store(const char *path)
{
  if (!path)
    return;
  pthread_mutex_lock(&mutex);
  if (!store_path || strcmp(store_path, path) != 0) {
    free(store_path);
    store_path = memory_strdup(path);
  }
  pthread_mutex_unlock(&mutex);
}

static bool is_same(const struct stat *a, const char *path)
{
  struct stat b;
  return path && stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

bool sqlite_files_is_store(const char *path)
{
  struct stat file;
  if (stat(path, &file) < 0)
    return false;
  pthread_mutex_lock(&mutex);
  bool is = is_same(&file, store_path);
  pthread_mutex_unlock(&mutex);
  return is;
}

void sqlite_files_add(const char *path)
{
  struct open_file *file = memory_alloc(sizeof *file);
  file->path = memory_strdup(path);
  pthread_mutex_lock(&mutex);
  file->next = open_files;
  open_files = file;
  pthread_mutex_unlock(&mutex);
}

void sqlite_files_remove(const char *path)
{
  pthread_mutex_lock(&mutex);
  for (struct open_file **link = &open_files; *link; link = &(*link)->next)
    if (strcmp((*link)->path, path) == 0) {
      struct open_file *file = *link;
      *link = file->next;
      free(file->path);
      free(file);
      break;
    }
  pthread_mutex_unlock(&mutex);
}

static bool is_open(const struct stat *file)
{
  if (is_same(file, store_path))
    return true;
  for (const struct open_file *open_file = open_files; open_file; open_file = open_file->next)
    if (is_same(file, open_file->path))
      return true;
  return false;
}

/* The database whose lock file x-shm is; NULL when the path is none. */
static char *database_of(const char *path)
{
  static const char suffix[] = "-shm";
  size_t size = strlen(path), end = sizeof suffix - 1;
  return size > end && strcmp(path + size - end, suffix) == 0 ? memory_copy(path, size - end)
                                                              : NULL;
}

enum error_code sqlite_files_check(const char *path, struct error *error)
{
  struct stat file;
  char *database = database_of(path);
  bool is = false;
  if (stat(database ? database : path, &file) == 0) {
    pthread_mutex_lock(&mutex);
    is = is_open(&file);
    pthread_mutex_unlock(&mutex);
  }
  free(database);
  if (!is)
    return ERROR_OK;
  return error_set(error, ERROR_CONFLICT,
                   "it is a database in use, which other access would unlock; use sqlite, whose "
                   "VACUUM INTO makes a copy");
}
