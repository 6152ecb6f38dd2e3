#include "base/process.h"

#include <sys/syscall.h>
#include <unistd.h>

int process_id(void)
{
  return (int)getpid();
}

int process_thread_id(void)
{
  return (int)syscall(SYS_gettid);
}
