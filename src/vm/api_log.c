/* raw.log: a line of what the running call logs or prints; where it goes is the call's business. */
#include <lauxlib.h>

#include "base/log.h"
#include "vm/vm.h"

/* level (an enum log_level), text -> nothing */
static int l_log(lua_State *L)
{
  lua_Integer level = luaL_checkinteger(L, 1);
  luaL_argcheck(L, level >= LOG_DEBUG && level < LOG_OFF, 1, "not a level");
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  vm_log(L, (int)level, text, size);
  return 0;
}

void api_log_open(lua_State *L)
{
  lua_pushcfunction(L, l_log);
  lua_setfield(L, -2, "log");
}
