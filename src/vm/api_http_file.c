/* Two buffers: the network fills one while a thread of libuv's pool writes the other. One step is
 * under way at most; until it is over, `job`, `replacement` and `written` belong to that thread. */
#include "vm/api_http_file.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "vm/api_fs_job.h"
#include "vm/helper.h"

enum { FILLED_MAX = 1 << 20 };

enum step { STEP_WRITE, STEP_KEEP, STEP_DROP };

struct http_file {
  struct helpers *helpers;
  struct helper_work helper;
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

static void work(struct helper_work *helper)
{
  struct http_file *file = helper_owner(helper, struct http_file, helper);
  struct fs_job *job = &file->job;
  if (file->step != STEP_DROP && !file->has_replacement) {
    file->has_replacement = true;
    fs_begin_replacement(job, &file->replacement, job->path, 0, false);
  }
  if (file->step == STEP_DROP)
    fs_fail_text(job, ERROR_CANCELLED, "given up"); /* so that it does not get its place */
  else if (!job->code)
    fs_write_all(job, file->replacement.fd, file->written.data, file->written.size);
  if (file->step == STEP_WRITE)
    return;
  fs_end_replacement(job, &file->replacement);
  file->has_replacement = false;
}

static void free_file(struct http_file *file)
{
  helpers_release(file->helpers);
  buffer_deinit(&file->filled);
  buffer_deinit(&file->written);
  fs_job_deinit(&file->job);
  free(file);
}

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
  helper_start(file->helpers, &file->helper);
}

static void on_worked(struct helper_work *helper, bool was_done)
{
  struct http_file *file = helper_owner(helper, struct http_file, helper);
  bool is_watched = file->changed;
  (void)was_done; /* none is taken back */
  file->is_busy = false;
  file->is_over = file->step != STEP_WRITE;
  advance(file);
  if (is_watched)
    file->changed(file->context);
}

struct http_file *http_file_create(struct helpers *helpers, const char *path, const char *shown,
                                   void (*changed)(void *context), void *context)
{
  struct http_file *file = memory_alloc(sizeof *file);
  helpers_hold(helpers);
  file->helpers = helpers;
  file->helper = (struct helper_work){.work = work, .done = on_worked};
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
