/* What a thread cannot live without: its loop, its mailbox, itself. */
#ifndef BUS_NEED_H
#define BUS_NEED_H

/* `result` as libuv's functions give it: below 0, the process says what it could not get and what
 * to do, and exits with EX_IOERR. Any thread. */
void need(int result, const char *what);

#endif
