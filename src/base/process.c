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

bool process_trusts(uid_t user)
{
  return user == 0 || user == geteuid();
}
