#include "model/pool.h"

enum { NAME_SIZE_MAX = 100, SLOTS_MAX = 1000000 };

enum error_code pool_check(const char *name, size_t name_size, const struct json *slots,
                           int64_t *count, struct error *error)
{
  if (name_size == 0 || name_size > NAME_SIZE_MAX)
    return error_set(error, ERROR_INVALID, "the name of a pool has 1 to %d bytes", NAME_SIZE_MAX);
  for (size_t i = 0; i < name_size; i++)
    if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
      return error_set(error, ERROR_INVALID, "the name of a pool holds a control character");
  if (!json_whole(slots, count))
    return error_set(error, ERROR_INVALID, "pool \"%s\": slots must be a whole number, not %s",
                     name, json_type_name(slots->type));
  if (*count < 0 || *count > SLOTS_MAX)
    return error_set(error, ERROR_INVALID, "pool \"%s\": %lld slots are not between 0 and %d", name,
                     (long long)*count, SLOTS_MAX);
  return ERROR_OK;
}
