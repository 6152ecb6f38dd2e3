/* The descriptors of the daemon's process, which all scripts share with it. Any thread. */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stdbool.h>

#include "base/error.h"

/* Puts something that can be neither read nor written where standard input, output or error are
 * closed, so that nothing that is opened later is taken for them. First of all. */
void descriptors_hold_standard(void);

/* The process may open as many as the system allows, and scripts all but some. Before threads. */
void descriptors_raise(void);

/* For a child before its exec, by system calls only: the limit as it was, since programs that use
 * select(2) cannot do with more. */
void descriptors_restore(void);

/* Whether one more may be opened for a script; else ERROR_LIMIT. */
enum error_code descriptors_ask(struct error *error);

/* Whether none but the last few are left: who is served needs them. */
bool descriptors_are_scarce(void);

/* How many things that hold some descriptors each one script may have, `most` at best. */
int descriptors_share(int most);

#endif
