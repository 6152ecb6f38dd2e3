/* OpenSSL's libcrypto, loaded when a script first asks for a digest, as most daemons never do; the
 * same library that libcurl brings along for TLS.
 *
 * `crypto.EVP_MD_CTX_new()` is EVP_MD_CTX_new(), and so on. */
#ifndef VM_CRYPTO_LIBRARY_H
#define VM_CRYPTO_LIBRARY_H

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/error.h"

#define CRYPTO_FUNCTIONS(X)                                                                        \
  X(CRYPTO_memcmp)                                                                                 \
  X(EVP_DigestFinal_ex)                                                                            \
  X(EVP_DigestInit_ex)                                                                             \
  X(EVP_DigestUpdate)                                                                              \
  X(EVP_MAC_CTX_free)                                                                              \
  X(EVP_MAC_CTX_new)                                                                               \
  X(EVP_MAC_fetch)                                                                                 \
  X(EVP_MAC_final)                                                                                 \
  X(EVP_MAC_free)                                                                                  \
  X(EVP_MAC_init)                                                                                  \
  X(EVP_MAC_update)                                                                                \
  X(EVP_MD_CTX_free)                                                                               \
  X(EVP_MD_CTX_new)                                                                                \
  X(EVP_get_digestbyname)                                                                          \
  X(OPENSSL_init_crypto)                                                                           \
  X(OSSL_PARAM_construct_end)                                                                      \
  X(OSSL_PARAM_construct_utf8_string)

struct crypto_library {
#define X(name) __typeof__(&name) name;
  CRYPTO_FUNCTIONS(X)
#undef X
};

extern struct crypto_library crypto;

/* Loads and initialises it once; before that nothing of `crypto` may be called. ERROR_UNAVAILABLE
 * when it is not installed. Any thread. */
enum error_code crypto_library_load(struct error *error);

#endif
