/* Folders of one's own that are not there yet. Any thread. */
#ifndef BASE_TEMPORARY_H
#define BASE_TEMPORARY_H

#include <stdbool.h>

/* Makes a new folder that only its owner may enter. Its path ends with XXXXXX, in whose place comes
 * a name that nobody can foretell (base/random.h). False: errno says why, and the path is as it was
 * given. */
bool temporary_folder(char *path);

#endif
