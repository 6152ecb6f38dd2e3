#include "store/sqlite_look.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"

static bool has_beside(const char *path, const char *suffix)
{
  char *beside = memory_printf("%s%s", path, suffix);
  bool has = access(beside, F_OK) == 0;
  free(beside);
  return has;
}

bool sqlite_look_is_still(const char *path)
{
  return !has_beside(path, "-wal") && !has_beside(path, "-journal");
}

/* The characters that have a meaning in a URI are written as such. */
char *sqlite_look_uri(const char *path, bool as_still)
{
  struct buffer uri = {0};
  buffer_append_text(&uri, "file:");
  for (; *path; path++)
    if (strchr("%?#", *path))
      buffer_printf(&uri, "%%%02X", (unsigned)(unsigned char)*path);
    else
      buffer_append_byte(&uri, *path);
  if (as_still)
    buffer_append_text(&uri, "?immutable=1");
  return buffer_take(&uri);
}
