#include "exec/isolate_wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { KIND_SETTINGS = -1, KIND_ALIVE = -2 };

struct header {
  uint32_t size; /* of what follows it */
  int32_t kind;
  uint64_t tag;
};

enum shape {
  PLAIN, /* bytes as they are */
  TEXT,  /* char *, ended by a NUL */
  BYTES, /* char *, whose size stands in the member at `size` */
};

struct field {
  enum message_kind kind;
  enum shape shape;
  size_t offset;
  size_t size;
};

#define ANY ((const struct message *)0)
/* clang-format off */
#define FIELD(kind, shape, member) {kind, shape, offsetof(struct message, as.member), sizeof ANY->as.member}
/* clang-format on */

/* The members of one kind stand together. */
static const struct field fields[] = {
    FIELD(MESSAGE_LOAD, PLAIN, load.generation),
    FIELD(MESSAGE_LOAD, TEXT, load.script),
    FIELD(MESSAGE_LOAD, TEXT, load.path),
    {MESSAGE_LOAD, BYTES, offsetof(struct message, as.load.text),
     offsetof(struct message, as.load.size)},

    FIELD(MESSAGE_RUN, PLAIN, run.attempt),
    FIELD(MESSAGE_RUN, PLAIN, run.generation),
    FIELD(MESSAGE_RUN, TEXT, run.job_id),
    FIELD(MESSAGE_RUN, TEXT, run.func),
    FIELD(MESSAGE_RUN, TEXT, run.command),
    FIELD(MESSAGE_RUN, TEXT, run.args),
    FIELD(MESSAGE_RUN, TEXT, run.events),
    FIELD(MESSAGE_RUN, PLAIN, run.timeout_us),
    FIELD(MESSAGE_RUN, PLAIN, run.soft_timeout_us),
    FIELD(MESSAGE_RUN, PLAIN, run.silence_us),
    FIELD(MESSAGE_RUN, PLAIN, run.isolate),
    FIELD(MESSAGE_RUN, PLAIN, run.limits),
    FIELD(MESSAGE_RUN, TEXT, run.env),
    FIELD(MESSAGE_RUN, TEXT, run.decide),
    FIELD(MESSAGE_RUN, PLAIN, run.is_once),
    FIELD(MESSAGE_RUN, TEXT, run.checkpoint),

    FIELD(MESSAGE_CANCEL, PLAIN, cancel.attempt),
    FIELD(MESSAGE_CANCEL, PLAIN, cancel.state),
    FIELD(MESSAGE_CANCEL, PLAIN, cancel.reason),
    FIELD(MESSAGE_CANCEL, PLAIN, cancel.grace_us),

    FIELD(MESSAGE_REPLY, PLAIN, reply.code),
    FIELD(MESSAGE_REPLY, TEXT, reply.text),

    FIELD(MESSAGE_LOADED, PLAIN, loaded.generation),
    FIELD(MESSAGE_LOADED, PLAIN, loaded.code),
    FIELD(MESSAGE_LOADED, TEXT, loaded.text),
    FIELD(MESSAGE_LOADED, TEXT, loaded.modules),

    FIELD(MESSAGE_STARTED, PLAIN, started.attempt),
    FIELD(MESSAGE_STARTED, PLAIN, started.at_us),

    FIELD(MESSAGE_FINISHED, PLAIN, finished.attempt),
    FIELD(MESSAGE_FINISHED, PLAIN, finished.state),
    FIELD(MESSAGE_FINISHED, PLAIN, finished.started_us),
    FIELD(MESSAGE_FINISHED, PLAIN, finished.finished_us),
    FIELD(MESSAGE_FINISHED, TEXT, finished.result),
    FIELD(MESSAGE_FINISHED, TEXT, finished.error),
    FIELD(MESSAGE_FINISHED, PLAIN, finished.answer),
    FIELD(MESSAGE_FINISHED, PLAIN, finished.usage),

    FIELD(MESSAGE_PROGRESS, PLAIN, progress.done),
    FIELD(MESSAGE_PROGRESS, PLAIN, progress.total),
    FIELD(MESSAGE_PROGRESS, TEXT, progress.note),

    FIELD(MESSAGE_TOLD, PLAIN, told.reason),

    FIELD(MESSAGE_LOG, PLAIN, log.attempt),
    FIELD(MESSAGE_LOG, TEXT, log.script),
    FIELD(MESSAGE_LOG, PLAIN, log.level),
    FIELD(MESSAGE_LOG, PLAIN, log.at_us),
    FIELD(MESSAGE_LOG, TEXT, log.text),

    FIELD(MESSAGE_REQUEST, TEXT, request.op),
    FIELD(MESSAGE_REQUEST, TEXT, request.params),
    FIELD(MESSAGE_REQUEST, TEXT, request.script),
    FIELD(MESSAGE_REQUEST, PLAIN, request.generation),
    FIELD(MESSAGE_REQUEST, PLAIN, request.attempt),
    FIELD(MESSAGE_REQUEST, PLAIN, request.call),
    /* Not request.client, which is the front's to give. */
};

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* A member that is not in the table is lost on the way. Who adds one to a kind above adds its line
 * there, and the new size here. */
#define WHOLE(member, bytes)                                                                       \
  _Static_assert(sizeof(void *) != 8 || sizeof ANY->as.member == (bytes),                          \
                 "as." #member " has changed: see the table of fields above")
WHOLE(load, 40);
WHOLE(run, 168);
WHOLE(cancel, 48);
WHOLE(reply, 16);
WHOLE(loaded, 32);
WHOLE(started, 40);
WHOLE(finished, 128);
WHOLE(progress, 56);
WHOLE(told, 40);
WHOLE(log, 64);
WHOLE(request, 80);

/* ---- putting ---- */

static void *member_at(const struct message *message, size_t offset)
{
  return (char *)(uintptr_t)message + offset;
}

static void put_bytes(struct buffer *out, const char *bytes, size_t size)
{
  uint32_t mark = bytes ? (uint32_t)size + 1 : 0;
  buffer_append(out, &mark, sizeof mark);
  if (bytes)
    buffer_append(out, bytes, size);
}

static void put_field(struct buffer *out, const struct message *message, const struct field *field)
{
  const void *member = member_at(message, field->offset);
  const char *text;
  size_t size;
  if (field->shape == PLAIN) {
    buffer_append(out, member, field->size);
    return;
  }
  memcpy(&text, member, sizeof text);
  size = text && field->shape == TEXT ? strlen(text) : 0;
  if (text && field->shape == BYTES)
    memcpy(&size, member_at(message, field->size), sizeof size);
  put_bytes(out, text, size);
}

/* Returns where the header stands. */
static size_t begin(struct buffer *out, int32_t kind, uint64_t tag)
{
  size_t at = out->size;
  struct header header = {.kind = kind, .tag = tag};
  buffer_append(out, &header, sizeof header);
  return at;
}

static void end(struct buffer *out, size_t at)
{
  uint32_t size = (uint32_t)(out->size - at - sizeof(struct header));
  memcpy(out->data + at + offsetof(struct header, size), &size, sizeof size);
}

bool wire_put(struct buffer *out, const struct message *message)
{
  bool crosses = false;
  for (size_t i = 0; i < FIELD_COUNT && !crosses; i++)
    crosses = fields[i].kind == message->kind;
  if (!crosses)
    return false;
  size_t at = begin(out, (int32_t)message->kind, message->tag);
  for (size_t i = 0; i < FIELD_COUNT; i++)
    if (fields[i].kind == message->kind)
      put_field(out, message, &fields[i]);
  end(out, at);
  return true;
}

void wire_put_settings(struct buffer *out, const char *json)
{
  size_t at = begin(out, KIND_SETTINGS, 0);
  put_bytes(out, json, strlen(json));
  end(out, at);
}

void wire_put_alive(struct buffer *out)
{
  end(out, begin(out, KIND_ALIVE, 0));
}

/* ---- taking ---- */

struct cursor {
  const char *at, *end;
};

static bool take(struct cursor *cursor, void *value, size_t size)
{
  if ((size_t)(cursor->end - cursor->at) < size)
    return false;
  memcpy(value, cursor->at, size);
  cursor->at += size;
  return true;
}

/* *text stays NULL for NULL. */
static bool take_bytes(struct cursor *cursor, char **text, size_t *size)
{
  uint32_t mark;
  *size = 0;
  if (!take(cursor, &mark, sizeof mark))
    return false;
  if (mark == 0)
    return true;
  if ((size_t)(cursor->end - cursor->at) < mark - 1)
    return false;
  *size = mark - 1;
  *text = memory_copy(cursor->at, *size);
  cursor->at += *size;
  return true;
}

static bool take_field(struct cursor *cursor, struct message *message, const struct field *field)
{
  char *text = NULL;
  size_t size;
  if (field->shape == PLAIN)
    return take(cursor, member_at(message, field->offset), field->size);
  bool good = take_bytes(cursor, &text, &size);
  memcpy(member_at(message, field->offset), &text, sizeof text);
  if (field->shape == BYTES)
    memcpy(member_at(message, field->size), &size, sizeof size);
  return good;
}

static struct message *take_message(struct cursor *cursor, const struct header *header)
{
  struct message *message = NULL;
  bool good = true;
  for (size_t i = 0; i < FIELD_COUNT && good; i++) {
    if ((int32_t)fields[i].kind != header->kind)
      continue;
    if (!message)
      message = message_create(fields[i].kind, 0, 0);
    good = take_field(cursor, message, &fields[i]);
  }
  if (message && good && cursor->at == cursor->end) {
    message->tag = header->tag;
    return message;
  }
  message_destroy(message);
  return NULL;
}

enum wire_result wire_take(const struct buffer *in, size_t *at, struct message **message,
                           char **settings)
{
  struct header header;
  struct cursor cursor = {in->data + *at, in->data + in->size};
  if (in->size - *at < sizeof header)
    return WIRE_NOTHING;
  take(&cursor, &header, sizeof header);
  if (header.size > WIRE_FRAME_MAX)
    return WIRE_BROKEN;
  if ((size_t)(cursor.end - cursor.at) < header.size)
    return WIRE_NOTHING;
  cursor.end = cursor.at + header.size;
  *at += sizeof header + header.size;
  if (header.kind == KIND_ALIVE)
    return header.size == 0 ? WIRE_ALIVE : WIRE_BROKEN;
  if (header.kind == KIND_SETTINGS) {
    size_t size;
    *settings = NULL;
    if (take_bytes(&cursor, settings, &size) && *settings && cursor.at == cursor.end)
      return WIRE_SETTINGS;
    free(*settings);
    return WIRE_BROKEN;
  }
  *message = take_message(&cursor, &header);
  return *message ? WIRE_MESSAGE : WIRE_BROKEN;
}
