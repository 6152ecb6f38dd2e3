#include "base/environment.h"

#include <stdlib.h>
#include <string.h>

enum { OWN_MAX = 4 };

static const char *own[OWN_MAX];
static size_t own_count;

void environment_set_own(const char *name, const char *value)
{
  if (getenv(name) || own_count == OWN_MAX)
    return;
  setenv(name, value, 0);
  own[own_count++] = name;
}

bool environment_is_own(const char *variable)
{
  for (size_t i = 0; i < own_count; i++) {
    size_t size = strlen(own[i]);
    if (strncmp(variable, own[i], size) == 0 && variable[size] == '=')
      return true;
  }
  return false;
}
