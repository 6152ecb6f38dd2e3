/* Unix stream sockets by path, of any length: a path that does not fit into sockaddr_un is reached
 * through /proc/self/fd of its folder. Descriptors are close-on-exec. Any thread. */
#ifndef CTL_UNIX_SOCKET_H
#define CTL_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* A bound, not yet listening socket of mode 0600; -1 with errno set. */
int unix_socket_bind(const char *path);

/* A connected socket (blocking); -1 with errno set. */
int unix_socket_connect(const char *path);

/* The user at the other end; false when the system does not tell. */
bool unix_socket_peer(int fd, uid_t *uid);

#endif
