#include "sensor/wake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"

struct folder {
  uv_fs_event_t event; /* first, so that the handle is the folder */
  struct wake *wake;
  char *path;  /* the key */
  char *only;  /* for the filter */
  bool is_any; /* several things matter: every event counts */
  bool is_visited;
  dev_t device;
  ino_t inode;
  UT_hash_handle hh;
};

struct wake {
  uv_loop_t *loop;
  wake_filter matters;
  void (*call)(void *context);
  void *context;
  struct folder *folders;
  bool is_again;
  bool has_begun; /* to watch a folder, since wake_begin */
  bool has_warned;
};

struct wake *wake_open(uv_loop_t *loop, wake_filter matters, void (*call)(void *context),
                       void *context)
{
  struct wake *wake = memory_alloc(sizeof *wake);
  wake->loop = loop;
  wake->matters = matters;
  wake->call = call;
  wake->context = context;
  return wake;
}

static void free_folder(uv_handle_t *handle)
{
  struct folder *folder = (struct folder *)handle;
  free(folder->path);
  free(folder->only);
  free(folder);
}

static void let_go(struct wake *wake, struct folder *folder)
{
  HASH_DEL(wake->folders, folder);
  folder->wake = NULL;
  uv_close((uv_handle_t *)&folder->event, free_folder);
}

void wake_close(struct wake *wake)
{
  struct folder *folder, *next;
  HASH_ITER(hh, wake->folders, folder, next)
    let_go(wake, folder);
  free(wake);
}

static bool matters(const struct folder *folder, const char *name)
{
  return !name || folder->is_any || folder->wake->matters(folder->only, name);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
  (void)events;
  struct folder *folder = (struct folder *)event;
  const char *slash = strrchr(folder->path, '/');
  if (name && strcmp(name, slash ? slash + 1 : folder->path) == 0)
    folder->inode = 0; /* the folder itself was moved or removed: watch the next one anew */
  if (folder->wake && (status != 0 || folder->inode == 0 || matters(folder, name)))
    folder->wake->call(folder->wake->context);
}

static struct folder *add_folder(struct wake *wake, const char *path, const char *only)
{
  struct folder *folder = memory_alloc(sizeof *folder);
  uv_fs_event_init(wake->loop, &folder->event);
  folder->wake = wake;
  folder->path = memory_strdup(path);
  folder->only = memory_strdup(only);
  HASH_ADD_KEYPTR(hh, wake->folders, folder->path, strlen(folder->path), folder);
  return folder;
}

static void watch_folder(struct wake *wake, struct folder *folder)
{
  struct stat st;
  if (stat(folder->path, &st) != 0)
    return;
  bool is_watched = folder->inode == st.st_ino && folder->device == st.st_dev;
  if (!wake->is_again && is_watched)
    return;
  uv_fs_event_stop(&folder->event);
  int status = uv_fs_event_start(&folder->event, on_event, folder->path, 0);
  folder->device = st.st_dev;
  folder->inode = status == 0 ? st.st_ino : 0;
  wake->has_begun = wake->has_begun || (status == 0 && !is_watched);
  if (status != 0 && status != UV_ENOENT && !wake->has_warned) {
    wake->has_warned = true;
    log_warn("%s cannot be watched: %s; changes are seen by looking now and then", folder->path,
             uv_strerror(status));
  }
}

void wake_begin(struct wake *wake, bool again)
{
  wake->is_again = again;
  wake->has_begun = false;
  struct folder *folder, *next;
  HASH_ITER(hh, wake->folders, folder, next) {
    folder->is_visited = false;
    folder->is_any = false;
  }
}

void wake_visit(void *context, const char *path, const char *only)
{
  struct wake *wake = context;
  struct folder *folder;
  HASH_FIND_STR(wake->folders, path, folder);
  if (!folder)
    folder = add_folder(wake, path, only);
  bool is_same = only ? folder->only && strcmp(only, folder->only) == 0 : !folder->only;
  folder->is_any = folder->is_any || !is_same;
  if (!folder->is_visited)
    watch_folder(wake, folder);
  folder->is_visited = true;
}

bool wake_end(struct wake *wake)
{
  struct folder *folder, *next;
  HASH_ITER(hh, wake->folders, folder, next) {
    if (!folder->is_visited)
      let_go(wake, folder);
  }
  return wake->has_begun;
}
