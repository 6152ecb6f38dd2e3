/* crypto as scripts see it: vectors of the standards, what is refused, and large texts. */
#include "support/unit.h"

#include "support/vm_unit.h"

/* FIPS 180-4, RFC 1321, RFC 4231 (case 2 and 1), RFC 4648 (section 10). */
static void test_vectors(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return crypto.sha256('abc')",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"return crypto.sha256('')",
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"return crypto.sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"return crypto.md5('message digest')", "f96b697d7cb7938d525a2f31aaf161d0"},
      {"return crypto.sha512('abc'):sub(1, 32)", "ddaf35a193617abacc417349ae204131"},
      {"return crypto.hash('sha3-256', 'abc')",
       "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
      {"return crypto.hash('sha224', 'abc', 'base64url')",
       "Iwl9IjQF2CKGQqR3vaJVsyqtvOS9oLP342ydpw"},
      {"return crypto.hmac('sha256', 'Jefe', 'what do ya want for nothing?')",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {"return crypto.hmac('sha512', ('\\x0b'):rep(20), 'Hi There'):sub(1, 32)",
       "87aa7cdea5ef619d4ff0b4241a1d6cb0"},
      {"return crypto.hmac('sha256', '', '')",
       "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
      {"return crypto.hmac('md5', 'Jefe', 'what do ya want for nothing?', 'bytes'):byte()", "117"},
      {"local out = {} for i = 0, 6 do out[#out + 1] = crypto.base64_encode(('foobar'):sub(1, i)) "
       "end return table.concat(out, ' ')",
       " Zg== Zm8= Zm9v Zm9vYg== Zm9vYmE= Zm9vYmFy"},
      {"local out = {} for i = 0, 6 do local s = ('foobar'):sub(1, i) "
       "out[#out + 1] = tostring(crypto.base64_decode(crypto.base64_encode(s)) == s) "
       "out[#out + 1] = tostring(crypto.base64url_decode(crypto.base64url_encode(s)) == s) "
       "end return table.concat(out):gsub('true', '')",
       ""},
      {"return crypto.base64url_encode('\\xfb\\xff\\xfe') .. crypto.base64_encode('\\xfb\\xff')",
       "-__-+/8="},
      {"return crypto.base64url_decode('Zg') .. crypto.base64url_decode('Zg==')", "ff"},
      {"return crypto.base64_decode('Zm9v\\r\\nYmFy\\n')", "foobar"},
      {"return crypto.hex_encode('\\0a\\xff') .. crypto.hex_decode('4142' .. '6a6A')",
       "0061ffABjj"},
      {"return tostring(crypto.equal('ab', 'ab')) .. tostring(crypto.equal('ab', 'ac')) .. "
       "tostring(crypto.equal('ab', 'a')) .. tostring(crypto.equal('', ''))",
       "truefalsefalsetrue"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

#define FAILURE(call) "local r, m, c = " call " return tostring(r) .. ' ' .. m .. ' ' .. c"

static void test_refusals(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"crypto.sha256()", "!t.lua:1: crypto.sha256: data must be a string, got nil"},
      {"crypto.sha256('x', 'hax')",
       "!t.lua:1: crypto.sha256: the form must be \"hex\", \"base64\", \"base64url\" or \"bytes\", "
       "got \"hax\""},
      {"crypto.hash('sha265', 'x')",
       "!t.lua:1: crypto.hash: unknown algorithm \"sha265\", did you mean \"sha256\"?"},
      {"crypto.hmac('sha256', nil, 'x')",
       "!t.lua:1: crypto.hmac: the key must be a string, got nil"},
      {"crypto.equal('x')", "!t.lua:1: crypto.equal: the second text must be a string, got nil"},
      {"crypto.uuid(5)", "!t.lua:1: crypto.uuid: the version must be 4 or 7, got 5"},
      {"crypto.uuid({})", "!t.lua:1: crypto.uuid: the version must be 4 or 7, got table"},
      {"crypto.random_bytes(-1)", "!t.lua:1: crypto.random_bytes: count must be a whole number"},
      {"crypto.random_bytes(1 << 40)",
       "!t.lua:1: crypto.random_bytes: count must be a whole number"},
      {"crypto.random_integer(2, 1)",
       "!t.lua:1: crypto.random_integer: there is no number from 2 to 1"},
      {"crypto.random_integer(1.5, 2)", "!t.lua:1: crypto.random_integer: two whole numbers"},
      {FAILURE("crypto.base64_decode('Zg')"), "nil base64 text ends too early invalid"},
      {FAILURE("crypto.base64_decode('Z')"), "nil base64 text ends too early invalid"},
      {FAILURE("crypto.base64_decode('Zm9*')"),
       "nil base64 text: byte 4, \"*\", cannot be there invalid"},
      {FAILURE("crypto.base64_decode('Zg==Zg==')"),
       "nil base64 text: byte 3, \"=\", cannot be there invalid"},
      {FAILURE("crypto.base64_decode('Z===')"),
       "nil base64 text: byte 2, \"=\", cannot be there invalid"},
      {FAILURE("crypto.base64_decode('Zh==')"),
       "nil base64 text: byte 2, \"h\", cannot be there invalid"},
      {FAILURE("crypto.base64_decode('Zm-_')"),
       "nil base64 text: byte 3, \"-\", cannot be there invalid"},
      {FAILURE("crypto.base64url_decode('Zm+/')"),
       "nil base64url text: byte 3, \"+\", cannot be there invalid"},
      {FAILURE("crypto.hex_decode('abc')"), "nil hex text ends too early invalid"},
      {FAILURE("crypto.hex_decode('a\\n')"),
       "nil hex text: byte 2, \"\\n\", cannot be there invalid"},
      {FAILURE("crypto.hash_file('sha256', '/no/such/file')"),
       "nil read /no/such/file: No such file or directory not_found"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

/* Texts longer than a part, with the joints at each place of a group. */
static void test_large_texts(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"return crypto.sha256(('a'):rep(1000000))",
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {"for n = 196605, 196620 do local s = ('xyz1'):rep(n // 4 + 1):sub(1, n) "
       "for _, code in ipairs { 'base64', 'base64url', 'hex' } do "
       "assert(crypto[code .. '_decode'](crypto[code .. '_encode'](s)) == s, code .. n) end end "
       "return 'ok'",
       "ok"},
      {"local s = crypto.random_bytes(600001) "
       "local wrapped = crypto.base64_encode(s):gsub(('.'):rep(76), '%0\\r\\n') "
       "return tostring(crypto.base64_decode(wrapped) == s)",
       "true"},
      {"local s = crypto.base64_encode(('x'):rep(300000)) "
       "return select(2, crypto.base64_decode(s:sub(1, 300000) .. '=' .. s:sub(300002)))",
       "base64 text: byte 300001, \"=\", cannot be there"},
      {"return select(2, crypto.hex_decode(('00'):rep(200000) .. '0g'))",
       "hex text: byte 400002, \"g\", cannot be there"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

static void test_randomness(void **state)
{
  (void)state;
  static const struct eval_case cases[] = {
      {"local id = crypto.uuid() return tostring(id:find('^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$') ~= "
       "nil) .. #id",
       "true36"},
      {"local last = '' for _ = 1, 20000 do local id = crypto.uuid(7) assert(id > last) last = id "
       "end return last:sub(15, 15)",
       "7"},
      {"local id = crypto.uuid(7):gsub('-', '') local ms = tonumber(id:sub(1, 12), 16) "
       "return tostring(math.abs(ms - time.now().epoch * 1000) < 60000)",
       "true"},
      {"local seen = {} for _ = 1, 2000 do seen[crypto.random_integer(-1, 2)] = true end "
       "return tostring(seen[-1] and seen[0] and seen[1] and seen[2]) .. tostring(seen[3])",
       "truenil"},
      {"return crypto.random_integer(7, 7)", "7"},
      {"return math.type(crypto.random_integer(math.mininteger, math.maxinteger))", "integer"},
      {"return #crypto.random_bytes(200000) .. ' ' .. #crypto.random_bytes(0) .. ' ' .. "
       "#crypto.random_bytes(8, 'hex')",
       "200000 0 16"},
      {"return tostring(crypto.random_bytes(16) == crypto.random_bytes(16))", "false"},
  };
  CHECK_CASES(cases, (struct vm_options){0}, 0);
}

/* A digest is cut into slices: a neighbour runs while it goes on. */
static void test_neighbours_run(void **state)
{
  (void)state;
  struct bench bench;
  bench_open(&bench);
  struct vm *busy = bench_vm(&bench), *other = bench_vm(&bench);
  struct piece *long_one =
      piece_start(busy, "local s = ('x'):rep(48 << 20) return #crypto.sha512(s)", 0);
  struct piece *short_one = piece_start(other, "for _ = 1, 3 do sleep(0.001) end return 'ok'", 0);
  piece_wait(&bench, short_one);
  assert_int_equal(long_one->outcome, VM_RUNNING);
  piece_wait(&bench, long_one);
  assert_string_equal(long_one->result, "128");
  piece_free(long_one);
  piece_free(short_one);
  vm_destroy(busy);
  vm_destroy(other);
  bench_close(&bench);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors),        cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_large_texts),    cmocka_unit_test(test_randomness),
      cmocka_unit_test(test_neighbours_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
