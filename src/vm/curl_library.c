#include "vm/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#ifdef __APPLE__
#define LIBRARY "libcurl.4.dylib"
#else
#define LIBRARY "libcurl.so.4" /* its only ABI since 2006 */
#endif

struct curl_library curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error failure;

static bool find(void *library, const char *name, void **function)
{
  *function = dlsym(library, name);
  if (!*function)
    error_set(&failure, ERROR_UNAVAILABLE, "http needs a newer libcurl: it has no %s", name);
  return *function;
}

static void load(void)
{
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error_set(&failure, ERROR_UNAVAILABLE, "http needs libcurl: %s", dlerror());
    return;
  }
#define X(name)                                                                                    \
  if (!find(library, "curl_" #name, (void **)&curl.name))                                          \
    return;
  CURL_FUNCTIONS(X)
#undef X
  curl.global_init(CURL_GLOBAL_DEFAULT);
}

enum error_code curl_library_load(struct error *error)
{
  pthread_once(&once, load);
  if (failure.code && error)
    *error = failure;
  return failure.code;
}
