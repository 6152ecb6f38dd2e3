#include "vm/traceback.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "vm/api_json.h"

struct question {
  lua_State *thread;
  const char *message; /* NULL: the error on the thread's top */
};

/* The Lua half has lost its names, see embedded.c. */
static bool is_ours(const char *line)
{
  return text_begins_with(line, "\t?: in ");
}

/* Lines about our own Lua and what it calls in C, about the C function below all and about error()
 * itself say nothing to a script's author. */
static bool says_nothing(const char *line)
{
  static const char *const beginnings[] = {"\t[C]: in ?", "\t(...tail calls...)",
                                           "\t[C]: in global 'error'",
                                           "\t[C]: in function 'error'"};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (text_begins_with(line, beginnings[i]))
      return true;
  const char *below = text_begins_with(line, "\t[C]:") ? strchr(line, '\n') : NULL;
  return is_ours(line) || (below && is_ours(below + 1));
}

static void add_frames(luaL_Buffer *out, const char *traceback)
{
  bool headed = false;
  for (const char *line = strchr(traceback, '\n'); line;) {
    line++;
    const char *end = strchr(line, '\n');
    size_t size = end ? (size_t)(end - line) : strlen(line);
    if (!says_nothing(line)) {
      if (!headed)
        luaL_addstring(out, "\nstack traceback:");
      headed = true;
      luaL_addchar(out, '\n');
      luaL_addlstring(out, line, size);
    }
    line = end;
  }
}

/* Few members, all of them plain: told whole, and at no cost to speak of. */
static bool is_small(lua_State *L, int table)
{
  enum { MEMBERS = 16, BYTES = 200 };
  int count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int kind = lua_type(L, -1);
    bool is_plain = kind == LUA_TNUMBER || kind == LUA_TBOOLEAN ||
                    (kind == LUA_TSTRING && lua_rawlen(L, -1) <= BYTES);
    if (!is_plain || lua_type(L, -2) != LUA_TSTRING || ++count > MEMBERS) {
      lua_pop(L, 2);
      return false;
    }
    lua_pop(L, 1);
  }
  return count > 0;
}

/* The text of the error value on top. An address would say nothing: a table tells its `message`, or
 * its members where they are few. (-- text) */
static void push_text(lua_State *L)
{
  int value = lua_gettop(L);
  if (lua_isstring(L, value) || luaL_getmetafield(L, value, "__tostring") != LUA_TNIL) {
    lua_settop(L, value);
    luaL_tolstring(L, value, NULL);
    return;
  }
  if (lua_istable(L, value)) {
    lua_pushliteral(L, "message");
    if (lua_rawget(L, value) == LUA_TSTRING)
      return;
    lua_pop(L, 1);
    if (is_small(L, value) && api_json_encode(L, value, NULL, 0)) {
      lua_pushfstring(L, "(the error is a table: %s)", lua_tostring(L, -1));
      return;
    }
  }
  lua_pushfstring(L, "(the error is a %s value)", luaL_typename(L, value));
}

/* The text on top, and where `thread` is without its `level` innermost frames. (-- text) */
static void push_description(lua_State *L, lua_State *thread, int level)
{
  int text = lua_gettop(L);
  luaL_traceback(L, thread, NULL, level);
  const char *traceback = lua_tostring(L, -1);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  lua_pushvalue(L, text);
  luaL_addvalue(&out);
  add_frames(&out, traceback);
  luaL_pushresult(&out);
}

int traceback_handler(lua_State *L)
{
  push_text(L);
  push_description(L, L, 1);
  return 1;
}

/* question, buffer as light userdata -> nothing */
static int l_describe(lua_State *L)
{
  const struct question *question = lua_touserdata(L, 1);
  struct buffer *out = lua_touserdata(L, 2);
  if (!question->message) {
    lua_pushvalue(question->thread, -1);
    lua_xmove(question->thread, L, 1);
    push_text(L);
  } else {
    lua_pushstring(L, question->message);
  }
  push_description(L, question->thread, 0);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  for (size_t i = 0; i < size; i++)
    if (text[i])
      buffer_append_byte(out, text[i]);
    else
      buffer_append_text(out, "\\0"); /* a NUL would end the text for all who read it */
  return 0;
}

static char *ask(lua_State *main, const struct question *question)
{
  struct buffer out = {0};
  lua_pushcfunction(main, l_describe);
  lua_pushlightuserdata(main, (void *)question);
  lua_pushlightuserdata(main, &out);
  if (lua_pcall(main, 2, 0, 0) != LUA_OK) {
    buffer_append_text(&out, "an error whose __tostring fails");
    lua_pop(main, 1);
  }
  return buffer_take(&out);
}

char *traceback_describe(lua_State *main, lua_State *thread)
{
  return ask(main, &(struct question){thread, NULL});
}

char *traceback_text(lua_State *main, lua_State *thread, const char *message)
{
  return ask(main, &(struct question){thread, message});
}
