/* What happens to the grandchildren when this process is killed: the kernel ends the children that
 * it started (their death signal), and the warden ends what those had started, by killing each
 * process group that was begun and is not over.
 *
 * The warden is a process of its own, which sleeps on a pipe. The child itself reports its group
 * between vfork and exec, so there is no moment at which a command runs and the warden does not
 * know of it. */
#ifndef EXEC_WARDEN_H
#define EXEC_WARDEN_H

#include <sys/types.h>

/* Starts it, before there are threads and much memory. It shows itself as "moonbeat-warden" where
 * `argv` of main() is given, whose text it overwrites in its own memory; NULL: as its parent.
 * Without a warden all works, but grandchildren outlive a kill. */
void warden_start(char **argv);

/* Lets it start with the first command, for processes that seldom run any. */
void warden_start_when_needed(char **argv);

/* Where a child reports its group, to be passed to warden_report_begun; -1: there is no warden.
 * Any thread. */
int warden_descriptor(void);

/* In the child between vfork and exec, with all signals blocked: system calls only. */
void warden_report_begun(int descriptor, pid_t group);

/* The group is no longer ours to kill. Any thread. */
void warden_report_over(pid_t group);

#endif
