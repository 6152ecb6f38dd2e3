/* Where the folders of a daemon are, seen from the jobs folder (a daemon that starts) or from the
 * working folder (a client that looks for one). Any thread. */
#include "ctl/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/process.h"

void daemon_options_deinit(struct daemon_options *options)
{
  free(options->jobs_folder);
  free(options->state_folder);
  free(options->config_file);
  free(options->timezone);
  free(options->secrets_folder);
  *options = DAEMON_OPTIONS_EMPTY;
}

char *options_socket_path(const char *state_folder)
{
  return memory_printf("%s/%s", state_folder, OPTIONS_SOCKET_NAME);
}

char *options_store_path(const char *state_folder)
{
  return memory_printf("%s/%s", state_folder, OPTIONS_STORE_NAME);
}

/* Appends the parts of `path` to the absolute path in `out`, going up for "..". */
static void append_parts(struct buffer *out, const char *path)
{
  while (*path) {
    size_t size = strcspn(path, "/");
    if (size == 2 && memcmp(path, "..", 2) == 0) {
      while (out->size > 0 && out->data[out->size - 1] != '/')
        out->size--;
      if (out->size > 0)
        out->size--;
    } else if (size > 0 && !(size == 1 && path[0] == '.')) {
      buffer_append_byte(out, '/');
      buffer_append(out, path, size);
    }
    path += size;
    path += strspn(path, "/");
  }
}

/* Without symlinks where it exists, else by its letters. */
static char *resolve(const char *path)
{
  char *real = realpath(path, NULL);
  if (real)
    return real;
  struct buffer out = {0};
  if (path[0] != '/') {
    char *here = getcwd(NULL, 0);
    append_parts(&out, here ? here : "/");
    free(here);
  }
  append_parts(&out, path);
  if (out.size == 0)
    buffer_append_byte(&out, '/');
  char *text = memory_copy(out.data, out.size);
  buffer_deinit(&out);
  return text;
}

static char *parent_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  if (!slash)
    return memory_strdup(".");
  return slash == path ? memory_strdup("/") : memory_copy(path, (size_t)(slash - path));
}

static char *join(const char *folder, const char *name)
{
  return memory_printf("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
}

char *options_absolute_path(const char *path)
{
  size_t size = strlen(path);
  while (size > 1 && path[size - 1] == '/')
    size--;
  char *trimmed = memory_copy(path, size);
  const char *slash = strrchr(trimmed, '/');
  const char *name = slash ? slash + 1 : trimmed;
  char *result;
  if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    result = resolve(trimmed);
  } else {
    char *parent = parent_of(trimmed);
    char *folder = resolve(parent);
    result = join(folder, name);
    free(folder);
    free(parent);
  }
  free(trimmed);
  return result;
}

/* Whether there is such a folder; or something of that name, which who reads it finds out whether
 * it can be read. */
static bool look(const char *path, bool as_folder, struct stat *found)
{
  if (stat(path, found) == 0)
    return !as_folder || S_ISDIR(found->st_mode);
  return !as_folder && lstat(path, found) == 0;
}

void options_fill_folders(struct daemon_options *options)
{
  struct stat found;
  if (!options->jobs_folder)
    return;
  char *parent = parent_of(options->jobs_folder);
  if (!options->state_folder)
    options->state_folder = join(parent, OPTIONS_STATE_NAME);
  if (!options->config_file) {
    char *config = join(parent, OPTIONS_CONFIG_NAME);
    if (look(config, false, &found))
      options->config_file = config;
    else
      free(config);
  }
  free(parent);
}

/* The nearest one; NULL when there is none. */
static char *find_upwards(const char *folder, const char *name, bool as_folder, struct stat *found)
{
  char *at = memory_strdup(folder);
  for (;;) {
    char *path = join(at, name);
    if (look(path, as_folder, found)) {
      free(at);
      return path;
    }
    free(path);
    if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
      free(at);
      return NULL;
    }
    char *up = parent_of(at);
    free(at);
    at = up;
  }
}

static enum error_code find_ours(const char *folder, const char *name, bool as_folder, char **found,
                                 struct error *error)
{
  struct stat facts;
  char *path = find_upwards(folder, name, as_folder, &facts);
  enum error_code code = ERROR_OK;
  *found = NULL;
  if (path && !process_trusts(facts.st_uid))
    code = error_set(error, ERROR_PERMISSION,
                     "%s belongs to user %u, and you are user %u: what others put there is not "
                     "used; give --state, or the jobs folder to run",
                     path, (unsigned)facts.st_uid, (unsigned)geteuid());
  else
    *found = path;
  if (code)
    free(path);
  return code;
}

enum error_code options_find_state(const char *folder, char **found, struct error *error)
{
  return find_ours(folder, OPTIONS_STATE_NAME, true, found, error);
}

enum error_code options_find_config(const char *folder, char **found, struct error *error)
{
  return find_ours(folder, OPTIONS_CONFIG_NAME, false, found, error);
}
