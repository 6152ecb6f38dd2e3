/* As mkdtemp(3) does it, with the library's random numbers in place of the system's: what a thread
 * does can be done again. */
#include "base/temporary.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/random.h"

enum { NAME_SIZE = 6, TRIES_MAX = 100 };

static const char hole[] = "XXXXXX";
static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";

static void fill(char *name)
{
  uint8_t drawn[NAME_SIZE];
  random_bytes(drawn, sizeof drawn);
  for (int i = 0; i < NAME_SIZE; i++)
    name[i] = letters[drawn[i] % (sizeof letters - 1)];
}

bool temporary_folder(char *path)
{
  size_t size = strlen(path);
  if (size < NAME_SIZE || strcmp(path + size - NAME_SIZE, hole) != 0) {
    errno = EINVAL;
    return false;
  }
  char *name = path + size - NAME_SIZE;
  for (int tries = 0; tries < TRIES_MAX; tries++) {
    fill(name);
    if (mkdir(path, 0700) == 0)
      return true;
    if (errno != EEXIST)
      break;
  }
  memcpy(name, hole, NAME_SIZE);
  return false;
}
