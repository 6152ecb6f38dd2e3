/* Positions of file_known: written short, read tolerantly. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "sensor/file_entry.h"

enum {
  DONE_SIZE = 4096, /* what `done` may have where it need not: it is written with each report */
  MEMBER_SIZE = 24, /* beside the path */
};

void file_known_restore(struct file_known *known, const char *position)
{
  struct json_document *document;
  if (json_parse(position, strlen(position), &document, NULL))
    return;
  const struct json *root = json_root(document), *done = json_get(root, "done");
  if (json_get(root, "since") && done) {
    known->is_new = false;
    known->since_ns = json_integer(json_get(root, "since"), 0);
    json_each(member, done) {
      struct file_entry *file = file_known_add(known, member->key);
      file->state = FILE_RESTORED;
      file->known.changed_ns = json_integer(member, 0);
      file_known_list(known, file);
    }
    json_each(member, json_get(root, "todo")) {
      struct file_entry *file = file_known_add(known, member->key);
      file->state = FILE_NEW;
      file->is_created = strcmp(json_text(member, ""), "created") == 0;
      file_known_list(known, file);
    }
  }
  json_free(document);
}

static int compare_newest(const void *a, const void *b)
{
  int64_t x = (*(const struct file_entry *const *)a)->known.changed_ns;
  int64_t y = (*(const struct file_entry *const *)b)->known.changed_ns;
  return (x < y) - (x > y);
}

/* The change time from which on `done` names all: it fits, or they have one time. */
static int64_t choose_since(struct file_entry **newest, size_t count)
{
  size_t size = 0;
  for (size_t i = 0; i < count; i++) {
    size += strlen(newest[i]->path) + MEMBER_SIZE;
    if (size > DONE_SIZE && i > 0)
      return newest[i - 1]->known.changed_ns;
  }
  return 0;
}

static void put_todo(const struct file_known *known, struct json_writer *writer)
{
  bool is_begun = false;
  const struct file_entry *file;
  TAILQ_FOREACH(file, &known->pending, in_pending) {
    if (file->seen.changed_ns >= known->since_ns)
      continue;
    if (!is_begun) {
      json_key(writer, "todo");
      json_begin_object(writer);
      is_begun = true;
    }
    json_put_text(writer, file->path, file->is_created ? "created" : "changed");
  }
  if (is_begun)
    json_end_object(writer);
}

/* Those that a position names, the newest first; the rest leaves the list. */
static size_t find_done(struct file_known *known, struct file_entry ***done)
{
  size_t count = 0, kept = 0;
  struct file_entry *file;
  TAILQ_FOREACH(file, &known->recent, in_recent)
    count++;
  *done = memory_alloc((count + 1) * sizeof **done);
  count = 0;
  TAILQ_FOREACH(file, &known->recent, in_recent)
    (*done)[count++] = file;
  qsort(*done, count, sizeof(struct file_entry *), compare_newest);
  int64_t since_ns = choose_since(*done, count);
  if (since_ns > known->since_ns)
    known->since_ns = since_ns;
  while (kept < count && (*done)[kept]->known.changed_ns >= known->since_ns)
    kept++;
  for (size_t i = kept; i < count; i++)
    file_known_list(known, (*done)[i]);
  return kept;
}

char *file_known_position(struct file_known *known)
{
  struct buffer text = {0};
  struct json_writer writer = {.out = &text};
  struct file_entry **done;
  size_t count = find_done(known, &done);
  json_begin_object(&writer);
  json_put_integer(&writer, "since", known->since_ns);
  json_key(&writer, "done");
  json_begin_object(&writer);
  for (size_t i = 0; i < count; i++)
    json_put_integer(&writer, done[i]->path, done[i]->known.changed_ns);
  json_end_object(&writer);
  put_todo(known, &writer);
  json_end_object(&writer);
  free(done);
  known->is_new = false;
  return buffer_take(&text);
}
