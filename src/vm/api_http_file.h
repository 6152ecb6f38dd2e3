/* A file that a response's body is streamed into, by a thread that may block. It takes its place
 * only when all of it is there. No Lua. On the loop's thread. */
#ifndef VM_API_HTTP_FILE_H
#define VM_API_HTTP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct helpers;
struct http_file;

/* Nothing is opened before the first byte, or the end. `changed`: the file takes more, or has
 * ended, or failed. Both texts are copied; `shown` is for messages. */
struct http_file *http_file_create(struct helpers *helpers, const char *path, const char *shown,
                                   void (*changed)(void *context), void *context);

/* False when it shall be given again after `changed`, as the disk is slower than the network. */
bool http_file_write(struct http_file *file, const char *data, size_t size);

/* All was given: sync it and put it into place. `changed` follows. */
void http_file_finish(struct http_file *file);

bool http_file_is_over(const struct http_file *file);              /* after http_file_finish */
size_t http_file_size(const struct http_file *file);               /* what it was given so far */
const struct error *http_file_error(const struct http_file *file); /* NULL: none known */

/* Lets go of it; what is not in its place goes. `changed` is not called any more. */
void http_file_release(struct http_file *file);

#endif
