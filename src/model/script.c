#include "model/script.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void script_deinit(struct script *script)
{
  free(script->name);
  free(script->path);
  free(script->error);
  *script = (struct script){0};
}

void script_hash(const char *source, size_t size, char version[SCRIPT_VERSION_SIZE])
{
  XXH128_hash_t hash = XXH3_128bits(source, size);
  snprintf(version, SCRIPT_VERSION_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
}

enum error_code script_check_name(const char *name, struct error *error)
{
  size_t length = strlen(name);
  if (length == 0)
    return error_set(error, ERROR_INVALID, "a script needs a name");
  if (length > SCRIPT_NAME_MAX)
    return error_set(error, ERROR_INVALID, "script name of %zu bytes is longer than %d", length,
                     SCRIPT_NAME_MAX);
  for (const char *c = name; *c; c++) {
    bool letter = isalpha((unsigned char)*c) || *c == '_';
    if (!letter && (c == name || !(isdigit((unsigned char)*c) || *c == '-')))
      return error_set(error, ERROR_INVALID,
                       "script name \"%s\": letters, digits, _ and - only, a letter or _ first",
                       name);
  }
  return ERROR_OK;
}
