/* JSON (RFC 8259), read strictly and written plainly.
 *
 * Reading is a stream of events (`json_read`, or a reader that takes a text in pieces of work),
 * from which both the tree below and Lua's values are built. Integers that fit int64 stay integers,
 * other numbers are doubles, duplicate keys are kept in order (json_get gives the first). Refused:
 * invalid UTF-8, lone surrogates, infinities, depth over JSON_DEPTH_MAX, text over JSON_SIZE_MAX,
 * anything behind the value. Any thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { JSON_DEPTH_MAX = 100, JSON_SIZE_MAX = 256 << 20 };

enum json_type {
  JSON_NULL,
  JSON_BOOL,
  JSON_INTEGER,
  JSON_NUMBER, /* a double */
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT,
};

/* ---- events ---- */

/* Each returns false to stop reading (json_read then fails with what *error holds). Strings are not
 * NUL-terminated and live only during the call. */
struct json_handler {
  bool (*null)(void *context);
  bool (*boolean)(void *context, bool value);
  bool (*integer)(void *context, int64_t value);
  bool (*number)(void *context, double value);
  bool (*string)(void *context, const char *data, size_t size);
  bool (*key)(void *context, const char *data, size_t size);
  bool (*begin)(void *context, bool is_object);
  bool (*end)(void *context, bool is_object);
};

/* A text that is being read. What it points to must stay until it is closed. */
struct json_reader {
  const char *start, *at, *end;
  const struct json_handler *handler;
  void *context;
  struct buffer scratch; /* of strings with escapes, and numbers */
  struct error *error;
  bool is_done;
  int depth;
  bool is_object[JSON_DEPTH_MAX + 1]; /* of what is open, by its depth */
};

/* Errors are ERROR_INVALID with "line 3, column 7: ..." or ERROR_LIMIT. */
enum error_code json_reader_open(struct json_reader *reader, const char *text, size_t size,
                                 const struct json_handler *handler, void *context,
                                 struct error *error);
/* Reads about so many values more; is_done when that was all. */
enum error_code json_reader_step(struct json_reader *reader, int values);
void json_reader_close(struct json_reader *reader);

/* The whole text at once. */
enum error_code json_read(const char *text, size_t size, const struct json_handler *handler,
                          void *context, struct error *error);

/* ---- the tree ---- */

struct json {
  enum json_type type;
  uint32_t count;    /* children of an array or an object */
  const char *key;   /* in an object: NUL-terminated; else NULL */
  struct json *next; /* next sibling */
  union {
    bool boolean;
    int64_t integer;
    double number;
    struct {
      const char *data; /* NUL-terminated; may hold NULs before the end */
      size_t size;
    } string;
    struct json *first; /* first child */
  } as;
};

struct json_document; /* owns all values and strings of one tree */

enum error_code json_parse(const char *text, size_t size, struct json_document **document,
                           struct error *error);
void json_free(struct json_document *document); /* NULL is fine */
const struct json *json_root(const struct json_document *document);

/* The value of a key; NULL when `object` is NULL, no object, or lacks the key. */
const struct json *json_get(const struct json *object, const char *key);

/* Readers with a default for NULL, JSON null or another type. */
const char *json_text(const struct json *value, const char *otherwise);
int64_t json_integer(const struct json *value, int64_t otherwise);
double json_number(const struct json *value, double otherwise); /* integers too */
bool json_boolean(const struct json *value, bool otherwise);

/* Whether it is a whole number that an int64_t holds, also one with a point: 3.0. */
bool json_whole(const struct json *value, int64_t *whole);

const char *json_type_name(enum json_type type); /* "a string", "an object", for messages */

#define json_each(child, parent)                                                                   \
  for (const struct json *child = (parent) ? (parent)->as.first : NULL; child; child = child->next)

/* ---- writing ---- */

/* Appends to `out`; commas are its business. Nesting is the caller's: begin and end must match. */
struct json_writer {
  struct buffer *out;
  bool needs_comma;
};

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_write_null(struct json_writer *writer);
void json_write_boolean(struct json_writer *writer, bool value);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_number(struct json_writer *writer, double value); /* finite; shortest round trip */
void json_write_text(struct json_writer *writer, const char *text); /* NULL writes null */
/* Invalid UTF-8 becomes U+FFFD, so that what is written can always be read. */
void json_write_string(struct json_writer *writer, const char *data, size_t size);
void json_write_raw(struct json_writer *writer, const char *json, size_t size); /* JSON as it is */
void json_write_tree(struct json_writer *writer, const struct json *value);

/* key and value in one. */
void json_put_text(struct json_writer *writer, const char *key, const char *text);
void json_put_integer(struct json_writer *writer, const char *key, int64_t value);
void json_put_number(struct json_writer *writer, const char *key, double value); /* finite */
void json_put_boolean(struct json_writer *writer, const char *key, bool value);
void json_put_raw(struct json_writer *writer, const char *key, const char *json); /* NULL: null */

#endif
