#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void buffer_deinit(struct buffer *buffer)
{
  free(buffer->data);
  *buffer = (struct buffer){0};
}

void buffer_clear(struct buffer *buffer)
{
  buffer->size = 0;
  if (buffer->data)
    buffer->data[0] = '\0';
}

void buffer_reserve(struct buffer *buffer, size_t more)
{
  size_t needed = buffer->size + more + 1;
  if (needed <= buffer->capacity)
    return;
  size_t capacity = buffer->capacity ? buffer->capacity : 64;
  while (capacity < needed)
    capacity *= 2;
  buffer->data = memory_resize(buffer->data, capacity);
  buffer->capacity = capacity;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
  buffer_reserve(buffer, size);
  if (size > 0)
    memcpy(buffer->data + buffer->size, bytes, size);
  buffer->size += size;
  buffer->data[buffer->size] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
  buffer_append(buffer, text, strlen(text));
}

void buffer_append_byte(struct buffer *buffer, char byte)
{
  buffer_reserve(buffer, 1);
  buffer->data[buffer->size++] = byte;
  buffer->data[buffer->size] = '\0';
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length > 0) {
    buffer_reserve(buffer, (size_t)length);
    vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
    buffer->size += (size_t)length;
  }
  va_end(again);
}

void buffer_remove_front(struct buffer *buffer, size_t size)
{
  if (size == 0)
    return;
  memmove(buffer->data, buffer->data + size, buffer->size - size);
  buffer->size -= size;
  buffer->data[buffer->size] = '\0';
}

char *buffer_take(struct buffer *buffer)
{
  buffer_reserve(buffer, 0);
  buffer->data[buffer->size] = '\0';
  char *data = buffer->data;
  *buffer = (struct buffer){0};
  return data;
}
