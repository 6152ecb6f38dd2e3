/* raw.secret: reading is a matter of one small file, so it does not wait, and works where nothing
 * can. On the worker's thread. */
#include <lauxlib.h>
#include <string.h>

#include "base/redact.h"
#include "vm/api_args.h"
#include "vm/secret.h"
#include "vm/state.h"
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

static int l_secret_hide(lua_State *L) /* text -> the text without the values */
{
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 1);
  vm_hide_secrets(L, 1);
  return 1;
}

static int l_secret_longest(lua_State *L) /* -> bytes; 0: the state has read no secret */
{
  const struct vm *vm = vm_of(L);
  lua_pushinteger(L, vm->secrets ? (lua_Integer)redact_longest(vm->secrets) : 0);
  return 1;
}

void api_secret_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"secret", l_secret},
                                       {"secret_hide", l_secret_hide},
                                       {"secret_longest", l_secret_longest},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
