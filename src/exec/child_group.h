/* Whether anybody lives in a process group. Any thread. */
#ifndef EXEC_CHILD_GROUP_H
#define EXEC_CHILD_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Zombies do not count: whose child they are may be slow to take them, or never do, as in a
 * container without an init. Costs some milliseconds where many processes run, if there is
 * somebody; else one system call. */
bool child_group_lives(pid_t group);

#endif
