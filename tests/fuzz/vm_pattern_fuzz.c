/* Our matcher of Lua's patterns against Lua's own: the same place, or the same complaint. An input
 * is a line with a pattern, and a text. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "driver.h"

/* So that Lua's matcher, which nothing can stop, stays quick. */
enum { TEXT_MAX = 40, PATTERN_MAX = 40, BUDGET = 20000 };

static const char *const seeds[] = {"^(%a+)%s*=%s*(.-)$\n key = value",
                                    "a*a*b\naaaa",
                                    "%b()x?\n(a(b))",
                                    "%f[%w]%w+%f[%W]\nthe cat",
                                    "([\"'])(.-)%1\n'it' \"is\"",
                                    "[^%d%]-z]+\n12]-zabc",
                                    "()%S-()$\nx y",
                                    "%\nabc",
                                    "[a\nabc",
                                    "(()\nabc",
                                    "%2()\nabc",
                                    "^.-%-+[%a-z]?\n--b",
                                    NULL};

const struct fuzz_target fuzz_target = {.texts = seeds};

static lua_State *L;

/* Whether Lua finds it; false with *problem set when it complains. By string.match, as string.find
 * takes some patterns for plain text. */
static bool find_by_lua(const char *pattern, size_t pattern_size, const char *text, size_t size,
                        const char **problem)
{
  lua_settop(L, 0);
  lua_getglobal(L, "string");
  lua_getfield(L, -1, "match");
  lua_pushlstring(L, text, size);
  lua_pushlstring(L, pattern, pattern_size);
  *problem = NULL;
  if (lua_pcall(L, 2, 1, 0)) {
    *problem = lua_tostring(L, -1);
    return false;
  }
  return !lua_isnil(L, -1);
}

static void compare(const char *pattern, const char *text, size_t size)
{
  struct error error = {0};
  const char *problem;
  enum pattern_result ours = pattern_find(text, size, pattern, BUDGET, &error);
  if (ours == PATTERN_MORE)
    return;
  bool found = find_by_lua(pattern, strlen(pattern), text, size, &problem);
  if (problem && strstr(problem, "too complex"))
    return;
  /* Lua sees a capture that is not closed when it hands out captures, which a search alone does
   * not. */
  if (problem && ours != PATTERN_MALFORMED && pattern_check(pattern, &error))
    ours = PATTERN_MALFORMED;
  if ((problem != NULL) != (ours == PATTERN_MALFORMED) ||
      (!problem && found != (ours == PATTERN_MATCHED)))
    fuzz_fail("\"%s\" in \"%.*s\": Lua %s, we answer %d %s", pattern, (int)size, text,
              problem ? problem
              : found ? "finds it"
                      : "does not find it",
              (int)ours, error.text);
  fuzz_accepted += !problem;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
  if (!end || end - data > PATTERN_MAX || memchr(data, 0, (size_t)(end - data)))
    return 0;
  if (!L) {
    L = luaL_newstate();
    luaL_requiref(L, "string", luaopen_string, 1);
  }
  char *pattern = fuzz_text(data, (size_t)(end - data));
  size_t text_size = size - (size_t)(end + 1 - data);
  compare(pattern, (const char *)end + 1, text_size < TEXT_MAX ? text_size : TEXT_MAX);
  free(pattern);
  return 0;
}
