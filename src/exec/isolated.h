/* A process for isolated runs, from the inside: `moonbeat --child`, which only workers start (see
 * isolate.h).
 *
 * It hosts one worker, the same as the daemon's, on its only thread; what that posts to the
 * scheduler goes out on the standard output, and what comes in on the standard input is posted to
 * it. So all that a run can do, it can do here. It ends when its input does. */
#ifndef EXEC_ISOLATED_H
#define EXEC_ISOLATED_H

/* The whole life, with main()'s words; an exit status. */
int isolated_main(char **argv);

#endif
