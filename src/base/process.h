/* Who we are among processes. Any thread. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

/* This process's number, as its user sees it. */
int process_id(void);

/* The kernel's number of the calling thread, which no other thread of the system has. */
int process_thread_id(void);

#endif
