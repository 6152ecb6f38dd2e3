/* A copy of the system's VFS in which one function is ours. */
#include "vm/api_sqlite_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/memory.h"

static _Thread_local const char *thread_folder;
static sqlite3_vfs vfs, *system_vfs;

static int full_path(sqlite3_vfs *unused, const char *name, int size, char *out)
{
  (void)unused;
  char *path = sqlite_vfs_resolve(name);
  int result = system_vfs->xFullPathname(system_vfs, path, size, out);
  free(path);
  return result;
}

static void make(void)
{
  system_vfs = sqlite3_vfs_find(NULL);
  vfs = *system_vfs;
  vfs.zName = "moonbeat";
  vfs.pNext = NULL;
  vfs.xFullPathname = full_path;
  sqlite3_vfs_register(&vfs, 0);
}

const char *sqlite_vfs_name(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make);
  return vfs.zName;
}

void sqlite_vfs_set_folder(const char *folder)
{
  thread_folder = folder;
}

char *sqlite_vfs_resolve(const char *path)
{
  return thread_folder && path[0] != '/' ? memory_printf("%s/%s", thread_folder, path)
                                         : memory_strdup(path);
}
