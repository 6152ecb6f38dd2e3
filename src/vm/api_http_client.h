/* Transfers of libcurl driven by a libuv loop. No Lua. On the loop's thread. */
#ifndef VM_API_HTTP_CLIENT_H
#define VM_API_HTTP_CLIENT_H

#include <stdbool.h>
#include <uv.h>

#include "vm/curl_library.h"

struct http_client;

struct http_transfer {
  struct http_client *client;
  struct http_transfer *next, *previous;
  CURL *easy; /* its CURLOPT_PRIVATE is the client's */
  CURLcode result;
  /* It is over, with `result`; the easy handle can be asked and is still the owner's. Not from
   * within a function of this header but http_client_close. */
  void (*done)(struct http_transfer *transfer);
};

/* The client of the loop, made when there is none. curl_library_load() has succeeded. */
struct http_client *http_client_of(uv_loop_t *loop);

/* Closes the client of the loop, if there is one: transfers end with CURLE_ABORTED_BY_CALLBACK. */
void http_client_close(uv_loop_t *loop);

/* Begins a transfer with a prepared easy handle. `done` follows in any case. */
void http_client_add(struct http_client *client, struct http_transfer *transfer);

/* Ends it early; `done` is not called. Does nothing when it is over. */
void http_client_remove(struct http_transfer *transfer);

/* Says why it failed. `what` stands in front; `problem` is curl's own text; `allowed` are the
 * protocols that it may have. */
enum error_code http_client_describe(const struct http_transfer *transfer, const char *what,
                                     const char *problem, const char *allowed, struct error *error);

#endif
