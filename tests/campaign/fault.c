/* A system that says no: preloaded into the daemon, this library makes the n-th call of a kind
 * fail, once or as long as it lasts. campaign_faults.py goes through the kinds and the calls.
 *
 *   FAULT_KIND     a name of the list below: a kind is one function of libc or several that do the
 *                  same, on regular files or on sockets where that is told apart
 *   FAULT_AT       the first call that fails, counted from 1
 *   FAULT_PLACE    in its stead: the first call that comes from there fails, see find_place()
 *   FAULT_ERRNO    its number; 0 with a write: half of it is written, as when a disk fills
 *   FAULT_KILL     set: instead the daemon is killed before that call
 *   FAULT_WHILE    a file: as long as it exists, later calls fail too; unset: one call only
 *   FAULT_SPARE    a file whose writes never fail, nor do those to standard error: witnesses
 *   FAULT_LOG      a file that gets a line for the first failure, with the name of the descriptor
 *   FAULT_COUNTS   a file of a counter for each kind, of which a campaign learns how far to go
 *   FAULT_PLACES   a file of a line for each place that memory was asked for, likewise
 *
 * Calls are counted in the daemon alone: its children inherit neither the library nor the fault.
 * Memory is libc's own (__libc_malloc), as dlsym itself allocates. What libc calls inside itself
 * (fopen, nftw) is not seen. Any thread. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "next.h"

#define KINDS(X)                                                                                   \
  X(open)                                                                                          \
  X(read)                                                                                          \
  X(write)                                                                                         \
  X(pread)                                                                                         \
  X(pwrite)                                                                                        \
  X(fsync)                                                                                         \
  X(fdatasync)                                                                                     \
  X(ftruncate)                                                                                     \
  X(mmap)                                                                                          \
  X(unlink)                                                                                        \
  X(mkdir)                                                                                         \
  X(chmod)                                                                                         \
  X(opendir)                                                                                       \
  X(stat)                                                                                          \
  X(lock)                                                                                          \
  X(close)                                                                                         \
  X(socket)                                                                                        \
  X(bind)                                                                                          \
  X(listen)                                                                                        \
  X(accept)                                                                                        \
  X(receive)                                                                                       \
  X(send)                                                                                          \
  X(pipe)                                                                                          \
  X(eventfd)                                                                                       \
  X(epoll_create)                                                                                  \
  X(epoll_ctl)                                                                                     \
  X(epoll_wait)                                                                                    \
  X(timerfd)                                                                                       \
  X(timer)                                                                                         \
  X(inotify)                                                                                       \
  X(inotify_watch)                                                                                 \
  X(thread)                                                                                        \
  X(fork)                                                                                          \
  X(pidfd)                                                                                         \
  X(malloc)

enum kind {
#define X(name) KIND_##name,
  KINDS(X)
#undef X
      KIND_COUNT
};

static const char *const names[] = {
#define X(name) #name,
    KINDS(X)
#undef X
};

enum { PLACE_DEPTH = 10 };

static bool is_ready;
static pid_t daemon_pid;
static enum kind fault_kind = KIND_COUNT;
static unsigned long fault_at;
static uint64_t fault_place; /* 0: it is counted */
static atomic_bool place_was_met;
static int fault_errno;
static bool fault_kills;
static const char *fault_while;
static int fault_log = -1, places_log = -1;
static struct stat spared;
static atomic_ulong own_counts[KIND_COUNT], *counts = own_counts;

static void open_files(void)
{
  const char *log = getenv("FAULT_LOG"), *shared = getenv("FAULT_COUNTS"),
             *spare = getenv("FAULT_SPARE"), *places = getenv("FAULT_PLACES");
  if (spare && stat(spare, &spared) != 0)
    abort();
  if (log)
    fault_log = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (places)
    places_log = open(places, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  int fd = shared ? open(shared, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd < 0)
    return;
  if (ftruncate(fd, sizeof own_counts) == 0) {
    void *memory = mmap(NULL, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED)
      counts = memory;
  }
  close(fd);
}

/* ---- places ---- */

/* One of tens of thousands of requests for memory is like another if those who ask are the same:
 * the callers that matter, as a number that stays when libraries are loaded elsewhere. */
static uint64_t find_place(void)
{
  void *callers[PLACE_DEPTH];
  uint64_t place = 0xCBF29CE484222325; /* FNV-1a, of words */
  int count = backtrace(callers, PLACE_DEPTH);
  for (int i = 0; i < count; i++) {
    struct dl_find_object library;
    uintptr_t address = (uintptr_t)callers[i];
    if (_dl_find_object(callers[i], &library) == 0)
      address -= (uintptr_t)library.dlfo_map_start;
    place = (place ^ address) * 0x100000001B3;
  }
  return place;
}

static bool is_new(uint64_t place)
{
  static atomic_uint_fast64_t known[1 << 16];
  enum { SLOTS = sizeof known / sizeof known[0] };
  for (uint64_t slot = place % SLOTS;; slot = (slot + 1) % SLOTS) {
    uint_fast64_t there = 0;
    if (atomic_compare_exchange_strong(&known[slot], &there, place))
      return true;
    if (there == place)
      return false;
  }
}

static void note_place(uint64_t place)
{
  char line[32];
  int size = snprintf(line, sizeof line, "%016" PRIx64 "\n", place);
  if (is_new(place) && syscall(SYS_write, places_log, line, (size_t)size) < 0)
    return;
}

/* ---- the beginning ---- */

__attribute__((constructor)) static void begin(void)
{
  const char *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT"), *place = getenv("FAULT_PLACE"),
             *number = getenv("FAULT_ERRNO");
  open_files();
  for (int i = 0; kind && i < KIND_COUNT; i++)
    if (strcmp(names[i], kind) == 0)
      fault_kind = (enum kind)i;
  fault_at = at ? strtoul(at, NULL, 10) : 0;
  fault_place = place ? strtoull(place, NULL, 16) : 0;
  fault_errno = number ? (int)strtol(number, NULL, 10) : EIO;
  fault_while = getenv("FAULT_WHILE");
  fault_kills = getenv("FAULT_KILL") != NULL;
  daemon_pid = getpid();
  unsetenv("LD_PRELOAD");
  if (fault_place || places_log >= 0)
    find_place(); /* the first time it asks for memory itself */
  is_ready = true;
}

/* ---- the decision ---- */

/* Of the first failure: what it hit. */
static void tell(enum kind kind, unsigned long n, const char *path, int fd)
{
  char link[64], target[512] = "", line[1024];
  if (!path && fd >= 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof target - 1);
    target[size > 0 ? size : 0] = '\0';
    path = target;
  }
  int size = snprintf(line, sizeof line, "%s %lu %s\n", names[kind], n, path ? path : "");
  if (size > 0 && syscall(SYS_write, fault_log, line, (size_t)size) < 0)
    return;
}

static bool lasts(void)
{
  return fault_while && faccessat(AT_FDCWD, fault_while, F_OK, 0) == 0;
}

/* 0: this call is the first to fail; below: it comes before that; above: after. */
static int compare(unsigned long n, uint64_t place)
{
  if (!fault_place)
    return n < fault_at ? -1 : n > fault_at;
  if (place == fault_place && !atomic_exchange(&place_was_met, true))
    return 0;
  return place_was_met ? 1 : -1;
}

/* Whether this call is to fail; errno is set then. */
static bool fails(enum kind kind, const char *path, int fd)
{
  if (!is_ready || getpid() != daemon_pid)
    return false;
  uint64_t place = kind == KIND_malloc && (fault_place || places_log >= 0) ? find_place() : 0;
  if (place && places_log >= 0)
    note_place(place);
  unsigned long n = atomic_fetch_add(&counts[kind], 1) + 1;
  int order = kind == fault_kind ? compare(n, place) : -1;
  if (order < 0 || (order > 0 && !lasts()))
    return false;
  if (order == 0 && fault_log >= 0)
    tell(kind, n, path, fd);
  if (fault_kills)
    kill(daemon_pid, SIGKILL);
  errno = fault_errno;
  return true;
}

/* Files and sockets are written and read by the same functions; pipes and the like do not fail. */
static bool moving_fails(enum kind on_file, enum kind on_socket, int fd)
{
  NEXT(fstat);
  struct stat facts;
  if (!is_ready || fd == STDERR_FILENO || next_fstat(fd, &facts) != 0)
    return false;
  if (facts.st_ino == spared.st_ino && facts.st_dev == spared.st_dev)
    return false;
  return (S_ISREG(facts.st_mode) && fails(on_file, NULL, fd)) ||
         (S_ISSOCK(facts.st_mode) && fails(on_socket, NULL, fd));
}

/* ---- files ---- */

static int open_by(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
  return fails(KIND_open, path, -1) ? -1 : next(path, flags, mode);
}

STAND_BEFORE_OPEN(open, open_by)
STAND_BEFORE_OPEN(open64, open_by)

ssize_t read(int fd, void *bytes, size_t size)
{
  NEXT(read);
  return moving_fails(KIND_read, KIND_receive, fd) ? -1 : next_read(fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
  NEXT(write);
  if (!moving_fails(KIND_write, KIND_send, fd))
    return next_write(fd, bytes, size);
  return errno == 0 ? next_write(fd, bytes, (size + 1) / 2) : -1;
}

#define PREAD(name)                                                                                \
  ssize_t name(int fd, void *bytes, size_t size, off_t offset)                                     \
  {                                                                                                \
    NEXT(name);                                                                                    \
    return fails(KIND_pread, NULL, fd) ? -1 : next_##name(fd, bytes, size, offset);                \
  }
PREAD(pread)
PREAD(pread64)

#define PWRITE(name)                                                                               \
  ssize_t name(int fd, const void *bytes, size_t size, off_t offset)                               \
  {                                                                                                \
    NEXT(name);                                                                                    \
    if (!fails(KIND_pwrite, NULL, fd))                                                             \
      return next_##name(fd, bytes, size, offset);                                                 \
    return errno == 0 ? next_##name(fd, bytes, (size + 1) / 2, offset) : -1;                       \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

/* A function of a kind that returns -1 when it fails: of a descriptor, of a path, of neither. */
#define OF_DESCRIPTOR(type, name, kind, parameters, ...)                                           \
  type name parameters                                                                             \
  {                                                                                                \
    NEXT(name);                                                                                    \
    return fails(KIND_##kind, NULL, fd) ? -1 : next_##name(__VA_ARGS__);                           \
  }
#define OF_PATH(name, kind, parameters, ...)                                                       \
  int name parameters                                                                              \
  {                                                                                                \
    NEXT(name);                                                                                    \
    return fails(KIND_##kind, path, -1) ? -1 : next_##name(__VA_ARGS__);                           \
  }
#define PLAIN(name, kind, parameters, ...)                                                         \
  int name parameters                                                                              \
  {                                                                                                \
    NEXT(name);                                                                                    \
    return fails(KIND_##kind, NULL, -1) ? -1 : next_##name(__VA_ARGS__);                           \
  }

OF_DESCRIPTOR(int, fsync, fsync, (int fd), fd)
OF_DESCRIPTOR(int, fdatasync, fdatasync, (int fd), fd)
OF_DESCRIPTOR(int, ftruncate, ftruncate, (int fd, off_t size), fd, size)
OF_DESCRIPTOR(int, ftruncate64, ftruncate, (int fd, off_t size), fd, size)
OF_DESCRIPTOR(int, fstat, stat, (int fd, struct stat *facts), fd, facts)
OF_DESCRIPTOR(int, fstat64, stat, (int fd, struct stat64 *facts), fd, facts)
OF_PATH(stat, stat, (const char *restrict path, struct stat *restrict facts), path, facts)
OF_PATH(stat64, stat, (const char *restrict path, struct stat64 *restrict facts), path, facts)
OF_PATH(lstat, stat, (const char *restrict path, struct stat *restrict facts), path, facts)
OF_PATH(lstat64, stat, (const char *restrict path, struct stat64 *restrict facts), path, facts)
OF_PATH(fstatat, stat,
        (int folder, const char *restrict path, struct stat *restrict facts, int flags), folder,
        path, facts, flags)
OF_PATH(fstatat64, stat,
        (int folder, const char *restrict path, struct stat64 *restrict facts, int flags), folder,
        path, facts, flags)
OF_PATH(access, stat, (const char *path, int how), path, how)
OF_PATH(chmod, chmod, (const char *path, mode_t mode), path, mode)
OF_DESCRIPTOR(int, fchmod, chmod, (int fd, mode_t mode), fd, mode)
OF_PATH(unlink, unlink, (const char *path), path)
OF_PATH(mkdir, mkdir, (const char *path, mode_t mode), path, mode)

DIR *opendir(const char *path)
{
  NEXT(opendir);
  return fails(KIND_opendir, path, -1) ? NULL : next_opendir(path);
}

#define MMAP(name)                                                                                 \
  void *name(void *at, size_t size, int protection, int flags, int fd, off_t offset)               \
  {                                                                                                \
    NEXT(name);                                                                                    \
    return fails(KIND_mmap, NULL, fd) ? MAP_FAILED                                                 \
                                      : next_##name(at, size, protection, flags, fd, offset);      \
  }
MMAP(mmap)
MMAP(mmap64)

/* Locks only. */
#define FCNTL(name)                                                                                \
  int name(int fd, int command, ...)                                                               \
  {                                                                                                \
    NEXT(name);                                                                                    \
    va_list arguments;                                                                             \
    va_start(arguments, command);                                                                  \
    void *argument = va_arg(arguments, void *);                                                    \
    va_end(arguments);                                                                             \
    bool is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;            \
    return is_lock && fails(KIND_lock, NULL, fd) ? -1 : next_##name(fd, command, argument);        \
  }
FCNTL(fcntl)
FCNTL(fcntl64)

/* It is closed all the same, as Linux does. */
int close(int fd)
{
  NEXT(close);
  bool failed = fails(KIND_close, NULL, fd);
  int why = errno, result = next_close(fd);
  if (!failed)
    return result;
  errno = why;
  return -1;
}

/* ---- sockets and the loop ---- */

PLAIN(socket, socket, (int domain, int type, int protocol), domain, type, protocol)
PLAIN(socketpair, socket, (int domain, int type, int protocol, int ends[2]), domain, type, protocol,
      ends)
OF_DESCRIPTOR(int, bind, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t size), fd, address,
              size)
OF_DESCRIPTOR(int, listen, listen, (int fd, int backlog), fd, backlog)
OF_DESCRIPTOR(int, accept4, accept,
              (int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags), fd, address,
              size, flags)
OF_DESCRIPTOR(ssize_t, recvmsg, receive, (int fd, struct msghdr *message, int flags), fd, message,
              flags)
OF_DESCRIPTOR(ssize_t, sendmsg, send, (int fd, const struct msghdr *message, int flags), fd,
              message, flags)
PLAIN(pipe2, pipe, (int ends[2], int flags), ends, flags)
PLAIN(eventfd, eventfd, (unsigned value, int flags), value, flags)
PLAIN(epoll_create1, epoll_create, (int flags), flags)
OF_DESCRIPTOR(int, epoll_ctl, epoll_ctl,
              (int epoll, int operation, int fd, struct epoll_event *event), epoll, operation, fd,
              event)
OF_DESCRIPTOR(int, epoll_wait, epoll_wait,
              (int fd, struct epoll_event *events, int size, int timeout_ms), fd, events, size,
              timeout_ms)
OF_DESCRIPTOR(int, epoll_pwait, epoll_wait,
              (int fd, struct epoll_event *events, int size, int timeout_ms, const sigset_t *mask),
              fd, events, size, timeout_ms, mask)
PLAIN(timerfd_create, timerfd, (clockid_t clock, int flags), clock, flags)
PLAIN(timer_create, timer,
      (clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer), clock, event,
      timer)
PLAIN(inotify_init1, inotify, (int flags), flags)
OF_PATH(inotify_add_watch, inotify_watch, (int fd, const char *path, uint32_t mask), fd, path, mask)

/* ---- threads, processes, memory ---- */

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*start)(void *), void *restrict argument)
{
  NEXT(pthread_create);
  return fails(KIND_thread, NULL, -1) ? errno
                                      : next_pthread_create(thread, attributes, start, argument);
}

pid_t fork(void)
{
  NEXT(fork);
  return fails(KIND_fork, NULL, -1) ? -1 : next_fork();
}

/* A fork: nothing can return before its child is done with the memory that they share. */
pid_t vfork(void)
{
  return fork();
}

/* For calls without a function: the descriptor of a child. */
long syscall(long number, ...)
{
  NEXT(syscall);
  long words[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++)
    words[i] = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_pidfd_open && fails(KIND_pidfd, NULL, -1))
    return -1;
  return next_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
  return fails(KIND_malloc, NULL, -1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
  return fails(KIND_malloc, NULL, -1) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
  return size > 0 && fails(KIND_malloc, NULL, -1) ? NULL : __libc_realloc(block, size);
}
