/* The only place that draws random numbers. A thread may be given a source of its own, so that what
 * it does can be done again. Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* Bytes that nobody can foretell: the kernel's, unless this thread has another source. */
void random_bytes(void *bytes, size_t size);

/* Where the calling thread draws from now on; NULL: from the kernel. The source is the caller's. */
struct random_source {
  void (*fill)(void *context, void *bytes, size_t size);
  void *context;
};
void random_use(const struct random_source *source);

#endif
