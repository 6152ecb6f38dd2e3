/* What the vocabulary and the `scheduler` table need of C: asking the scheduler, checking a job as
 * it will be read later, and the place in a person's script that messages point to. On the worker's
 * thread. */
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "model/event_name.h"
#include "model/job.h"
#include "model/listener_spec.h"
#include "model/pool.h"
#include "vm/api_args.h"
#include "vm/api_json.h"
#include "vm/vm.h"

static int l_request(lua_State *L) /* op params? -> result | nil message code; waits */
{
  const char *op = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  bool is_empty = lua_isnil(L, 2);
  if (!is_empty) {
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_pushnil(L);
    is_empty = !lua_next(L, 2);
    lua_settop(L, 2);
  }
  if (is_empty)
    return vm_request(L, op, NULL);
  if (!api_json_encode_within(L, 2, NULL, VM_REQUEST_MAX))
    return args_fail(L, "%s", lua_tostring(L, -1));
  return vm_request(L, op, lua_tostring(L, -1));
}

static int l_request_start(lua_State *L) /* op json -> number */
{
  const char *op = luaL_checkstring(L, 1);
  lua_pushinteger(L, (lua_Integer)vm_request_start(L, op, luaL_checkstring(L, 2)));
  return 1;
}

static int l_request_end(lua_State *L) /* number -> result | nil message code; waits */
{
  return vm_request_end(L, (uint64_t)luaL_checkinteger(L, 1));
}

static int l_tell(lua_State *L) /* op json -> */
{
  vm_tell(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2));
  return 0;
}

static int l_script_name(lua_State *L) /* -> text */
{
  lua_pushstring(L, vm_script_name(vm_of(L)));
  return 1;
}

static int l_where(lua_State *L) /* -> "jobs/a.lua:12" | nothing */
{
  return args_push_place(L) ? 1 : 0;
}

/* `where` is left to the caller, who puts it in front. script nil: the job is added, not declared.
 */
static int l_job_check(lua_State *L) /* spec script|nil -> true | nil message */
{
  const char *script = luaL_optstring(L, 2, NULL);
  struct json_document *document = NULL;
  struct job *job = NULL;
  struct error error;
  size_t size;
  lua_settop(L, 2);
  lua_getfield(L, 1, "where");
  const char *where = lua_tostring(L, -1);
  lua_getfield(L, 1, "id");
  const char *id = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (!api_json_encode(L, 1, NULL, 0)) {
    lua_pushnil(L);
    if (id)
      lua_pushfstring(L, "job \"%s\": %s", id, lua_tostring(L, -2));
    else
      lua_pushfstring(L, "job: %s", lua_tostring(L, -2));
    return 2;
  }
  const char *json = lua_tolstring(L, -1, &size);
  enum error_code code = json_parse(json, size, &document, &error);
  if (!code)
    code = job_from_json(json_root(document), script, NULL, &job, &error);
  job_destroy(job);
  json_free(document);
  if (!code) {
    lua_pushboolean(L, true);
    return 1;
  }
  lua_pushnil(L);
  size_t prefix = where ? strlen(where) : 0;
  bool has_where = prefix && !strncmp(error.text, where, prefix) && error.text[prefix] == ':';
  lua_pushstring(L, error.text + (has_where ? prefix + 2 : 0));
  return 2;
}

/* The pattern may stand for several names; exact: it is one. */
static int l_event_check(lua_State *L) /* name exact -> nil | message */
{
  struct error error;
  const char *name = luaL_checkstring(L, 1);
  if (lua_toboolean(L, 2) ? event_name_check(name, &error) : event_pattern_check(name, &error))
    lua_pushstring(L, error.text);
  else
    lua_pushnil(L);
  return 1;
}

/* What a listener wants, as it will be read later. */
static int l_listener_check(lua_State *L) /* spec -> nil | message */
{
  struct json_document *document = NULL;
  struct listener_spec *spec = NULL;
  struct error error;
  size_t size;
  lua_settop(L, 1);
  if (!api_json_encode(L, 1, "listener", 0))
    return 1;
  const char *json = lua_tolstring(L, -1, &size);
  enum error_code code = json_parse(json, size, &document, &error);
  if (!code)
    code = listener_spec_from_json(json_root(document), &spec, &error);
  if (!code)
    code = listener_spec_check(spec, &error);
  listener_spec_destroy(spec);
  json_free(document);
  if (code)
    lua_pushstring(L, error.text);
  else
    lua_pushnil(L);
  return 1;
}

static int l_pool_check(lua_State *L) /* name slots -> nil | message */
{
  struct json_document *document = NULL;
  struct error error;
  size_t name_size, size;
  int64_t count;
  const char *name = luaL_checklstring(L, 1, &name_size);
  lua_settop(L, 2);
  if (!api_json_encode(L, 2, "slots", 0))
    return 1;
  const char *json = lua_tolstring(L, -1, &size);
  enum error_code code = json_parse(json, size, &document, &error);
  if (!code)
    code = pool_check(name, name_size, json_root(document), &count, &error);
  json_free(document);
  if (code)
    lua_pushstring(L, error.text);
  else
    lua_pushnil(L);
  return 1;
}

static int l_event_list(lua_State *L) /* -> {{name=, members=, summary=}...} */
{
  lua_newtable(L);
  for (int i = 0; event_table[i].name; i++) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, event_table[i].name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, event_table[i].members);
    lua_setfield(L, -2, "members");
    lua_pushstring(L, event_table[i].summary);
    lua_setfield(L, -2, "summary");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void api_scheduler_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {
      {"request", l_request},         {"request_start", l_request_start},
      {"request_end", l_request_end}, {"tell", l_tell},
      {"script_name", l_script_name}, {"where", l_where},
      {"job_check", l_job_check},     {"event_check", l_event_check},
      {"event_list", l_event_list},   {"listener_check", l_listener_check},
      {"pool_check", l_pool_check},   {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_pushinteger(L, VM_REQUEST_MAX);
  lua_setfield(L, -2, "request_max");
}
