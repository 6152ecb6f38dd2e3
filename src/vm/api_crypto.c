/* Digests and their keyed form for Lua, by OpenSSL's libcrypto, and randomness by the kernel.
 *
 * A digest is fed in pieces by lua/moonbeat/crypto.lua, so that a large text is hashed in many
 * short calls between which the hook can cut the slice; nothing here waits, so all of it works
 * wherever Lua does. On the worker's thread. */
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "vm/api_args.h"
#include "vm/crypto_library.h"
#include "vm/vm.h"

#define DIGEST "digest"

enum { RANDOM_MAX = 64 << 10 };

struct digest {
  EVP_MD_CTX *plain; /* one of the two, until the end */
  EVP_MAC_CTX *keyed;
};

/* ---- digests ---- */

static struct digest *check_digest(lua_State *L)
{
  struct digest *digest = luaL_checkudata(L, 1, DIGEST);
  luaL_argcheck(L, digest->plain || digest->keyed, 1, "has been finished");
  return digest;
}

static void free_digest(struct digest *digest)
{
  crypto.EVP_MD_CTX_free(digest->plain);
  crypto.EVP_MAC_CTX_free(digest->keyed);
  *digest = (struct digest){0};
}

static int l_gc(lua_State *L) /* digest -> */
{
  struct digest *digest = luaL_checkudata(L, 1, DIGEST);
  if (digest->plain || digest->keyed)
    free_digest(digest);
  return 0;
}

static bool begin_keyed(struct digest *digest, const char *algorithm, const char *key, size_t size)
{
  OSSL_PARAM parameters[] = {
      crypto.OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)algorithm, 0),
      crypto.OSSL_PARAM_construct_end(),
  };
  EVP_MAC *mac = crypto.EVP_MAC_fetch(NULL, "HMAC", NULL);
  digest->keyed = mac ? crypto.EVP_MAC_CTX_new(mac) : NULL;
  crypto.EVP_MAC_free(mac);
  return digest->keyed &&
         crypto.EVP_MAC_init(digest->keyed, (const unsigned char *)key, size, parameters) == 1;
}

static bool begin_plain(struct digest *digest, const char *algorithm)
{
  const EVP_MD *method = crypto.EVP_get_digestbyname(algorithm);
  digest->plain = method ? crypto.EVP_MD_CTX_new() : NULL;
  return digest->plain && crypto.EVP_DigestInit_ex(digest->plain, method, NULL) == 1;
}

static int l_begin(lua_State *L) /* function algorithm key|nil -> digest; raises */
{
  const char *function = luaL_checkstring(L, 1), *algorithm = luaL_checkstring(L, 2);
  size_t size = 0;
  struct error error;
  /* EVP_MAC_init takes a NULL key for one that was set before. */
  const char *key = lua_isnil(L, 3) ? NULL : args_string(L, 3, function, "key", &size);
  if (crypto_library_load(&error))
    return args_fail(L, "%s: %s", function, error.text);
  struct digest *digest = lua_newuserdatauv(L, sizeof *digest, 0);
  *digest = (struct digest){0};
  luaL_setmetatable(L, DIGEST);
  if (!(key ? begin_keyed(digest, algorithm, key, size) : begin_plain(digest, algorithm)))
    return args_fail(L, "%s: libcrypto refuses %s", function, algorithm);
  return 1;
}

static int l_update(lua_State *L) /* digest text first last -> */
{
  struct digest *digest = check_digest(L);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  lua_Integer first = luaL_checkinteger(L, 3), last = luaL_checkinteger(L, 4);
  luaL_argcheck(L, first >= 1 && last <= (lua_Integer)size, 3, "is outside the text");
  if (first > last)
    return 0;
  const unsigned char *part = (const unsigned char *)text + first - 1;
  size_t length = (size_t)(last - first + 1);
  if ((digest->keyed ? crypto.EVP_MAC_update(digest->keyed, part, length)
                     : crypto.EVP_DigestUpdate(digest->plain, part, length)) != 1)
    return luaL_error(L, "libcrypto failed");
  return 0;
}

static int l_finish(lua_State *L) /* digest -> bytes */
{
  struct digest *digest = check_digest(L);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned plain_size = 0;
  size_t size = 0;
  int done = digest->keyed ? crypto.EVP_MAC_final(digest->keyed, bytes, &size, sizeof bytes)
                           : crypto.EVP_DigestFinal_ex(digest->plain, bytes, &plain_size);
  bool is_keyed = digest->keyed;
  free_digest(digest);
  if (done != 1)
    return luaL_error(L, "libcrypto failed");
  lua_pushlstring(L, (const char *)bytes, is_keyed ? size : plain_size);
  return 1;
}

static int l_equal(lua_State *L) /* text text -> boolean, in a time that does not tell where */
{
  size_t size, other_size;
  const char *text = args_string(L, 1, "crypto.equal", "the first text", &size);
  const char *other = args_string(L, 2, "crypto.equal", "the second text", &other_size);
  struct error error;
  if (crypto_library_load(&error))
    return args_fail(L, "crypto.equal: %s", error.text);
  lua_pushboolean(L, size == other_size && crypto.CRYPTO_memcmp(text, other, size) == 0);
  return 1;
}

/* ---- randomness ---- */

static int l_random_bytes(lua_State *L) /* count -> bytes */
{
  lua_Integer count = luaL_checkinteger(L, 1);
  luaL_Buffer out;
  luaL_argcheck(L, count >= 0 && count <= RANDOM_MAX, 1, "is out of range");
  random_bytes(luaL_buffinitsize(L, &out, (size_t)count), (size_t)count);
  luaL_pushresultsize(&out, (size_t)count);
  return 1;
}

/* Numbers beyond the last whole multiple of the range are drawn again, so that none is likelier. */
static int l_random_integer(lua_State *L) /* least most -> integer */
{
  lua_Integer least = luaL_checkinteger(L, 1), most = luaL_checkinteger(L, 2);
  lua_Unsigned range = (lua_Unsigned)most - (lua_Unsigned)least + 1, number;
  luaL_argcheck(L, least <= most, 2, "is below the first");
  lua_Unsigned unfair = range ? (0 - range) % range : 0; /* 2^64 modulo range */
  do
    random_bytes(&number, sizeof number);
  while (number < unfair);
  lua_pushinteger(L, (lua_Integer)((lua_Unsigned)least + (range ? number % range : number)));
  return 1;
}

/* RFC 9562. Version 7 begins with the milliseconds and, as its method 3 has it, the fraction of one
 * in 12 bits; each is greater than all before it in this process, also when the clock is set back.
 */
static uint64_t next_stamp(void)
{
  static _Atomic uint64_t last;
  uint64_t us = (uint64_t)clock_wall_us();
  uint64_t now = (us / 1000) << 12 | (us % 1000) * 4096 / 1000, before = atomic_load(&last), stamp;
  do
    stamp = now > before ? now : before + 1;
  while (!atomic_compare_exchange_weak(&last, &before, stamp));
  return stamp;
}

static int l_uuid(lua_State *L) /* version -> text */
{
  lua_Integer version = luaL_checkinteger(L, 1);
  unsigned char id[16];
  luaL_Buffer out;
  random_bytes(id, sizeof id);
  if (version == 7) {
    uint64_t stamp = next_stamp(), milliseconds = stamp >> 12;
    for (int i = 0; i < 6; i++)
      id[i] = (unsigned char)(milliseconds >> (40 - 8 * i));
    id[6] = (unsigned char)(stamp >> 8 & 0x0f);
    id[7] = (unsigned char)stamp;
  }
  id[6] = (unsigned char)((id[6] & 0x0f) | version << 4);
  id[8] = (id[8] & 0x3f) | 0x80;
  luaL_buffinit(L, &out);
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      luaL_addchar(&out, '-');
    luaL_addchar(&out, "0123456789abcdef"[id[i] >> 4]);
    luaL_addchar(&out, "0123456789abcdef"[id[i] & 15]);
  }
  luaL_pushresult(&out);
  return 1;
}

void api_crypto_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"digest_begin", l_begin},
                                       {"equal", l_equal},
                                       {"random_bytes", l_random_bytes},
                                       {"random_integer", l_random_integer},
                                       {"uuid", l_uuid},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"update", l_update}, {"finish", l_finish}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  luaL_newmetatable(L, DIGEST);
  lua_pushcfunction(L, l_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
