/* A pipe that the handler writes to. libuv's own handlers do not serve here: they need a loop,
 * which there is not yet when the store is opened, and restore the default when it closes, while
 * workers still end. */
#include "app/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "bus/need.h"

enum { SIGNALS = 3 };

static const int numbers[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[SIGNALS];
static int ends[2] = {-1, -1};
static int holders;

static void keep(int number)
{
  int its_errno = errno;
  unsigned char word = (unsigned char)number;
  ssize_t size = write(ends[1], &word, sizeof word);
  (void)size; /* full: as many wait as anybody may want */
  errno = its_errno;
}

void signals_hold(void)
{
  struct sigaction action = {.sa_handler = keep, .sa_flags = SA_RESTART};
  if (holders++ > 0)
    return;
  if (ends[0] < 0)
    need(pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 ? -errno : 0, "the way of signals");
  sigfillset(&action.sa_mask);
  for (size_t i = 0; i < SIGNALS; i++)
    sigaction(numbers[i], &action, &before[i]);
}

void signals_let_go(void)
{
  if (--holders > 0)
    return;
  for (size_t i = 0; i < SIGNALS; i++)
    sigaction(numbers[i], &before[i], NULL);
}

int signals_fd(void)
{
  return ends[0];
}

int signals_take(void)
{
  unsigned char word;
  return read(ends[0], &word, sizeof word) == 1 ? word : 0;
}
