/* raw.log: a line of what the running call logs or prints; where it goes is the call's business.
 * Who prints faster than others can take it is slowed down, so that no mailbox fills the memory. */
#include <lauxlib.h>

#include "base/log.h"
#include "bus/bus.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

enum { WAITING_MAX = 5000, PAUSE_US = 5000 };

static bool is_congested(lua_State *L)
{
  const struct host *host = vm_get(L)->host;
  return bus_waiting(host->options.bus, ADDRESS_FRONT) > WAITING_MAX ||
         bus_waiting(host->options.bus, ADDRESS_SCHEDULER) > WAITING_MAX;
}

/* level (an enum log_level), text -> nothing */
static int l_log(lua_State *L)
{
  lua_Integer level = luaL_checkinteger(L, 1);
  luaL_argcheck(L, level >= LOG_DEBUG && level < LOG_OFF, 1, "not a level");
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  vm_log(L, (int)level, text, size);
  if (is_congested(L) && wait_is_possible(L))
    return vm_sleep(L, PAUSE_US);
  return 0;
}

void api_log_open(lua_State *L)
{
  lua_pushcfunction(L, l_log);
  lua_setfield(L, -2, "log");
}
