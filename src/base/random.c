#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static _Thread_local const struct random_source *source_used;

void random_use(const struct random_source *source)
{
  source_used = source;
}

void random_bytes(void *bytes, size_t size)
{
  if (source_used) {
    source_used->fill(source_used->context, bytes, size);
    return;
  }
  for (size_t done = 0; done < size;) {
    ssize_t got = getrandom((char *)bytes + done, size - done, 0);
    if (got < 0 && errno != EINTR)
      abort(); /* a kernel without it is too old for all else too */
    done += got > 0 ? (size_t)got : 0;
  }
}
