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

/* The database beside which x-wal and the like lie, in *room, to be freed; else the path itself. */
static const char *database_of(const char *path, char **room)
{
  static const char *const suffixes[] = {"-wal", "-shm", "-journal", "-lock"};
  size_t size = strlen(path);
  *room = NULL;
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !*room; i++) {
    size_t end = strlen(suffixes[i]);
    if (size > end && strcmp(path + size - end, suffixes[i]) == 0)
      *room = memory_copy(path, size - end);
  }
  return *room ? *room : path;
}

bool sqlite_files_is_store(const char *path)
{
  struct stat file;
  char *room;
  bool is = false;
  if (stat(database_of(path, &room), &file) == 0) {
    pthread_mutex_lock(&mutex);
    is = is_same(&file, store_path);
    pthread_mutex_unlock(&mutex);
  }
  free(room);
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

static enum error_code refuse_store(struct error *error, const char *verb)
{
  return error_set(error, ERROR_CONFLICT, "it %s the scheduler's own store", verb);
}

/* The folder that the path's name is in; to be freed. */
static char *folder_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? memory_copy(path, (size_t)(slash - path) + 1) : memory_strdup(".");
}

/* The daemon has its own beside its store, and nobody reaches it when that is gone. */
static bool is_own_socket(const char *path)
{
  struct stat file, folder;
  if (lstat(path, &file) != 0 || !S_ISSOCK(file.st_mode))
    return false;
  char *here = folder_of(path);
  pthread_mutex_lock(&mutex);
  char *own = store_path ? folder_of(store_path) : NULL;
  pthread_mutex_unlock(&mutex);
  bool is = own && stat(here, &folder) == 0 && is_same(&folder, own);
  free(here);
  free(own);
  return is;
}

enum error_code sqlite_files_check(const char *path, struct error *error)
{
  struct stat file;
  char *room;
  enum error_code code = ERROR_OK;
  if (is_own_socket(path))
    return error_set(error, ERROR_CONFLICT, "it is the socket on which the daemon is spoken to");
  bool is_there = stat(database_of(path, &room), &file) == 0;
  free(room);
  if (!is_there)
    return ERROR_OK;
  pthread_mutex_lock(&mutex);
  if (is_same(&file, store_path))
    code = refuse_store(error, "is");
  for (const struct open_file *open_file = open_files; open_file && !code;
       open_file = open_file->next)
    if (is_same(&file, open_file->path))
      code = error_set(error, ERROR_CONFLICT,
                       "it is a database in use, which other access would unlock; use sqlite, "
                       "whose VACUUM INTO makes a copy");
  pthread_mutex_unlock(&mutex);
  return code;
}

/* Whether the folder is one of those on the way to the path, which need not be there. */
static bool is_above(const struct stat *folder, const char *path)
{
  char *name = path ? folder_of(path) : NULL;
  char *real = name ? realpath(name, NULL) : NULL;
  bool is = false;
  free(name);
  while (real && *real && !(is = is_same(folder, real)))
    *strrchr(real, '/') = '\0';
  free(real);
  return is;
}

enum error_code sqlite_files_check_move(const char *path, struct error *error)
{
  struct stat folder;
  enum error_code code = sqlite_files_check(path, error);
  if (code || stat(path, &folder) != 0 || !S_ISDIR(folder.st_mode))
    return code;
  pthread_mutex_lock(&mutex);
  if (is_above(&folder, store_path))
    code = refuse_store(error, "holds");
  for (const struct open_file *open_file = open_files; open_file && !code;
       open_file = open_file->next)
    if (is_above(&folder, open_file->path))
      code = error_set(error, ERROR_CONFLICT, "it holds a database in use, %s", open_file->path);
  pthread_mutex_unlock(&mutex);
  return code;
}
