/* Base64 and hex for Lua: RFC 4648, read strictly (nothing outside the alphabet, no bits left over)
 * but for the padding, which base64url does without. lua/moonbeat/crypto.lua hands long texts over
 * in pieces of whole groups. Nothing waits. On the worker's thread. */
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "vm/vm.h"

static const char plain_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_digits[] = "0123456789abcdef";

static int l_base64_encode(lua_State *L) /* bytes is_url -> text */
{
  size_t size;
  const unsigned char *bytes = (const unsigned char *)luaL_checklstring(L, 1, &size);
  int is_url = lua_toboolean(L, 2);
  const char *alphabet = is_url ? url_alphabet : plain_alphabet;
  luaL_Buffer out;
  char *at = luaL_buffinitsize(L, &out, (size + 2) / 3 * 4), *begin = at;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    uint32_t group = (uint32_t)bytes[i] << 16;
    group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
    group |= left > 2 ? bytes[i + 2] : 0;
    *at++ = alphabet[group >> 18];
    *at++ = alphabet[group >> 12 & 63];
    if (left > 1)
      *at++ = alphabet[group >> 6 & 63];
    else if (!is_url)
      *at++ = '=';
    if (left > 2)
      *at++ = alphabet[group & 63];
    else if (!is_url)
      *at++ = '=';
  }
  luaL_pushresultsize(&out, (size_t)(at - begin));
  return 1;
}

/* The value of each byte as a digit, or 255. */
static void fill_values(unsigned char values[256], const char *alphabet)
{
  memset(values, 255, 256);
  for (int i = 0; alphabet[i]; i++)
    values[(unsigned char)alphabet[i]] = (unsigned char)i;
}

/* nil and the position of the first wrong byte; 0 for a text that ends too early. */
static int fail_at(lua_State *L, size_t position)
{
  lua_pushnil(L);
  lua_pushinteger(L, (lua_Integer)position);
  return 2;
}

static int l_base64_decode(lua_State *L) /* text is_url -> bytes | nil position */
{
  size_t size;
  const unsigned char *text = (const unsigned char *)luaL_checklstring(L, 1, &size);
  int is_url = lua_toboolean(L, 2);
  unsigned char values[256];
  size_t digits = size;
  luaL_Buffer out;
  fill_values(values, is_url ? url_alphabet : plain_alphabet);
  if (size % 4 == 0)
    while (digits > 0 && size - digits < 2 && text[digits - 1] == '=')
      digits--;
  if (digits % 4 == 1 || (!is_url && size % 4 != 0))
    digits = size; /* what is wrong is found below, or it ends too early */
  char *at = luaL_buffinitsize(L, &out, digits / 4 * 3 + 3), *begin = at;
  uint32_t bits = 0;
  int count = 0;
  for (size_t i = 0; i < digits; i++) {
    if (values[text[i]] == 255)
      return fail_at(L, i + 1);
    bits = bits << 6 | values[text[i]];
    count += 6;
    if (count >= 8) {
      count -= 8;
      *at++ = (char)(bits >> count);
      bits &= (1U << count) - 1;
    }
  }
  if (digits % 4 == 1 || (!is_url && size % 4 != 0))
    return fail_at(L, 0);
  if (bits != 0)
    return fail_at(L, digits);
  luaL_pushresultsize(&out, (size_t)(at - begin));
  return 1;
}

static int l_hex_encode(lua_State *L) /* bytes -> text */
{
  size_t size;
  const unsigned char *bytes = (const unsigned char *)luaL_checklstring(L, 1, &size);
  luaL_Buffer out;
  char *at = luaL_buffinitsize(L, &out, size * 2);
  for (size_t i = 0; i < size; i++) {
    at[2 * i] = hex_digits[bytes[i] >> 4];
    at[2 * i + 1] = hex_digits[bytes[i] & 15];
  }
  luaL_pushresultsize(&out, size * 2);
  return 1;
}

static int l_hex_decode(lua_State *L) /* text -> bytes | nil position */
{
  size_t size;
  const unsigned char *text = (const unsigned char *)luaL_checklstring(L, 1, &size);
  unsigned char values[256];
  luaL_Buffer out;
  fill_values(values, hex_digits);
  for (int i = 10; i < 16; i++)
    values[hex_digits[i] - 'a' + 'A'] = (unsigned char)i;
  for (size_t i = 0; i < size; i++)
    if (values[text[i]] == 255)
      return fail_at(L, i + 1);
  if (size % 2)
    return fail_at(L, 0);
  char *at = luaL_buffinitsize(L, &out, size / 2);
  for (size_t i = 0; i < size / 2; i++)
    at[i] = (char)(values[text[2 * i]] << 4 | values[text[2 * i + 1]]);
  luaL_pushresultsize(&out, size / 2);
  return 1;
}

void api_encoding_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"base64_encode", l_base64_encode},
                                       {"base64_decode", l_base64_decode},
                                       {"hex_encode", l_hex_encode},
                                       {"hex_decode", l_hex_decode},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
