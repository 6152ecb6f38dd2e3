#include "app/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"

/* A folder is there after a power cut when the one that holds it was synced. Each start does so:
 * the one that made it may have been killed before it could. */
static enum error_code keep_name(const char *path, struct error *error)
{
  char *parent = memory_printf("%s/..", path);
  int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(parent);
  if (fd < 0)
    return ERROR_OK; /* not ours to read: whoever made the folder there looks after it */
  enum error_code code = ERROR_OK;
  if (fsync(fd) != 0 && errno != EINVAL) /* which says that there is no such thing here */
    code = error_set_errno(error, ERROR_IO, errno, "cannot sync the folder that holds %s", path);
  close(fd);
  return code;
}

/* Its owner can put another socket, or another store, in the place of ours; so can everybody where
 * the folder is open to all and not ours to close. */
static enum error_code close_to_others(const char *path, const struct stat *facts,
                                       struct error *error)
{
  if (!process_trusts(facts->st_uid))
    return error_set(error, ERROR_PERMISSION,
                     "the state folder %s belongs to user %u, and this is user %u: chown it, or "
                     "give --state",
                     path, (unsigned)facts->st_uid, (unsigned)geteuid());
  if ((facts->st_mode & S_ISVTX) && (facts->st_mode & S_IWOTH))
    return error_set(error, ERROR_PERMISSION,
                     "%s is a folder that users share: give --state a folder of its own", path);
  if (facts->st_uid != geteuid() && (facts->st_mode & S_IWOTH))
    return error_set(error, ERROR_PERMISSION,
                     "the state folder %s can be written by all users (mode %04o), and is root's: "
                     "chmod 700 it, or give --state",
                     path, (unsigned)(facts->st_mode & 07777));
  if (facts->st_uid == geteuid() && (facts->st_mode & 077) && chmod(path, 0700) != 0)
    return error_set_errno(error, ERROR_PERMISSION, errno, "cannot close %s to others", path);
  return ERROR_OK;
}

enum error_code folders_make_state(const char *path, struct error *error)
{
  struct stat facts;
  if (mkdir(path, 0700) != 0 && errno != EEXIST)
    return error_set_errno(error, error_from_errno(errno), errno, "cannot make the state folder %s",
                           path);
  if (stat(path, &facts) != 0)
    return error_set_errno(error, ERROR_IO, errno, "cannot look at the state folder %s", path);
  if (!S_ISDIR(facts.st_mode))
    return error_set(error, ERROR_EXISTS, "%s is not a folder: move it away, or give --state",
                     path);
  enum error_code code = close_to_others(path, &facts, error);
  return code ? code : keep_name(path, error);
}

char *folders_doubt_jobs(const char *path)
{
  struct stat facts;
  if (stat(path, &facts) != 0)
    return NULL;
  if (!process_trusts(facts.st_uid))
    return memory_printf("the jobs folder %s belongs to user %u: what that user puts there runs as "
                         "user %u",
                         path, (unsigned)facts.st_uid, (unsigned)geteuid());
  if (facts.st_mode & S_IWOTH)
    return memory_printf("the jobs folder %s can be written by all users (mode %04o): what they "
                         "put there runs as user %u; chmod o-w it",
                         path, (unsigned)(facts.st_mode & 07777), (unsigned)geteuid());
  return NULL;
}

char *folders_secrets(const char *secrets_folder, const char *state_folder)
{
  if (secrets_folder)
    return memory_strdup(secrets_folder);
  return state_folder ? memory_printf("%s/secrets", state_folder) : NULL;
}
