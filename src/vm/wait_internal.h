/* The call's side of wait.h. On the worker's thread. */
#ifndef VM_WAIT_INTERNAL_H
#define VM_WAIT_INTERNAL_H

struct host;
struct vm_call;

/* The call ends: what it waits for is cancelled, and released when it is done. */
void wait_abandon(struct vm_call *call);

/* Releases what was finished by raising an error. */
void wait_release_stale(struct host *host);

/* The call is told to end: what it waits for is cancelled, and it may go on. */
void wait_tell(struct vm_call *call);

#endif
