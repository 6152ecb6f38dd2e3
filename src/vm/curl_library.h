/* libcurl, loaded at the first request. With what it pulls in (two TLS libraries, Kerberos, LDAP)
 * it is most of the memory of an idle daemon, and most daemons never ask for a URL.
 *
 * `curl.easy_init()` is curl_easy_init(), and so on. */
#ifndef VM_CURL_LIBRARY_H
#define VM_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/error.h"

#define CURL_FUNCTIONS(X)                                                                          \
  X(easy_cleanup)                                                                                  \
  X(easy_getinfo)                                                                                  \
  X(easy_init)                                                                                     \
  X(easy_pause)                                                                                    \
  X(easy_setopt)                                                                                   \
  X(easy_strerror)                                                                                 \
  X(global_init)                                                                                   \
  X(multi_add_handle)                                                                              \
  X(multi_assign)                                                                                  \
  X(multi_cleanup)                                                                                 \
  X(multi_info_read)                                                                               \
  X(multi_init)                                                                                    \
  X(multi_remove_handle)                                                                           \
  X(multi_setopt)                                                                                  \
  X(multi_socket_action)                                                                           \
  X(slist_append)                                                                                  \
  X(slist_free_all)

struct curl_library {
#define X(name) __typeof__(&curl_##name) name;
  CURL_FUNCTIONS(X)
#undef X
};

extern struct curl_library curl;

/* Loads and initialises it once; before that nothing of `curl` may be called. ERROR_UNAVAILABLE
 * when it is not installed. Any thread. */
enum error_code curl_library_load(struct error *error);

#endif
