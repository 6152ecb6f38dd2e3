/* What all targets share, with libFuzzer or with the driver. */
#include "driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

long fuzz_accepted;

void fuzz_fail(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
  char *text = memory_alloc(size + 1);
  memcpy(text, data, size);
  text[size] = '\0';
  return text;
}
