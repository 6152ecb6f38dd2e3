/* A growing run of bytes, always followed by a NUL that is not counted, so that `data` may be read
 * as a C string once something was appended. `struct buffer b = {0}` is an empty one. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
  char *data; /* NULL until the first append */
  size_t size;
  size_t capacity;
};

void buffer_deinit(struct buffer *buffer); /* frees; the buffer is empty again and may be used */
void buffer_clear(struct buffer *buffer);  /* keeps the memory */
void buffer_reserve(struct buffer *buffer, size_t more); /* room for `more` bytes and the NUL */
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_byte(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buffer_remove_front(struct buffer *buffer, size_t size);

/* The bytes as a heap string of the caller's; the buffer is empty afterwards. Never NULL. */
char *buffer_take(struct buffer *buffer);

#endif
