/* curl_multi_socket_action on uv_poll and one uv_timer. curl says which sockets to watch and when
 * to be called again; we call it, and then take from it which transfers are over.
 *
 * curl's timer is never unreferenced: the first step of each transfer comes only by it. Names are
 * resolved by curl's own threads; QUICK_EXIT lets such a thread end by itself when its transfer is
 * given up, where curl would otherwise wait for it on the loop. */
#include "vm/api_http_client.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "vm/api_http.h"

struct http_client {
  struct http_client *next;
  uv_loop_t *loop;
  CURLM *multi;
  uv_timer_t timer;
  struct http_transfer *transfers;
};

struct watch {
  uv_poll_t poll;
  struct http_client *client;
  curl_socket_t fd;
  int events; /* that are waited for */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct http_client *clients;

/* ---- what is over ---- */

static void forget(struct http_transfer *transfer)
{
  if (transfer->previous)
    transfer->previous->next = transfer->next;
  else
    transfer->client->transfers = transfer->next;
  if (transfer->next)
    transfer->next->previous = transfer->previous;
  transfer->client = NULL;
}

static void end_transfer(struct http_transfer *transfer, CURLcode result)
{
  curl.multi_remove_handle(transfer->client->multi, transfer->easy);
  forget(transfer);
  transfer->result = result;
  transfer->done(transfer);
}

static void take_results(struct http_client *client)
{
  CURLMsg *message;
  int left;
  while ((message = curl.multi_info_read(client->multi, &left))) {
    struct http_transfer *transfer = NULL;
    if (message->msg != CURLMSG_DONE)
      continue;
    CURLcode result = message->data.result; /* gone once the handle is removed */
    curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    end_transfer(transfer, result);
  }
}

/* ---- curl and the loop ---- */

static void on_timer(uv_timer_t *timer)
{
  struct http_client *client = timer->data;
  int running;
  curl.multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  take_results(client);
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
  struct http_client *client = context;
  (void)multi;
  if (timeout_ms < 0) {
    uv_timer_stop(&client->timer);
  } else {
    uv_update_time(client->loop);
    uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
  }
  return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct watch *watch = poll->data;
  struct http_client *client = watch->client; /* the watch may go within the call */
  int flags = 0, running;
  /* The loop has stopped watching a socket with an error. With no flags curl looks by itself, and
   * reads what came before, or begins anew when a connection that was kept is closed. */
  if (status < 0)
    uv_poll_start(poll, watch->events, on_poll);
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  curl.multi_socket_action(client->multi, watch->fd, flags, &running);
  take_results(client);
}

static void on_watch_closed(uv_handle_t *handle)
{
  free(handle->data);
}

static struct watch *add_watch(struct http_client *client, curl_socket_t fd)
{
  struct watch *watch = memory_alloc(sizeof *watch);
  watch->client = client;
  watch->fd = fd;
  watch->poll.data = watch;
  if (uv_poll_init_socket(client->loop, &watch->poll, fd) != 0) {
    free(watch);
    return NULL;
  }
  curl.multi_assign(client->multi, fd, watch);
  return watch;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
  struct http_client *client = context;
  struct watch *watch = socket_context;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (watch) {
      uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
      curl.multi_assign(client->multi, fd, NULL);
    }
    return 0;
  }
  if (!watch && !(watch = add_watch(client, fd)))
    return -1;
  watch->events = 0;
  if (what & CURL_POLL_IN)
    watch->events |= UV_READABLE;
  if (what & CURL_POLL_OUT)
    watch->events |= UV_WRITABLE;
  return uv_poll_start(&watch->poll, watch->events, on_poll) == 0 ? 0 : -1;
}

/* ---- clients ---- */

static struct http_client *find(uv_loop_t *loop, bool is_taken)
{
  pthread_mutex_lock(&mutex);
  struct http_client **link = &clients;
  while (*link && (*link)->loop != loop)
    link = &(*link)->next;
  struct http_client *client = *link;
  if (client && is_taken)
    *link = client->next;
  pthread_mutex_unlock(&mutex);
  return client;
}

struct http_client *http_client_of(uv_loop_t *loop)
{
  struct http_client *client = find(loop, false);
  if (client)
    return client;
  client = memory_alloc(sizeof *client);
  client->loop = loop;
  client->multi = curl.multi_init();
  if (!client->multi)
    abort(); /* out of memory */
  uv_timer_init(loop, &client->timer);
  client->timer.data = client;
  curl.multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl.multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
  curl.multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl.multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
  pthread_mutex_lock(&mutex);
  client->next = clients;
  clients = client;
  pthread_mutex_unlock(&mutex);
  return client;
}

static void on_client_closed(uv_handle_t *handle)
{
  free(handle->data);
}

void http_client_close(uv_loop_t *loop)
{
  struct http_client *client = find(loop, true);
  if (!client)
    return;
  while (client->transfers)
    end_transfer(client->transfers, CURLE_ABORTED_BY_CALLBACK);
  curl.multi_cleanup(client->multi);
  uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

void api_http_close(uv_loop_t *loop)
{
  http_client_close(loop);
}

void http_client_add(struct http_client *client, struct http_transfer *transfer)
{
  transfer->client = client;
  transfer->previous = NULL;
  transfer->next = client->transfers;
  if (transfer->next)
    transfer->next->previous = transfer;
  client->transfers = transfer;
  curl.easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
  curl.easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  curl.easy_setopt(transfer->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl.multi_add_handle(client->multi, transfer->easy); /* fails only for a handle in use */
}

void http_client_remove(struct http_transfer *transfer)
{
  if (!transfer->client)
    return;
  curl.multi_remove_handle(transfer->client->multi, transfer->easy);
  forget(transfer);
}

enum error_code http_client_describe(const struct http_transfer *transfer, const char *what,
                                     const char *problem, const char *allowed, struct error *error)
{
  long number = 0;
  curl.easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
  switch (transfer->result) {
  case CURLE_COULDNT_CONNECT:
    if (number)
      return error_set_errno(error, ERROR_UNAVAILABLE, (int)number, "%s: could not connect", what);
    return error_set(error, ERROR_UNAVAILABLE, "%s: could not connect: %s", what, problem);
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
    return error_set(error, ERROR_UNAVAILABLE, "%s: the host's name is not known: %s", what,
                     problem);
  case CURLE_OPERATION_TIMEDOUT:
    return error_set(error, ERROR_TIMEOUT, "%s: timed out: %s", what, problem);
  case CURLE_URL_MALFORMAT:
    return error_set(error, ERROR_INVALID, "%s: the URL is not valid", what);
  case CURLE_UNSUPPORTED_PROTOCOL:
    return error_set(error, ERROR_INVALID, "%s: only %s are known here", what, allowed);
  case CURLE_PEER_FAILED_VERIFICATION: /* which no other attempt changes */
  case CURLE_SSL_CACERT_BADFILE:
    return error_set(error, ERROR_PERMISSION, "%s: %s", what,
                     problem[0] ? problem : curl.easy_strerror(transfer->result));
  case CURLE_TOO_MANY_REDIRECTS:
    return error_set(error, ERROR_LIMIT, "%s: too many redirects", what);
  default:
    return error_set(error, ERROR_IO, "%s: %s", what,
                     problem[0] ? problem : curl.easy_strerror(transfer->result));
  }
}
