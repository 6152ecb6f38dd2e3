/* kill(2) with signal 0 tells whether a group has members, but counts zombies; which they are
 * stands only in /proc. Where there is no /proc they count as living. */
#include "exec/child_group.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the process, a name in /proc, is a living member. */
static bool is_living_member(const char *name, pid_t group)
{
  char path[300], text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  if (size <= 0)
    return false;
  text[size] = '\0';
  /* pid (name) state parent group: the name may hold anything, but what follows it no ")". */
  const char *rest = strrchr(text, ')');
  char state;
  int parent, its_group;
  return rest && sscanf(rest + 1, " %c %d %d", &state, &parent, &its_group) == 3 &&
         its_group == group && state != 'Z' && state != 'X';
}

bool child_group_lives(pid_t group)
{
  if (kill(-group, 0) < 0 && errno == ESRCH)
    return false;
  DIR *directory = opendir("/proc");
  if (!directory)
    return true;
  bool lives = false;
  const struct dirent *entry;
  while (!lives && (entry = readdir(directory)))
    lives = isdigit((unsigned char)entry->d_name[0]) && is_living_member(entry->d_name, group);
  closedir(directory);
  return lives;
}
