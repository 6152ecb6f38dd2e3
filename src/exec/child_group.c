/* kill(2) with signal 0 tells whether a group has members, but counts zombies; which they are
 * stands only in /proc, process by process. So one look serves all groups that anybody asks for.
 * Where there is no /proc they count as living. */
#include "exec/child_group.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum { REST = 4 }; /* times as long as a look takes, before the next */

struct child_groups {
  uv_work_t request;
  void (*looked)(const struct child_groups *groups);
  int64_t time_us;
  pid_t *living; /* in order, perhaps more than once */
  size_t count, capacity;
  bool is_blind;
};

static _Thread_local bool is_looking;
static _Thread_local int64_t again_us; /* monotonic */

bool child_group_is_empty(pid_t group)
{
  return kill(-group, 0) < 0 && errno == ESRCH;
}

/* ---- looking ---- */

/* The group of a process, a name in /proc; 0: it does not live. */
static pid_t read_group(const char *name)
{
  char path[300], text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0)
    return 0;
  text[size] = '\0';
  /* pid (name) state parent group: the name may hold anything, but what follows it no ")". */
  const char *rest = strrchr(text, ')');
  char state;
  int parent, group;
  if (!rest || sscanf(rest + 1, " %c %d %d", &state, &parent, &group) != 3)
    return 0;
  return state == 'Z' || state == 'X' ? 0 : group;
}

static int compare(const void *a, const void *b)
{
  pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
  return (left > right) - (left < right);
}

static void add(struct child_groups *groups, pid_t group)
{
  if (groups->count == groups->capacity) {
    groups->capacity = groups->capacity ? groups->capacity * 2 : 64;
    groups->living = memory_resize(groups->living, groups->capacity * sizeof *groups->living);
  }
  groups->living[groups->count++] = group;
}

static void look(struct child_groups *groups)
{
  const struct dirent *entry;
  DIR *directory = opendir("/proc");
  groups->time_us = clock_monotonic_us();
  groups->is_blind = !directory;
  while (directory && (entry = readdir(directory))) {
    pid_t group = isdigit((unsigned char)entry->d_name[0]) ? read_group(entry->d_name) : 0;
    if (group > 0)
      add(groups, group);
  }
  if (directory)
    closedir(directory);
  if (groups->count > 0)
    qsort(groups->living, groups->count, sizeof *groups->living, compare);
}

bool child_groups_have(const struct child_groups *groups, pid_t group)
{
  return groups->is_blind || (groups->count > 0 && bsearch(&group, groups->living, groups->count,
                                                           sizeof group, compare));
}

int64_t child_groups_time_us(const struct child_groups *groups)
{
  return groups->time_us;
}

/* ---- on a thread of the pool ---- */

static void work(uv_work_t *request)
{
  look(request->data);
}

static void on_looked(uv_work_t *request, int status)
{
  struct child_groups *groups = request->data;
  int64_t now_us = clock_monotonic_us();
  is_looking = false;
  again_us = now_us + (now_us - groups->time_us) * REST;
  if (status == 0)
    groups->looked(groups);
  free(groups->living);
  free(groups);
}

void child_groups_look(uv_loop_t *loop, void (*looked)(const struct child_groups *groups))
{
  if (is_looking || clock_monotonic_us() < again_us)
    return;
  struct child_groups *groups = memory_alloc(sizeof *groups);
  groups->looked = looked;
  groups->request.data = groups;
  is_looking = uv_queue_work(loop, &groups->request, work, on_looked) == 0;
  if (!is_looking)
    free(groups);
}
