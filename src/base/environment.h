/* Variables that the program sets in its own environment for a library to read. They are nobody
 * else's business: neither children nor scripts see them. */
#ifndef BASE_ENVIRONMENT_H
#define BASE_ENVIRONMENT_H

#include <stdbool.h>

/* Unless it is there already: then it is the user's, and goes to children. Before there are
 * threads; `name` must stay. */
void environment_set_own(const char *name, const char *value);

/* Whether a member of `environ` is such a variable. Any thread. */
bool environment_is_own(const char *variable);

#endif
