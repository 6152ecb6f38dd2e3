/* The ABI of OpenSSL 3; its exit handler is not wanted, as workers may still run then. Any thread.
 */
#include "vm/crypto_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#ifdef __APPLE__
#define LIBRARY "libcrypto.3.dylib"
#else
#define LIBRARY "libcrypto.so.3"
#endif

struct crypto_library crypto;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error failure;

static bool find(void *library, const char *name, void **function)
{
  *function = dlsym(library, name);
  if (!*function)
    error_set(&failure, ERROR_UNAVAILABLE, "crypto needs a newer libcrypto: it has no %s", name);
  return *function;
}

static void load(void)
{
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error_set(&failure, ERROR_UNAVAILABLE, "crypto needs libcrypto: %s", dlerror());
    return;
  }
#define X(name)                                                                                    \
  if (!find(library, #name, (void **)&crypto.name))                                                \
    return;
  CRYPTO_FUNCTIONS(X)
#undef X
  crypto.OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

enum error_code crypto_library_load(struct error *error)
{
  pthread_once(&once, load);
  if (failure.code && error)
    *error = failure;
  return failure.code;
}
