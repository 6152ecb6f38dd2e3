/* raw.secret: reading is a matter of one small file, so it does not wait, and works where nothing
 * can. On the worker's thread. */
#include <lauxlib.h>
#include <string.h>

#include "vm/api_args.h"
#include "vm/secret.h"
#include "vm/vm.h"

static int l_secret(lua_State *L) /* name -> value | nil message code */
{
  struct error error;
  struct buffer value = {0};
  const char *name = luaL_checkstring(L, 1);
  if (secret_read(name, &value, &error)) {
    buffer_deinit(&value);
    return args_push_error(L, &error);
  }
  secret_remember(vm_of(L), name, &value);
  lua_pushlstring(L, value.data, value.size);
  explicit_bzero(value.data, value.size);
  buffer_deinit(&value);
  return 1;
}

void api_secret_open(lua_State *L) /* raw -- raw */
{
  lua_pushcfunction(L, l_secret);
  lua_setfield(L, -2, "secret");
}
