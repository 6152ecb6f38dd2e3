#include "vm/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/redact.h"
#include "base/text.h"
#include "vm/state.h"

enum { NAMES_MAX = 64 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *folder;

void secret_set_folder(const char *path)
{
  pthread_mutex_lock(&mutex);
  free(folder);
  folder = memory_strdup(path);
  pthread_mutex_unlock(&mutex);
}

const char *secret_folder(void)
{
  return folder;
}

static enum error_code check_name(const char *name, struct error *error)
{
  static const char valid[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  size_t size = strlen(name);
  if (size == 0 || size > 255 || strspn(name, valid) != size || name[0] == '.')
    return error_set(error, ERROR_USAGE,
                     "the name of a secret has letters, digits, \"_\", \"-\" and \".\", with which "
                     "it does not begin");
  return ERROR_OK;
}

/* systemd grants its credentials by an access list, which shows as the group's right. */
static enum error_code check_rights(const char *name, const char *path, const struct stat *file,
                                    bool is_credential, struct error *error)
{
  mode_t too_much = file->st_mode & (is_credential ? 07 : 077);
  if (!S_ISREG(file->st_mode))
    return error_set(error, ERROR_INVALID, "secret \"%s\": %s is no plain file", name, path);
  if (too_much)
    return error_set(error, ERROR_PERMISSION,
                     "secret \"%s\": %s can be read or changed by others (mode %04o): chmod 600 it",
                     name, path, (unsigned)(file->st_mode & 07777));
  if (!process_trusts(file->st_uid))
    return error_set(error, ERROR_PERMISSION,
                     "secret \"%s\": %s belongs to another user (%u), who can read it", name, path,
                     (unsigned)file->st_uid);
  if (file->st_size > SECRET_SIZE_MAX)
    return error_set(error, ERROR_LIMIT, "secret \"%s\": %s is over the limit of %d bytes", name,
                     path, SECRET_SIZE_MAX);
  return ERROR_OK;
}

static enum error_code read_all(int fd, const char *name, const char *path, struct buffer *value,
                                struct error *error)
{
  ssize_t size;
  buffer_reserve(value, SECRET_SIZE_MAX + 1);
  while ((size = read(fd, value->data + value->size, SECRET_SIZE_MAX + 1 - value->size)) != 0) {
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return error_set_errno(error, ERROR_IO, errno, "secret \"%s\": cannot read %s", name, path);
    value->size += (size_t)size;
    if (value->size > SECRET_SIZE_MAX)
      return error_set(error, ERROR_LIMIT, "secret \"%s\": %s is over the limit of %d bytes", name,
                       path, SECRET_SIZE_MAX);
  }
  if (value->size > 0 && value->data[value->size - 1] == '\n')
    value->size--;
  if (value->size > 0 && value->data[value->size - 1] == '\r')
    value->size--;
  value->data[value->size] = '\0';
  return ERROR_OK;
}

/* ERROR_NOT_FOUND without a text when there is no such file. */
static enum error_code read_in(const char *where, bool is_credential, const char *name,
                               struct buffer *value, struct error *error)
{
  struct stat file;
  char *path = memory_printf("%s/%s", where, name);
  enum error_code code = ERROR_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    code = ERROR_NOT_FOUND;
  else if (fd < 0 || fstat(fd, &file) < 0)
    code = error_set_errno(error, error_from_errno(errno), errno, "secret \"%s\": cannot open %s",
                           name, path);
  if (!code)
    code = check_rights(name, path, &file, is_credential, error);
  if (!code)
    code = read_all(fd, name, path, value, error);
  if (fd >= 0)
    close(fd);
  free(path);
  return code;
}

/* ---- what is there instead ---- */

struct names {
  const char *list[NAMES_MAX + 1];
  size_t count;
};

static void list_names(const char *where, struct names *names)
{
  DIR *directory = where ? opendir(where) : NULL;
  const struct dirent *entry;
  while (directory && names->count < NAMES_MAX && (entry = readdir(directory)))
    if (entry->d_name[0] != '.')
      names->list[names->count++] = memory_strdup(entry->d_name);
  if (directory)
    closedir(directory);
}

static enum error_code fail_missing(const char *name, const char *credentials, struct error *error)
{
  struct names names = {0};
  char hint[128];
  list_names(folder, &names);
  list_names(credentials, &names);
  error_set(error, ERROR_NOT_FOUND, "there is no secret \"%s\" in %s%s%s%s", name,
            folder        ? folder
            : credentials ? credentials
                          : "any folder: there is none without a state folder or --secrets",
            folder && credentials ? " or " : "", folder && credentials ? credentials : "",
            text_did_you_mean(hint, name, names.list));
  for (size_t i = 0; i < names.count; i++)
    free((char *)(uintptr_t)names.list[i]);
  return ERROR_NOT_FOUND;
}

enum error_code secret_read(const char *name, struct buffer *value, struct error *error)
{
  const char *credentials = getenv("CREDENTIALS_DIRECTORY");
  enum error_code code = check_name(name, error);
  if (code)
    return code;
  code = folder ? read_in(folder, false, name, value, error) : ERROR_NOT_FOUND;
  if (code == ERROR_NOT_FOUND && credentials)
    code = read_in(credentials, true, name, value, error);
  return code == ERROR_NOT_FOUND ? fail_missing(name, credentials, error) : code;
}

/* ---- what a state has read ---- */

void secret_remember(struct vm *vm, const char *name, const struct buffer *value)
{
  prctl(PR_SET_DUMPABLE, 0);
  if (!vm->secrets)
    vm->secrets = redact_create();
  redact_add(vm->secrets, name, value->data, value->size);
}

typedef void (*cleaner)(const struct redact *set, const char *text, size_t size,
                        struct buffer *out);

static char *replace(const struct vm *vm, char *text, cleaner clean)
{
  struct buffer out = {0};
  if (!vm->secrets || !text)
    return text;
  size_t size = strlen(text);
  clean(vm->secrets, text, size, &out);
  explicit_bzero(text, size);
  free(text);
  return buffer_take(&out);
}

char *vm_redact(const struct vm *vm, char *text)
{
  return replace(vm, text, redact_append);
}

char *vm_redact_json(const struct vm *vm, char *json)
{
  return replace(vm, json, redact_append_json);
}

void vm_hide_secrets(lua_State *L, int index)
{
  const struct vm *vm = vm_get(L);
  struct buffer clean = {0};
  size_t size;
  if (!vm->secrets)
    return;
  index = lua_absindex(L, index);
  const char *text = lua_tolstring(L, index, &size);
  redact_append_whole(vm->secrets, text, size, &clean);
  lua_pushlstring(L, clean.data ? clean.data : "", clean.size);
  lua_replace(L, index);
  buffer_deinit(&clean);
}

const char *vm_secret_in(const struct vm *vm, const char *text)
{
  return vm->secrets && text ? redact_find(vm->secrets, text, strlen(text)) : NULL;
}
