#include "base/signal_name.h"

#include <ctype.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const struct {
  const char *name;
  int number;
  const char *reserved;
} signals[] = {
    {"SIGUSR1", SIGUSR1, NULL},
    {"SIGUSR2", SIGUSR2, NULL},
    {"SIGWINCH", SIGWINCH, NULL},
    {"SIGURG", SIGURG, NULL},
    {"SIGIO", SIGIO, NULL},
    {"SIGQUIT", SIGQUIT, NULL},
    {"SIGCONT", SIGCONT, NULL},
    {"SIGTSTP", SIGTSTP, NULL},
    {"SIGALRM", SIGALRM, NULL},
    {"SIGHUP", SIGHUP, "it reads the jobs folder again"},
    {"SIGINT", SIGINT, "it stops the daemon"},
    {"SIGTERM", SIGTERM, "it stops the daemon"},
    {"SIGKILL", SIGKILL, "no program can catch it"},
    {"SIGSTOP", SIGSTOP, "no program can catch it"},
    {"SIGCHLD", SIGCHLD, "it tells of the daemon's own processes"},
    {"SIGPIPE", SIGPIPE, "it tells of the daemon's own pipes"},
    {"SIGSEGV", SIGSEGV, "it is for faults of the program"},
    {"SIGBUS", SIGBUS, "it is for faults of the program"},
    {"SIGFPE", SIGFPE, "it is for faults of the program"},
    {"SIGILL", SIGILL, "it is for faults of the program"},
    {"SIGABRT", SIGABRT, "it is for faults of the program"},
    {"SIGTRAP", SIGTRAP, "it is for debuggers"},
    {"SIGVTALRM", SIGVTALRM, "the daemon measures its slices by it"},
    {"SIGPROF", SIGPROF, "the daemon measures its slices by it"},
};

enum { SIGNALS = sizeof signals / sizeof signals[0], REALTIME_MAX = 30 };

/* "RTMIN", "RTMIN+3" */
static bool parse_realtime(const char *name, int *number)
{
  if (strncasecmp(name, "RTMIN", 5) != 0)
    return false;
  const char *plus = name + 5;
  char *end = (char *)(uintptr_t)plus;
  long offset = 0;
  if (*plus == '+' && isdigit((unsigned char)plus[1]))
    offset = strtol(plus + 1, &end, 10);
  if (*end || offset > SIGRTMAX - SIGRTMIN || offset > REALTIME_MAX)
    return false;
  *number = SIGRTMIN + (int)offset;
  return true;
}

enum error_code signal_parse(const char *text, int *number, struct error *error)
{
  const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
  const char *names[SIGNALS + 1] = {0};
  for (size_t i = 0; i < SIGNALS; i++) {
    names[i] = signals[i].name;
    if (strcasecmp(signals[i].name + 3, name) == 0) {
      *number = signals[i].number;
      return ERROR_OK;
    }
  }
  if (parse_realtime(name, number))
    return ERROR_OK;
  char hint[128], wrong[64];
  snprintf(wrong, sizeof wrong, "SIG%.40s", name);
  for (char *c = wrong; *c; c++)
    *c = (char)toupper((unsigned char)*c);
  return error_set(error, ERROR_INVALID, "unknown signal \"%.40s\"%s", text,
                   text_did_you_mean(hint, wrong, names));
}

const char *signal_name(int number)
{
  static const char *const realtime[REALTIME_MAX + 1] = {
      "SIGRTMIN",    "SIGRTMIN+1",  "SIGRTMIN+2",  "SIGRTMIN+3",  "SIGRTMIN+4",  "SIGRTMIN+5",
      "SIGRTMIN+6",  "SIGRTMIN+7",  "SIGRTMIN+8",  "SIGRTMIN+9",  "SIGRTMIN+10", "SIGRTMIN+11",
      "SIGRTMIN+12", "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16", "SIGRTMIN+17",
      "SIGRTMIN+18", "SIGRTMIN+19", "SIGRTMIN+20", "SIGRTMIN+21", "SIGRTMIN+22", "SIGRTMIN+23",
      "SIGRTMIN+24", "SIGRTMIN+25", "SIGRTMIN+26", "SIGRTMIN+27", "SIGRTMIN+28", "SIGRTMIN+29",
      "SIGRTMIN+30"};
  for (size_t i = 0; i < SIGNALS; i++)
    if (signals[i].number == number)
      return signals[i].name;
  if (number >= SIGRTMIN && number - SIGRTMIN <= REALTIME_MAX)
    return realtime[number - SIGRTMIN];
  return NULL;
}

const char *signal_is_reserved(int number)
{
  for (size_t i = 0; i < SIGNALS; i++)
    if (signals[i].number == number)
      return signals[i].reserved;
  return NULL;
}
