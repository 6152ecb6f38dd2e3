/* Names of signals, as signal(7) has them. Any thread. */
#ifndef BASE_SIGNAL_NAME_H
#define BASE_SIGNAL_NAME_H

#include "base/error.h"

/* "SIGUSR1", "usr1", "RTMIN+3". ERROR_INVALID with the nearest name. */
enum error_code signal_parse(const char *text, int *number, struct error *error);

/* "SIGUSR1", "SIGRTMIN+3"; a static string, NULL for a number that is none. */
const char *signal_name(int number);

/* Why the program does not let others wait for it, a static sentence; NULL: it does. */
const char *signal_is_reserved(int number);

#endif
