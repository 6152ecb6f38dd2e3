/* Who we are among processes. Any thread. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* This process's number, as its user sees it. */
int process_id(void);

/* The kernel's number of the calling thread, which no other thread of the system has. */
int process_thread_id(void);

/* Whether that user may do all that this process may: it is its own user, or root. */
bool process_trusts(uid_t user);

#endif
