/* The lowest free number tells how many are left, as the system gives the lowest. Without
 * descriptors_raise(), in a program that hosts the library or in the process of an isolated run,
 * whose limit is its own, nothing is kept from anybody. */
#include "base/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  ENOUGH = 65536, /* more costs memory and is of no use */
  RESERVE_MAX = 64,
  LAST = 4,
  SHARES = 8, /* of a few descriptors each */
};

static struct rlimit before;
static int limit, reserve; /* 0: not raised */

/* Each is open the wrong way round: it fails as a closed one does. */
void descriptors_hold_standard(void)
{
  static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) < 0)
      return; /* no /dev/null: it is as it was */
}

void descriptors_raise(void)
{
  struct rlimit raised;
  if (getrlimit(RLIMIT_NOFILE, &before) != 0)
    return;
  raised = before;
  if (raised.rlim_cur < ENOUGH)
    raised.rlim_cur = raised.rlim_max < ENOUGH ? raised.rlim_max : ENOUGH;
  if (setrlimit(RLIMIT_NOFILE, &raised) != 0)
    raised = before;
  limit = raised.rlim_cur < ENOUGH ? (int)raised.rlim_cur : ENOUGH;
  reserve = limit / SHARES < RESERVE_MAX ? limit / SHARES : RESERVE_MAX;
}

void descriptors_restore(void)
{
  if (limit > 0)
    setrlimit(RLIMIT_NOFILE, &before);
}

static bool are_left(int count)
{
  if (limit == 0)
    return true;
  int fd = open("/", O_PATH | O_CLOEXEC);
  if (fd < 0)
    return errno != EMFILE && errno != ENFILE;
  close(fd);
  return fd < limit - count;
}

enum error_code descriptors_ask(struct error *error)
{
  if (are_left(reserve))
    return ERROR_OK;
  return error_set(
      error, ERROR_LIMIT,
      "too many files are open: the last %d of %d are kept for moonbeat itself (ulimit "
      "-n, LimitNOFILE= of a service)",
      reserve, limit);
}

bool descriptors_are_scarce(void)
{
  return !are_left(LAST);
}

int descriptors_share(int most)
{
  return limit > 0 && limit / SHARES < most ? limit / SHARES : most;
}
