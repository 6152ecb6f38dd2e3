/* HTTP requests on a loop: one curl multi handle per loop, made at the first request. All on the
 * loop's thread, but for the list of clients, which is locked. */
#ifndef VM_API_HTTP_H
#define VM_API_HTTP_H

#include <uv.h>

/* Ends what is under way and closes the client of the loop, if there is one. The loop must run on
 * for its handles to close. */
void api_http_close(uv_loop_t *loop);

#endif
