#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void format_text(struct error *error, const char *format, va_list arguments)
{
  int needed = vsnprintf(error->text, sizeof error->text, format, arguments);
  if (needed >= (int)sizeof error->text)
    memcpy(error->text + sizeof error->text - 4, "...", 4);
}

enum error_code error_set(struct error *error, enum error_code code, const char *format, ...)
{
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    format_text(error, format, arguments);
    va_end(arguments);
  }
  return code;
}

enum error_code error_set_errno(struct error *error, enum error_code code, int system_errno,
                                const char *format, ...)
{
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    format_text(error, format, arguments);
    va_end(arguments);
    size_t length = strlen(error->text);
    snprintf(error->text + length, sizeof error->text - length, ": %s", strerror(system_errno));
  }
  return code;
}

enum error_code error_from_errno(int system_errno)
{
  switch (system_errno) {
  case ENOENT:
  case ENOTDIR:
    return ERROR_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS:
    return ERROR_PERMISSION;
  case EEXIST:
  case ENOTEMPTY:
    return ERROR_EXISTS;
  case ENOSPC:
  case EDQUOT:
    return ERROR_FULL;
  case EFBIG:
  case E2BIG:
  case ENAMETOOLONG:
  case EMFILE:
  case ENFILE:
    return ERROR_LIMIT;
  default:
    return ERROR_IO;
  }
}

enum error_code error_prefix(struct error *error, const char *format, ...)
{
  if (!error)
    return ERROR_INTERNAL;
  char old_text[ERROR_TEXT_SIZE];
  memcpy(old_text, error->text, sizeof old_text);
  va_list arguments;
  va_start(arguments, format);
  format_text(error, format, arguments);
  va_end(arguments);
  size_t length = strlen(error->text);
  snprintf(error->text + length, sizeof error->text - length, ": %s", old_text);
  return error->code;
}

static const struct {
  const char *name;
  int exit_status;
} facts[] = {[ERROR_OK] = {"ok", 0},
#define X(code, name, status) [code] = {name, status},
             ERROR_MAP(X)
#undef X
};

const char *error_name(enum error_code code)
{
  return facts[code].name;
}

enum error_code error_from_name(const char *name)
{
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
    if (strcmp(facts[i].name, name) == 0)
      return (enum error_code)i;
  return ERROR_INTERNAL;
}

int error_exit_status(enum error_code code)
{
  return facts[code].exit_status;
}
