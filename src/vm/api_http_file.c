/* Two buffers: the network fills one while a thread of libuv's pool writes the other. One step is
 * under way at most; until it is over, `job`, `replacement` and `written` belong to that thread. */
#include "vm/api_http_file.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "vm/api_fs_job.h"

enum { FILLED_MAX = 1 << 20 };

enum step { STEP_WRITE, STEP_KEEP, STEP_DROP };

struct http_file {
  uv_loop_t *loop;
  uv_work_t request;
  void (*changed)(void *context); /* NULL once it is released */
  void *context;
  size_t size;
  struct buffer filled;
  bool is_complete; /* all was given */
  bool is_busy, is_over;
  enum step step;

  struct buffer written;
  struct fs_job job;
  struct fs_replacement replacement;
  bool has_replacement;
};

static void work(uv_work_t *request)
{
  struct http_file *file = request->data;
  struct fs_job *job = &file->job;
  if (file->step != STEP_DROP && !file->has_replacement) {
    file->has_replacement = true;
    fs_begin_replacement(job, &file->replacement, job->path, 0, false);
  }
  if (file->step == STEP_DROP)
    fs_fail_text(job, ERROR_CANCELLED, "given up"); /* so that it does not get its place */
  else if (!job->code &&
           !fs_write_all(file->replacement.fd, file->written.data, file->written.size))
    fs_fail(job, errno);
  if (file->step == STEP_WRITE)
    return;
  fs_end_replacement(job, &file->replacement);
  file->has_replacement = false;
}

static void free_file(struct http_file *file)
{
  buffer_deinit(&file->filled);
  buffer_deinit(&file->written);
  fs_job_deinit(&file->job);
  free(file);
}

static void on_worked(uv_work_t *request, int status);

/* Begins the next step, if there is one and none is under way. */
static void advance(struct http_file *file)
{
  if (file->is_busy)
    return;
  if (!file->changed && !file->has_replacement) {
    free_file(file);
    return;
  }
  if (file->is_over || (file->changed && !file->is_complete && file->filled.size == 0))
    return;
  file->step = !file->changed ? STEP_DROP : file->is_complete ? STEP_KEEP : STEP_WRITE;
  struct buffer filled = file->filled;
  file->filled = file->written;
  file->written = filled;
  buffer_clear(&file->filled);
  file->is_busy = true;
  uv_queue_work(file->loop, &file->request, work, on_worked);
}

static void on_worked(uv_work_t *request, int status)
{
  struct http_file *file = request->data;
  bool is_watched = file->changed;
  (void)status;
  file->is_busy = false;
  file->is_over = file->step != STEP_WRITE;
  advance(file);
  if (is_watched)
    file->changed(file->context);
}

struct http_file *http_file_create(uv_loop_t *loop, const char *path, const char *shown,
                                   void (*changed)(void *context), void *context)
{
  struct http_file *file = memory_alloc(sizeof *file);
  file->loop = loop;
  file->request.data = file;
  file->changed = changed;
  file->context = context;
  file->job.verb = "write";
  file->job.path = memory_strdup(path);
  file->job.shown = memory_strdup(shown);
  return file;
}

bool http_file_write(struct http_file *file, const char *data, size_t size)
{
  if (file->is_busy && file->filled.size >= FILLED_MAX)
    return false;
  buffer_append(&file->filled, data, size);
  file->size += size;
  advance(file);
  return true;
}

void http_file_finish(struct http_file *file)
{
  file->is_complete = true;
  advance(file);
}

bool http_file_is_over(const struct http_file *file)
{
  return file->is_over;
}

size_t http_file_size(const struct http_file *file)
{
  return file->size;
}

const struct error *http_file_error(const struct http_file *file)
{
  return !file->is_busy && file->job.code ? &file->job.error : NULL;
}

void http_file_release(struct http_file *file)
{
  if (!file)
    return;
  file->changed = NULL;
  advance(file);
}
