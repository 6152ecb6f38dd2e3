/* The Lua half in a plain state, without workers or a scheduler: the real C functions of api_*.c
 * and the embedded modules, with fakes for what would wait. `requests` (a Lua list) holds what was
 * asked of the scheduler, `answers` (op -> value) what it answers, `lines` what was logged. */
#ifndef SUPPORT_LUA_HALF_H
#define SUPPORT_LUA_HALF_H

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/api_args.h"
#include "vm/embedded.h"
#include "vm/vm.h"

static const char lua_half_fakes[] =
    "local raw, script = ...\n"
    "requests, answers, lines = {}, {}, {}\n"
    "raw.script_name = function() return script end\n"
    "raw.log = function(level, text) lines[#lines + 1] = { level = level, text = text } end\n"
    "raw.sleep = function() end\n"
    "raw.random_integer = function(least) return least end\n"
    "raw.wait_check = function() end\n"
    "raw.secret_hide = function(text) return text end\n"
    "raw.request = function(op, params)\n"
    "  requests[#requests + 1] = { op = op, params = assert(raw.json_encode(params)) }\n"
    "  local answer = answers[op]\n"
    "  if type(answer) == 'function' then return answer(params) end\n"
    "  if answer == nil then return nil, op .. ' is not answered', 'not_found' end\n"
    "  return raw.json_decode(raw.json_encode(answer))\n"
    "end\n"
    "raw.request_start = function(op, text) return { op, raw.json_decode(text) } end\n"
    "raw.request_end = function(started) return raw.request(started[1], started[2]) end\n";

static inline int lua_half_set_up(lua_State *L) /* script -> */
{
  luaL_openlibs(L);
  lua_newtable(L);
  embedded_open(L);
  args_open(L);
  api_json_open(L);
  api_time_open(L);
  api_trigger_open(L);
  api_scheduler_open(L);
  api_console_open(L);
  if (luaL_loadbuffer(L, lua_half_fakes, strlen(lua_half_fakes), "=moonbeat/fakes.lua"))
    return lua_error(L);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, 1);
  lua_call(L, 2, 0);
  lua_setglobal(L, "raw");
  return 0;
}

static inline lua_State *lua_half_open(const char *script)
{
  lua_State *L = luaL_newstate();
  lua_pushcfunction(L, lua_half_set_up);
  lua_pushstring(L, script);
  if (lua_pcall(L, 1, 0, 0))
    fail_msg("%s", lua_tostring(L, -1));
  return L;
}

/* Runs a chunk, which asserts by itself. */
static inline void lua_half_run(lua_State *L, const char *text)
{
  if (luaL_loadbuffer(L, text, strlen(text), "@jobs/test.lua") || lua_pcall(L, 0, 0, 0))
    fail_msg("%s", lua_tostring(L, -1));
}

/* What `return <expression>` gives, or the error that it raises, as text of the caller's stack. */
static inline const char *lua_half_text(lua_State *L, const char *text)
{
  lua_settop(L, 0);
  if (luaL_loadbuffer(L, text, strlen(text), "@jobs/test.lua") || lua_pcall(L, 0, 1, 0))
    return lua_tostring(L, -1);
  return luaL_tolstring(L, -1, NULL);
}

#endif
