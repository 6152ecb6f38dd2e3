#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static void (*on_exhaustion)(void);

void memory_on_exhaustion(void (*callback)(void))
{
  on_exhaustion = callback;
}

void memory_give_back(void)
{
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10); /* which else grows with what is freed, up to 32 MiB */
#endif
}

static void *check(void *block, size_t size)
{
  if (!block && size > 0) {
    if (on_exhaustion)
      on_exhaustion();
    fprintf(stderr, "moonbeat: out of memory (%zu bytes wanted)\n", size);
    abort();
  }
  return block;
}

void memory_trim(void)
{
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void *memory_alloc(size_t size)
{
  return check(calloc(1, size), size);
}

void *memory_resize(void *block, size_t size)
{
  return check(realloc(block, size), size);
}

void *memory_aligned(size_t alignment, size_t size)
{
  void *block = NULL;
  return check(posix_memalign(&block, alignment, size) == 0 ? block : NULL, size);
}

char *memory_copy(const void *bytes, size_t size)
{
  char *copy = check(malloc(size + 1), size + 1);
  if (size > 0)
    memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}

char *memory_strdup(const char *text)
{
  return text ? memory_copy(text, strlen(text)) : NULL;
}

char *memory_printf(const char *format, ...)
{
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  size_t size = length < 0 ? 1 : (size_t)length + 1;
  char *text = check(malloc(size), size);
  text[0] = '\0';
  vsnprintf(text, size, format, again);
  va_end(again);
  return text;
}
