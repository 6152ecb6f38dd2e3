#include "ctl/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* *folder_fd must stay open while the address is used; -1 when it was not needed. */
static bool make_address(const char *path, struct sockaddr_un *address, int *folder_fd)
{
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  *folder_fd = -1;
  size_t size = strlen(path);
  if (size < sizeof address->sun_path) {
    memcpy(address->sun_path, path, size + 1);
    return true;
  }
  const char *slash = strrchr(path, '/');
  char folder[4096];
  if (!slash || (size_t)(slash - path) >= sizeof folder) {
    errno = ENAMETOOLONG;
    return false;
  }
  memcpy(folder, path, (size_t)(slash - path));
  folder[slash - path] = '\0';
  *folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*folder_fd < 0)
    return false;
  int written = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s",
                         *folder_fd, slash);
  if (written < 0 || (size_t)written >= sizeof address->sun_path) {
    close(*folder_fd);
    errno = ENAMETOOLONG;
    return false;
  }
  return true;
}

typedef int (*address_function)(int fd, const struct sockaddr *address, socklen_t size);

static int open_with(const char *path, mode_t mode, address_function function)
{
  struct sockaddr_un address;
  int folder_fd;
  if (!make_address(path, &address, &folder_fd))
    return -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* The mode of the socket's own inode is what bind gives the file: there is no moment at which
   * others could connect, and the process's umask is left alone. */
  if (fd >= 0 && mode)
    fchmod(fd, mode);
  if (fd >= 0 && function(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
    int why = errno;
    close(fd);
    errno = why;
    fd = -1;
  }
  int why = errno;
  if (folder_fd >= 0)
    close(folder_fd);
  errno = why;
  return fd;
}

int unix_socket_bind(const char *path)
{
  return open_with(path, 0600, bind);
}

int unix_socket_connect(const char *path)
{
  return open_with(path, 0, connect);
}

bool unix_socket_peer(int fd, uid_t *uid)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return false;
  *uid = peer.uid;
  return true;
}
