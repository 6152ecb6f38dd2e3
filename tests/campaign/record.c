/* What a disk is asked for, written down: preloaded into the daemon, this library appends each
 * write, truncation, sync, creation, removal and renaming below the folder RECORD_ROOT to the file
 * RECORD_JOURNAL, in the order in which they happened. disk.py makes of it the disks that a power
 * cut may leave.
 *
 * A record is made after its operation and before the caller hears of it, with a lock held over
 * both, so a record that stands after a sync belongs to an operation that began after it. The lock
 * is that of the journal too (flock): who holds it may kill the process, and there is no operation
 * of which the journal does not know. Its successor would go on behind a commit that the journal
 * lacks, and all that follows would be unreachable on the disks made of it.
 *
 * The journal is opened for appending and may have other writers: the client notes in it what was
 * acknowledged to it, which therefore stands after the sync that made it durable. What is written
 * to the file RECORD_EFFECTS is an effect on the world outside, which no power cut takes back: it
 * is a record of another kind.
 *
 * Syncs are noted and not done, which saves time: the real disk is not to be cut. Only what SQLite
 * and the store use is seen; a shared mapping (the WAL's index) is not, and is lost in a cut.
 *
 * A record: kind, length of the bytes, the wall clock's microseconds, the inode, the offset or a
 * flag; then the bytes. disk.py reads it. Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "next.h"

enum { DESCRIPTORS = 4096, JOURNAL_FD = 900 };

enum kind {
  KIND_BEGIN = 'B',    /* a process that writes */
  KIND_OPEN = 'O',     /* path; CREATED when it was not there */
  KIND_WRITE = 'W',    /* bytes at the offset */
  KIND_TRUNCATE = 'T', /* to the offset */
  KIND_SYNC = 'S',     /* of a file or a folder */
  KIND_UNLINK = 'U',   /* path */
  KIND_RENAME = 'R',   /* path, NUL, path */
  KIND_FOLDER = 'F',   /* path of a new folder */
  KIND_EFFECT = 'E',   /* bytes */
};

struct record {
  uint32_t kind, size;
  int64_t at_us;
  uint64_t inode;
  int64_t offset;
};

enum watched { WATCHED_NOT, WATCHED_FILE, WATCHED_EFFECTS };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static int journal = -1;
static struct stat effects; /* all zero: there is no such file */
static struct {
  enum watched watched;
  uint64_t inode;
} descriptors[DESCRIPTORS];

static void begin_operation(void)
{
  pthread_mutex_lock(&mutex); /* of threads, which share the journal's descriptor */
  while (flock(journal, LOCK_EX) != 0)
    if (errno != EINTR)
      abort();
}

static void end_operation(void)
{
  int why = errno;
  flock(journal, LOCK_UN);
  pthread_mutex_unlock(&mutex);
  errno = why;
}

static void note(enum kind kind, uint64_t inode, int64_t offset, const void *bytes, size_t size)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct record record = {(uint32_t)kind, (uint32_t)size, now.tv_sec * 1000000 + now.tv_nsec / 1000,
                          inode, offset};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)(uintptr_t)bytes, size}};
  if (writev(journal, parts, 2) != (ssize_t)(sizeof record + size))
    abort(); /* a journal with a gap would accuse the innocent */
}

__attribute__((constructor)) static void begin(void)
{
  const char *path = getenv("RECORD_JOURNAL"), *effects_path = getenv("RECORD_EFFECTS");
  root = getenv("RECORD_ROOT");
  if (!path || !root || (effects_path && stat(effects_path, &effects) != 0))
    return;
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  journal = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, JOURNAL_FD); /* out of the daemon's way */
  close(fd);
  if (journal < 0)
    abort();
  note(KIND_BEGIN, 0, getpid(), NULL, 0);
}

static bool is_below_root(const char *path)
{
  return journal >= 0 && strncmp(path, root, strlen(root)) == 0;
}

static enum watched watched(int fd)
{
  return journal >= 0 && fd >= 0 && fd < DESCRIPTORS ? descriptors[fd].watched : WATCHED_NOT;
}

/* ---- names ---- */

static void note_open(int fd, const char *path, bool is_new, int flags)
{
  struct stat facts;
  if (fd < 0 || fd >= DESCRIPTORS || fstat(fd, &facts) != 0)
    return;
  descriptors[fd].inode = facts.st_ino;
  if (is_below_root(path)) {
    descriptors[fd].watched = WATCHED_FILE;
    note(KIND_OPEN, facts.st_ino, is_new, path, strlen(path));
    if ((flags & O_TRUNC) && !is_new)
      note(KIND_TRUNCATE, facts.st_ino, 0, NULL, 0);
  } else if (facts.st_ino == effects.st_ino && facts.st_dev == effects.st_dev) {
    descriptors[fd].watched = WATCHED_EFFECTS;
  }
}

static int open_by(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
  if (journal < 0)
    return next(path, flags, mode);
  begin_operation();
  bool is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
  int fd = next(path, flags, mode);
  note_open(fd, path, is_new, flags);
  end_operation();
  return fd;
}

STAND_BEFORE_OPEN(open, open_by)
STAND_BEFORE_OPEN(open64, open_by)

int close(int fd)
{
  NEXT(close);
  if (watched(fd))
    descriptors[fd].watched = WATCHED_NOT; /* before another thread may get the number */
  return next_close(fd);
}

int unlink(const char *path)
{
  NEXT(unlink);
  if (!is_below_root(path))
    return next_unlink(path);
  begin_operation();
  int result = next_unlink(path);
  if (result == 0)
    note(KIND_UNLINK, 0, 0, path, strlen(path));
  end_operation();
  return result;
}

int rename(const char *from, const char *to)
{
  NEXT(rename);
  if (!is_below_root(from) && !is_below_root(to))
    return next_rename(from, to);
  char names[2 * PATH_MAX];
  size_t from_size = strlen(from) + 1, to_size = strlen(to);
  if (from_size + to_size > sizeof names)
    abort();
  memcpy(names, from, from_size);
  memcpy(names + from_size, to, to_size);
  begin_operation();
  int result = next_rename(from, to);
  if (result == 0)
    note(KIND_RENAME, 0, 0, names, from_size + to_size);
  end_operation();
  return result;
}

int mkdir(const char *path, mode_t mode)
{
  NEXT(mkdir);
  if (!is_below_root(path))
    return next_mkdir(path, mode);
  begin_operation();
  int result = next_mkdir(path, mode);
  if (result == 0)
    note(KIND_FOLDER, 0, 0, path, strlen(path));
  end_operation();
  return result;
}

/* ---- contents ---- */

static void note_write(int fd, off_t offset, const void *bytes, ssize_t size)
{
  if (size <= 0)
    return;
  bool is_effect = descriptors[fd].watched == WATCHED_EFFECTS;
  note(is_effect ? KIND_EFFECT : KIND_WRITE, descriptors[fd].inode, offset, bytes, (size_t)size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
  NEXT(write);
  if (!watched(fd))
    return next_write(fd, bytes, size);
  begin_operation();
  ssize_t written = next_write(fd, bytes, size);
  if (written > 0)
    note_write(fd, lseek(fd, 0, SEEK_CUR) - written, bytes, written);
  end_operation();
  return written;
}

#define PWRITE(name)                                                                               \
  ssize_t name(int fd, const void *bytes, size_t size, off_t offset)                               \
  {                                                                                                \
    NEXT(name);                                                                                    \
    if (!watched(fd))                                                                              \
      return next_##name(fd, bytes, size, offset);                                                 \
    begin_operation();                                                                             \
    ssize_t written = next_##name(fd, bytes, size, offset);                                        \
    note_write(fd, offset, bytes, written);                                                        \
    end_operation();                                                                               \
    return written;                                                                                \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define FTRUNCATE(name)                                                                            \
  int name(int fd, off_t size)                                                                     \
  {                                                                                                \
    NEXT(name);                                                                                    \
    if (watched(fd) != WATCHED_FILE)                                                               \
      return next_##name(fd, size);                                                                \
    begin_operation();                                                                             \
    int result = next_##name(fd, size);                                                            \
    if (result == 0)                                                                               \
      note(KIND_TRUNCATE, descriptors[fd].inode, size, NULL, 0);                                   \
    end_operation();                                                                               \
    return result;                                                                                 \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define SYNC(name)                                                                                 \
  int name(int fd)                                                                                 \
  {                                                                                                \
    NEXT(name);                                                                                    \
    if (watched(fd) != WATCHED_FILE)                                                               \
      return next_##name(fd);                                                                      \
    begin_operation();                                                                             \
    note(KIND_SYNC, descriptors[fd].inode, 0, NULL, 0);                                            \
    end_operation();                                                                               \
    return 0;                                                                                      \
  }
SYNC(fsync)
SYNC(fdatasync)
