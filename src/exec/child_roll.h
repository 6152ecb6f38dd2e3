/* Which children run, for a thread that is not theirs: it may kill those of a loop that stands
 * still. Their own threads enter them here and strike them off when they reap them, so that a
 * number on the roll is never somebody else's. Any thread. */
#ifndef EXEC_CHILD_ROLL_H
#define EXEC_CHILD_ROLL_H

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

struct roll_entry {
  const void *loop;
  pid_t pid;
  LIST_ENTRY(roll_entry) link;
};

/* The entry is the child's own storage, until it is reaped. */
void child_roll_enter(struct roll_entry *entry, const void *loop, pid_t pid);

/* wait4() without waiting; when the child has ended it is struck off. */
pid_t child_roll_reap(struct roll_entry *entry, int *wait_status, struct rusage *used);

/* KILL to the groups of all children of the loop, which learns of their ends when it runs again. */
void child_roll_kill(const void *loop);

#endif
