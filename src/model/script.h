/* A script: one Lua file of the jobs folder, or a source added at run time and kept in the store.
 * Plain data. */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum script_origin { SCRIPT_FILE, SCRIPT_ADDED };

enum { SCRIPT_NAME_MAX = 100, SCRIPT_SIZE_MAX = 4 << 20, SCRIPT_VERSION_SIZE = 33 };

struct script {
  char *name;
  enum script_origin origin;
  char *path; /* for messages: "jobs/orders.lua", or "script orders" for an added one */
  char version[SCRIPT_VERSION_SIZE]; /* of the source in force; "" when none ever loaded */
  char *error;                       /* why the newest source is not in force; NULL when it is */
  int64_t loaded_us;
};

void script_deinit(struct script *script);

/* The version of a source: 128 bits of XXH3, 32 hexadecimal digits. */
void script_hash(const char *source, size_t size, char version[SCRIPT_VERSION_SIZE]);

/* A name is letters, digits, '_' and '-', at most SCRIPT_NAME_MAX, and begins with a letter or '_'.
 */
enum error_code script_check_name(const char *name, struct error *error);

#endif
