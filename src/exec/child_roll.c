#include "exec/child_roll.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, roll_entry) roll = LIST_HEAD_INITIALIZER(roll);

void child_roll_enter(struct roll_entry *entry, const void *loop, pid_t pid)
{
  entry->loop = loop;
  entry->pid = pid;
  pthread_mutex_lock(&mutex);
  LIST_INSERT_HEAD(&roll, entry, link);
  pthread_mutex_unlock(&mutex);
}

pid_t child_roll_reap(struct roll_entry *entry, int *wait_status, struct rusage *used)
{
  pid_t pid;
  pthread_mutex_lock(&mutex);
  do
    pid = wait4(entry->pid, wait_status, WNOHANG, used);
  while (pid < 0 && errno == EINTR);
  if (pid != 0)
    LIST_REMOVE(entry, link);
  pthread_mutex_unlock(&mutex);
  return pid;
}

void child_roll_kill(const void *loop)
{
  struct roll_entry *entry;
  pthread_mutex_lock(&mutex);
  LIST_FOREACH(entry, &roll, link)
    if (entry->loop == loop)
      kill(-entry->pid, SIGKILL);
  pthread_mutex_unlock(&mutex);
}
