#include "sim/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "sim/book.h"
#include "sim/zones.h"

struct witness {
  FILE *out; /* NULL: nobody listens */
  int64_t number;
};

struct witness *witness_open(const char *folder)
{
  struct witness *witness = memory_alloc(sizeof *witness);
  if (folder) {
    char *path = memory_printf("%s/client.jsonl", folder);
    witness->out = fopen(path, "w");
    if (!witness->out)
      blame("%s cannot be written", path);
    free(path);
  }
  return witness;
}

void witness_close(struct witness *witness)
{
  if (witness->out)
    fclose(witness->out);
  free(witness);
}

int64_t witness_begin(struct witness *witness)
{
  return ++witness->number;
}

/* A line begins with what it is and its number. */
static bool begin_line(struct witness *witness, struct buffer *line, struct json_writer *writer,
                       const char *is)
{
  if (!witness->out)
    return false;
  *writer = (struct json_writer){.out = line};
  json_begin_object(writer);
  json_put_text(writer, "is", is);
  json_put_integer(writer, "n", ++witness->number);
  return true;
}

static void end_line(struct witness *witness, struct buffer *line, struct json_writer *writer)
{
  json_end_object(writer);
  fprintf(witness->out, "%s\n", line->data);
  buffer_deinit(line);
}

void witness_operation(struct witness *witness, int64_t begin, const char *operation,
                       const char *params, int64_t sent_us, int64_t acked_us,
                       const struct message *reply)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "op"))
    return;
  json_put_integer(&writer, "begin", begin);
  json_put_text(&writer, "client", "client");
  json_put_text(&writer, "op", operation);
  json_put_raw(&writer, "params", params);
  json_put_integer(&writer, "sent_us", sent_us);
  if (reply)
    json_put_integer(&writer, "acked_us", acked_us);
  else
    json_put_raw(&writer, "acked_us", "null");
  if (reply && reply->as.reply.code) {
    json_key(&writer, "error");
    json_begin_object(&writer);
    json_put_text(&writer, "code", error_name(reply->as.reply.code));
    json_put_text(&writer, "message", reply->as.reply.text);
    json_end_object(&writer);
  } else if (reply) {
    json_put_raw(&writer, "result", reply->as.reply.text);
  }
  end_line(witness, &line, &writer);
}

void witness_ran(struct witness *witness, const char *run, int32_t attempt, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "ran"))
    return;
  json_put_text(&writer, "run", run);
  json_put_integer(&writer, "attempt", attempt);
  json_put_integer(&writer, "at_us", at_us);
  end_line(witness, &line, &writer);
}

void witness_file(struct witness *witness, const char *script, const char *source, int64_t at_us)
{
  struct json_document *document;
  struct buffer line = {0};
  struct json_writer writer;
  if (!source)
    source = "{\"jobs\":[]}";
  if (!begin_line(witness, &line, &writer, "file"))
    return;
  json_put_text(&writer, "script", script);
  json_put_integer(&writer, "from_us", at_us);
  json_put_integer(&writer, "written_us", at_us);
  if (json_parse(source, strlen(source), &document, NULL)) {
    json_put_boolean(&writer, "is_broken", true);
  } else {
    json_key(&writer, "jobs");
    json_write_tree(&writer, json_get(json_root(document), "jobs"));
    json_free(document);
  }
  end_line(witness, &line, &writer);
}

/* Something that happened at a moment. */
static bool begin_moment(struct witness *witness, struct buffer *line, struct json_writer *writer,
                         const char *is, const char *what, int64_t at_us)
{
  if (!begin_line(witness, line, writer, is))
    return false;
  json_put_text(writer, "what", what);
  json_put_integer(writer, "at_us", at_us);
  return true;
}

void witness_daemon(struct witness *witness, const char *what, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_moment(witness, &line, &writer, "daemon", what, at_us))
    return;
  end_line(witness, &line, &writer);
}

void witness_fault(struct witness *witness, const char *what, int64_t at_us, int64_t until_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_moment(witness, &line, &writer, "fault", what, at_us))
    return;
  json_put_integer(&writer, "until_us", until_us);
  end_line(witness, &line, &writer);
}

void witness_fatal(struct witness *witness, const char *what, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_moment(witness, &line, &writer, "fault", what, at_us))
    return;
  json_put_boolean(&writer, "is_fatal", true);
  end_line(witness, &line, &writer);
}

void witness_answer(struct witness *witness, const char *job, int64_t due_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "answer"))
    return;
  json_put_text(&writer, "job", job);
  json_put_integer(&writer, "due_us", due_us);
  end_line(witness, &line, &writer);
}

void witness_gone(struct witness *witness, const char *job, int64_t number, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "gone"))
    return;
  json_put_text(&writer, "job", job);
  json_put_integer(&writer, "number", number);
  json_put_integer(&writer, "at_us", at_us);
  end_line(witness, &line, &writer);
}

void witness_clock(struct witness *witness, int64_t step_us, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "clock"))
    return;
  json_put_integer(&writer, "step_us", step_us);
  json_put_integer(&writer, "at_us", at_us);
  end_line(witness, &line, &writer);
}

void witness_zones(struct witness *witness, bool are_other, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "zones"))
    return;
  json_put_integer(&writer, "at_us", at_us);
  json_key(&writer, "rules_of");
  json_begin_object(&writer);
  for (int i = 0; are_other && zones_name(i); i++)
    json_put_text(&writer, zones_name(i), zones_other(i));
  json_end_object(&writer);
  end_line(witness, &line, &writer);
}

void witness_settled(struct witness *witness, int64_t at_us)
{
  struct buffer line = {0};
  struct json_writer writer;
  if (!begin_line(witness, &line, &writer, "settled"))
    return;
  json_put_integer(&writer, "at_us", at_us);
  end_line(witness, &line, &writer);
}
