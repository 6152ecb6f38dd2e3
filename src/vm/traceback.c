#include "vm/traceback.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

struct question {
  lua_State *thread;
  const char *message; /* NULL: the error on the thread's top */
};

/* Lines about our own Lua, about the C function below all and about error() itself say nothing to a
 * script's author. */
static bool says_nothing(const char *line)
{
  static const char *const beginnings[] = {"\tmoonbeat/", "\t[C]: in ?", "\t(...tail calls...)",
                                           "\t[C]: in global 'error'",
                                           "\t[C]: in function 'error'"};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
    if (strncmp(line, beginnings[i], strlen(beginnings[i])) == 0)
      return true;
  return false;
}

static void append_frames(struct buffer *out, const char *traceback)
{
  bool headed = false;
  for (const char *line = strchr(traceback, '\n'); line;) {
    line++;
    const char *end = strchr(line, '\n');
    size_t size = end ? (size_t)(end - line) : strlen(line);
    if (!says_nothing(line)) {
      if (!headed)
        buffer_append_text(out, "\nstack traceback:");
      headed = true;
      buffer_append_byte(out, '\n');
      buffer_append(out, line, size);
    }
    line = end;
  }
}

/* error value -> the same, its text. An address would say nothing: a table tells its `message`. */
static const char *push_text(lua_State *L, size_t *size)
{
  if (lua_isstring(L, -1) || luaL_getmetafield(L, -1, "__tostring") != LUA_TNIL) {
    lua_settop(L, 3);
    return luaL_tolstring(L, 3, size);
  }
  if (lua_istable(L, 3)) {
    lua_pushliteral(L, "message");
    lua_rawget(L, 3);
    if (lua_type(L, -1) == LUA_TSTRING)
      return lua_tolstring(L, -1, size);
  }
  lua_pushfstring(L, "(the error is a %s value)", luaL_typename(L, 3));
  return lua_tolstring(L, -1, size);
}

/* question, buffer as light userdata -> nothing */
static int l_describe(lua_State *L)
{
  const struct question *question = lua_touserdata(L, 1);
  struct buffer *out = lua_touserdata(L, 2);
  size_t size;
  const char *text = question->message;
  if (!text) {
    lua_pushvalue(question->thread, -1);
    lua_xmove(question->thread, L, 1);
    text = push_text(L, &size);
  } else {
    size = strlen(text);
  }
  buffer_append(out, text, size);
  luaL_traceback(L, question->thread, NULL, 0);
  append_frames(out, lua_tostring(L, -1));
  return 0;
}

static char *ask(lua_State *main, const struct question *question)
{
  struct buffer out = {0};
  lua_pushcfunction(main, l_describe);
  lua_pushlightuserdata(main, (void *)question);
  lua_pushlightuserdata(main, &out);
  if (lua_pcall(main, 2, 0, 0) != LUA_OK) {
    buffer_append_text(&out, out.size ? "" : "an error whose __tostring fails");
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
