/* One daemon a store: a lock file beside the database, locked for as long as the store is open.
 *
 * The lock belongs to the open file description (F_OFD_SETLK), so that the kernel lets go of it
 * when the holder dies in whatever way, and a close() elsewhere in the process does not. The pid in
 * the file is for the message only and may be stale. The file is never removed: between a removal
 * and the next creation two daemons could each lock a file of that name. */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/process.h"

/* A daemon that was killed a moment ago may still be dying, and with it a child that it was just
 * starting and that shares the lock until it has become another program. */
enum { TRIES = 50, PAUSE_US = 20000 };

/* 0: not told. */
static long read_pid(int descriptor)
{
  char text[32] = "";
  ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
  return size > 0 ? strtol(text, NULL, 10) : 0;
}

static enum error_code refuse(int descriptor, const char *path, struct error *error)
{
  long pid = read_pid(descriptor);
  char holder[64] = "";
  if (pid > 0)
    snprintf(holder, sizeof holder, " (pid %ld)", pid);
  return error_set(error, ERROR_BUSY,
                   "another moonbeat%s has %s open: stop it first, or use another --state", holder,
                   path);
}

static void write_pid(int descriptor)
{
  char text[32];
  int size = snprintf(text, sizeof text, "%d\n", process_id());
  /* On a full disk the lock holds without the pid. */
  if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, (size_t)size, 0) < 0)
    return;
}

static bool is_locked_by_another(int system_errno)
{
  return system_errno == EAGAIN || system_errno == EACCES;
}

/* 0, or the errno of the last try. */
static int lock_patiently(int descriptor)
{
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  for (int try = 1; fcntl(descriptor, F_OFD_SETLK, &whole) != 0; try++) {
    if (!is_locked_by_another(errno) || try == TRIES)
      return errno;
    clock_sleep_us(PAUSE_US);
  }
  return 0;
}

enum error_code lock_take(const char *path, int *descriptor, struct error *error)
{
  char *lock_path = memory_printf("%s-lock", path);
  enum error_code code = ERROR_OK;
  int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    code = error_set_errno(error, error_from_errno(errno), errno, "cannot open %s", lock_path);
    goto out;
  }
  int failure = lock_patiently(fd);
  if (!failure) {
    write_pid(fd);
    *descriptor = fd;
    fd = -1;
  } else if (is_locked_by_another(failure)) {
    code = refuse(fd, path, error);
  } else {
    code = error_set_errno(error, ERROR_IO, failure, "cannot lock %s", lock_path);
  }
out:
  if (fd >= 0)
    close(fd);
  free(lock_path);
  return code;
}

bool lock_is_held(const char *path, long *pid)
{
  char *lock_path = memory_printf("%s-lock", path);
  int fd = open(lock_path, O_RDONLY | O_CLOEXEC);
  free(lock_path);
  if (fd < 0)
    return false;
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  bool is_held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  *pid = is_held ? read_pid(fd) : 0;
  close(fd);
  return is_held;
}
