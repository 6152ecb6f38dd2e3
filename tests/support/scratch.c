/* Each place is a numbered folder in the program's own, so that no two tests meet. The program's
 * end is met by atexit(), which exit(1) calls as well as a return from main(). */
#include "support/scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

struct place {
  struct place *next;
  char *path;
};

static char *root;
static pid_t owner;
static struct place *places;
static int folders;

static void remove_all(const char *path)
{
  if (unlink(path) == 0)
    return;
  chmod(path, 0700); /* a test may have closed it to itself */
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    char *inner = memory_printf("%s/%s", path, entry->d_name);
    remove_all(inner);
    free(inner);
  }
  if (folder)
    closedir(folder);
  rmdir(path);
}

void scratch_empty(void)
{
  while (places) {
    struct place *place = places;
    places = place->next;
    free(place->path);
    free(place);
  }
  for (; folders > 0; folders--) {
    char *folder = memory_printf("%s/%d", root, folders);
    remove_all(folder);
    free(folder);
  }
}

static void leave_nothing(void)
{
  if (getpid() != owner || seteuid(getuid())) /* a test that failed may have been somebody else */
    return;
  scratch_empty();
  remove_all(root);
  free(root);
}

static void begin(void)
{
  const char *parent = getenv("TMPDIR");
  root = memory_printf("%s/moonbeat-test-XXXXXX", parent && parent[0] == '/' ? parent : "/tmp");
  if (!mkdtemp(root) || chmod(root, 0711)) { /* some tests go there as another user */
    perror(root);
    exit(1);
  }
  owner = getpid();
  atexit(leave_nothing);
}

static char *keep(char *path)
{
  struct place *place = memory_alloc(sizeof *place);
  *place = (struct place){places, path};
  places = place;
  return path;
}

char *scratch_folder(void)
{
  if (!root)
    begin();
  char *folder = memory_printf("%s/%d", root, ++folders);
  if (mkdir(folder, 0700)) {
    perror(folder);
    exit(1);
  }
  return keep(folder);
}

char *scratch_path(const char *name)
{
  return keep(memory_printf("%s/%s", scratch_folder(), name));
}
