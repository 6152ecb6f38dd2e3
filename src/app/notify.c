#include "app/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

static struct sockaddr_un address;
static socklen_t address_size; /* 0: nobody listens */
static int64_t watchdog_us;

static void read_address(const char *name)
{
  size_t size = strlen(name);
  if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof address.sun_path) {
    log_warn("NOTIFY_SOCKET \"%s\" is neither a path nor an abstract name: it is not used", name);
    return;
  }
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, name, size + 1);
  if (name[0] == '@')
    address.sun_path[0] = '\0';
  address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

static int64_t read_number(const char *name)
{
  const char *text = getenv(name);
  char *end;
  errno = 0;
  long long number = text ? strtoll(text, &end, 10) : 0;
  return text && *text && !*end && errno == 0 && number > 0 ? number : 0;
}

void notify_take_environment(void)
{
  const char *name = getenv("NOTIFY_SOCKET");
  int64_t pid = read_number("WATCHDOG_PID");
  if (name)
    read_address(name);
  if (!pid || pid == process_id())
    watchdog_us = read_number("WATCHDOG_USEC");
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_PID");
  unsetenv("WATCHDOG_USEC");
}

bool notify_is_on(void)
{
  return address_size > 0;
}

int64_t notify_watchdog_us(void)
{
  return address_size ? watchdog_us : 0;
}

void notify_send(const char *format, ...)
{
  char text[1024];
  if (!address_size)
    return;
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size <= 0 || (size_t)size >= sizeof text)
    return;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || sendto(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT,
                       (const struct sockaddr *)&address, address_size) < 0)
    log_debug("the service manager was not told: %s", strerror(errno));
  if (fd >= 0)
    close(fd);
}
