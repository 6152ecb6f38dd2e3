/* `moonbeat import crontab FILE`: a crontab as a job file, on standard output or in a file that is
 * not there yet. Lines that are not understood are told one by one and stay in the job file as
 * comments; then the exit status is 65. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "ctl/cli_common.h"
#include "ctl/crontab.h"

enum { CRONTAB_MAX_SIZE = 4 << 20 };

/* ---- files ---- */

static enum error_code read_all(int fd, const char *name, struct buffer *text, struct error *error)
{
  for (;;) {
    buffer_reserve(text, 65536);
    ssize_t size = read(fd, text->data + text->size, 65536);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return error_set_errno(error, ERROR_IO, errno, "cannot read %s", name);
    if (size == 0)
      return ERROR_OK;
    text->size += (size_t)size;
    text->data[text->size] = '\0';
    if (text->size > CRONTAB_MAX_SIZE)
      return error_set(error, ERROR_LIMIT, "%s is longer than 4 MiB: it is no crontab", name);
  }
}

static enum error_code read_source(const char *path, struct buffer *text, struct error *error)
{
  if (strcmp(path, "-") == 0)
    return read_all(STDIN_FILENO, "standard input", text, error);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return error_set_errno(error, error_from_errno(errno), errno, "cannot open %s", path);
  enum error_code code = read_all(fd, path, text, error);
  close(fd);
  return code;
}

/* The text is on the disk when this returns: what takes its name later must not be empty after a
 * power cut. */
static enum error_code write_all(int fd, const char *path, const struct buffer *text,
                                 struct error *error)
{
  for (size_t at = 0; at < text->size;) {
    ssize_t size = write(fd, text->data + at, text->size - at);
    if (size < 0 && errno != EINTR)
      return error_set_errno(error, error_from_errno(errno), errno, "cannot write %s", path);
    at += size > 0 ? (size_t)size : 0;
  }
  if (fsync(fd) != 0 && errno != EINVAL) /* which says that there is no such thing here */
    return error_set_errno(error, ERROR_IO, errno, "cannot write %s", path);
  return ERROR_OK;
}

/* Under a name of its own first, which a daemon that watches the folder passes over, and then in
 * one step: nobody sees half a file, and without `may_replace` nothing is ever replaced. */
static enum error_code write_file(const char *path, const struct buffer *text, bool may_replace,
                                  struct error *error)
{
  struct stat found;
  if (lstat(path, &found) == 0 && (!may_replace || S_ISDIR(found.st_mode)))
    return error_set(error, ERROR_EXISTS,
                     S_ISDIR(found.st_mode) ? "%s is a folder: name a file"
                                            : "%s exists: --force replaces it",
                     path);
  char *draft = memory_printf("%s.%d.tmp", path, process_id());
  int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  enum error_code code = ERROR_OK;
  if (fd < 0) {
    code = error_set_errno(error, error_from_errno(errno), errno, "cannot write %s", path);
  } else {
    code = write_all(fd, path, text, error);
    close(fd);
    int status = code ? 0 : may_replace ? rename(draft, path) : link(draft, path);
    if (status < 0)
      code = error_set_errno(error, errno == EEXIST ? ERROR_EXISTS : ERROR_IO, errno,
                             "cannot write %s", path);
    if (code || !may_replace)
      unlink(draft);
  }
  free(draft);
  return code;
}

/* ---- the command ---- */

static const char *home_of(const char *user)
{
  const struct passwd *found = getpwnam(user);
  return found ? found->pw_dir : NULL;
}

static bool is_system_path(const char *path)
{
  return strcmp(path, "/etc/crontab") == 0 || strncmp(path, "/etc/cron.d/", 12) == 0;
}

static void put_summary(struct cli *cli, const char *path, const struct crontab_report *report)
{
  if (cli->wants_json) {
    struct params line;
    params_begin(&line);
    json_put_text(&line.writer, "path", path);
    json_put_integer(&line.writer, "jobs", (int64_t)report->jobs);
    json_put_integer(&line.writer, "problems", (int64_t)report->problems);
    buffer_printf(&cli->out, "%s\n", params_end(&line));
    params_deinit(&line);
    return;
  }
  buffer_printf(&cli->out, "wrote %s: %zu job%s", path, report->jobs, report->jobs == 1 ? "" : "s");
  if (report->problems > 0)
    buffer_printf(&cli->out, ", %zu line%s not imported", report->problems,
                  report->problems == 1 ? "" : "s");
  buffer_append_byte(&cli->out, '\n');
}

/* Each on a line of its own, as compilers do. */
static void put_problems(struct cli *cli, const struct crontab_report *report, bool is_system)
{
  struct buffer text = {0};
  cli_flush(cli);
  for (const char *at = report->messages.data; at && *at;) {
    size_t size = strcspn(at, "\n");
    buffer_append_text(&text, "moonbeat: ");
    text_append_visible(&text, at, size);
    buffer_append_byte(&text, '\n');
    at += size + (at[size] == '\n');
  }
  if (report->looks_like_system && !is_system)
    buffer_append_text(&text,
                       "moonbeat: every command begins with the name of a user: a crontab of "
                       "the system is read with --system\n");
  if (text.size > 0)
    fwrite(text.data, 1, text.size, stderr);
  buffer_deinit(&text);
}

static enum error_code import(struct cli *cli, size_t *problems)
{
  const struct arguments *arguments = cli->arguments;
  const char *path = arguments->words[0], *target = arguments_value(arguments, "output", NULL);
  bool is_system = arguments_has(arguments, "system") || is_system_path(path);
  const struct crontab_source source = {
      .name = strcmp(path, "-") == 0 ? "standard input" : path,
      .is_system = is_system,
      .home_of = home_of,
  };
  if (cli->wants_json && !target)
    return error_set(&cli->error, ERROR_USAGE, "--json tells of a file that is written: -o FILE");
  struct crontab_report report = {0};
  struct buffer text = {0}, lua = {0};
  enum error_code code = read_source(path, &text, &cli->error);
  if (!code)
    crontab_write_jobs(text.data, text.size, &source, &lua, &report);
  if (!code && target)
    code = write_file(target, &lua, arguments_has(arguments, "force"), &cli->error);
  if (!code && target)
    put_summary(cli, target, &report);
  else if (!code)
    buffer_append(&cli->out, lua.data, lua.size);
  if (!code)
    put_problems(cli, &report, is_system);
  *problems = report.problems;
  buffer_deinit(&text);
  buffer_deinit(&lua);
  buffer_deinit(&report.messages);
  return code;
}

int cli_do_import_crontab(struct cli *cli)
{
  size_t problems = 0;
  if (import(cli, &problems))
    return cli_fail(cli);
  return problems > 0 ? error_exit_status(ERROR_INVALID) : 0;
}
