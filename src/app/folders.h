/* The folders that a daemon is started on, and who else has a say in them. Any thread. */
#ifndef APP_FOLDERS_H
#define APP_FOLDERS_H

#include "base/error.h"

/* Makes the state folder if it is not there, closes it to others, and sees to it that it is there
 * after a power cut. ERROR_PERMISSION when others could put files into it all the same. */
enum error_code folders_make_state(const char *path, struct error *error);

/* A sentence when others than this user and root may write job files; NULL when not, or when the
 * folder is not there. A heap string of the caller's. */
char *folders_doubt_jobs(const char *path);

/* Where scripts find secrets: the folder that was named, else one in the state folder; NULL where
 * there is neither. Both may be NULL. A heap string of the caller's. */
char *folders_secrets(const char *secrets_folder, const char *state_folder);

#endif
