/* Whether anybody lives in a process group. Zombies do not count: whose child they are may be slow
 * to take them, or never do, as in a container without an init. */
#ifndef EXEC_CHILD_GROUP_H
#define EXEC_CHILD_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

/* True: nobody is left, not even a zombie. One system call. Any thread. */
bool child_group_is_empty(pid_t group);

/* All that lives, as it was at one time. */
struct child_groups;

bool child_groups_have(const struct child_groups *groups, pid_t group);
/* When the look began, monotonic. */
int64_t child_groups_time_us(const struct child_groups *groups);

/* Looks, on a thread of the pool, as that takes milliseconds where many processes run, and calls
 * `looked` with what was found, which is gone afterwards. Does nothing while a look of this thread
 * is under way, or the last was so near that looking would be all that is done. */
void child_groups_look(uv_loop_t *loop, void (*looked)(const struct child_groups *groups));

#endif
