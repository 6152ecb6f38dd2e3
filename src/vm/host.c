#include "vm/host.h"

#include <stdlib.h>

#include "base/memory.h"
#include "vm/call.h"

/* Bounds of a round, so that mailbox and timers are served often. */
enum { ROUND_TICKS = 2, ROUND_SLICES = 512 };

static void do_nothing(uv_idle_t *idle)
{
  (void)idle;
}

void host_flush(struct host *host)
{
  uv_mutex_lock(&host->outbox_mutex);
  struct message_list list = host->outbox;
  host->outbox = (struct message_list){0};
  uv_mutex_unlock(&host->outbox_mutex);
  if (list.first)
    bus_post_list(host->options.bus, &list);
}

static bool run_first(struct call_queue *queue)
{
  struct vm_call *call = TAILQ_FIRST(queue);
  if (!call)
    return false;
  TAILQ_REMOVE(queue, call, in_queue);
  call_run_slice(call);
  return true;
}

static void run_round(uv_prepare_t *prepare)
{
  struct host *host = prepare->data;
  uint32_t began = host->preempt.ticks;
  for (int slices = 0; slices < ROUND_SLICES; slices++)
    if (host->preempt.ticks - began >= ROUND_TICKS || !run_first(&host->ready))
      break;
  bool is_over = host->preempt.ticks - began >= ROUND_TICKS;
  host->cut_waits = is_over && !host->cut_waits;
  if (!host->cut_waits)
    run_first(&host->cut);
  if (host->options.after_round)
    host->options.after_round(host->options.context);
  host_flush(host);
  /* An active idle handle keeps the loop from blocking. */
  if (TAILQ_EMPTY(&host->ready) && TAILQ_EMPTY(&host->cut))
    uv_idle_stop(&host->idle);
  else
    uv_idle_start(&host->idle, do_nothing);
}

struct host *host_open(const struct host_options *options, struct error *error)
{
  struct host *host = memory_alloc(sizeof *host);
  if (preempt_open(&host->preempt, call_hook, error)) {
    free(host);
    return NULL;
  }
  host->preempt.on_stuck = gauge_show;
  host->options = *options;
  host->last_number = options->first_number;
  uv_mutex_init(&host->outbox_mutex);
  blocks_init(&host->blocks);
  TAILQ_INIT(&host->ready);
  TAILQ_INIT(&host->cut);
  uv_prepare_init(options->loop, &host->prepare);
  host->prepare.data = host;
  uv_prepare_start(&host->prepare, run_round);
  uv_idle_init(options->loop, &host->idle);
  uv_timer_init(options->loop, &host->nap_timer);
  host->nap_timer.data = host;
  return host;
}

void host_close(struct host *host)
{
  host_flush(host);
  preempt_close(&host->preempt);
  uv_close((uv_handle_t *)&host->prepare, NULL);
  uv_close((uv_handle_t *)&host->idle, NULL);
  uv_close((uv_handle_t *)&host->nap_timer, NULL);
}

void host_free(struct host *host)
{
  message_list_deinit(&host->outbox);
  uv_mutex_destroy(&host->outbox_mutex);
  heap_deinit(&host->naps);
  blocks_deinit(&host->blocks);
  free(host);
}

void host_post(struct host *host, struct message *message)
{
  uv_mutex_lock(&host->outbox_mutex);
  message_list_append(&host->outbox, message);
  uv_mutex_unlock(&host->outbox_mutex);
}

void host_post_before(struct host *host, struct message_list *list)
{
  uv_mutex_lock(&host->outbox_mutex);
  message_list_join(list, &host->outbox);
  message_list_join(&host->outbox, list);
  uv_mutex_unlock(&host->outbox_mutex);
}
