#include "testing/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/temporary.h"
#include "vm/api_fs_work.h"

static enum error_code make_folder(const char *path, struct error *error)
{
  if (mkdir(path, 0700) != 0)
    return error_set_errno(error, ERROR_IO, errno, "cannot make the folder %s", path);
  return ERROR_OK;
}

static enum error_code make_inner(const char *path, struct error *error)
{
  char *jobs = memory_printf("%s/jobs", path), *secrets = memory_printf("%s/secrets", path);
  enum error_code code = make_folder(jobs, error);
  if (!code)
    code = make_folder(secrets, error);
  free(jobs);
  free(secrets);
  return code;
}

enum error_code scratch_make(char **path, struct error *error)
{
  const char *base = getenv("TMPDIR");
  char *made = memory_printf("%s/moonbeat-testing-XXXXXX", base && *base ? base : "/tmp");
  if (!temporary_folder(made)) {
    enum error_code code = error_set_errno(error, ERROR_IO, errno, "cannot make %s", made);
    free(made);
    return code;
  }
  *path = made;
  return make_inner(made, error);
}

enum error_code scratch_empty(const char *path, struct error *error)
{
  scratch_remove(path);
  enum error_code code = make_folder(path, error);
  return code ? code : make_inner(path, error);
}

void scratch_remove(const char *path)
{
  struct fs_job job = {
      .verb = "remove", .path = memory_strdup(path), .shown = memory_strdup(path), .flag = true};
  fs_work_remove(&job);
  fs_job_deinit(&job);
}

static enum error_code end_job(struct fs_job *job, struct error *error)
{
  enum error_code code = job->code;
  *error = job->error;
  fs_job_deinit(job);
  return code;
}

enum error_code scratch_write(const char *path, const char *text, size_t size, struct error *error)
{
  const char *slash = strrchr(path, '/');
  char *folder = memory_copy(path, slash ? (size_t)(slash - path) : 0);
  struct fs_job mkdir = {
      .verb = "mkdir", .path = folder, .shown = memory_strdup(folder), .flag = true};
  if (*folder)
    fs_work_mkdir(&mkdir);
  enum error_code code = end_job(&mkdir, error);
  if (code)
    return code;
  struct fs_job write = {
      .verb = "write", .path = memory_strdup(path), .shown = memory_strdup(path), .mode = -1};
  buffer_append(&write.data, text, size);
  fs_work_write(&write);
  return end_job(&write, error);
}

enum error_code scratch_write_secret(const char *path, const char *name, const char *value,
                                     size_t size, struct error *error)
{
  if (!*name || *name == '.' || strchr(name, '/'))
    return error_set(error, ERROR_INVALID, "\"%s\" cannot be the name of a secret", name);
  char *file = memory_printf("%s/secrets/%s", path, name);
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  enum error_code code = ERROR_OK;
  if (fd < 0 || write(fd, value, size) != (ssize_t)size)
    code = error_set_errno(error, ERROR_IO, errno, "cannot write %s", file);
  if (fd >= 0)
    close(fd);
  free(file);
  return code;
}
