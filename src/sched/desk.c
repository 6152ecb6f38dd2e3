/* The desk: clients ask as much as they like, and are answered in fair order, some in each turn.
 *
 * A turn answers requests up to a share that is measured in bytes, of questions and answers alike,
 * so that a thousand lists do not keep jobs from their time; the others stay here. Each client's
 * requests are answered in the order in which they came. Between clients the one comes first that
 * has had the least of late, by start-time fair queueing: a client's `served` grows by what each
 * answer has cost, and one that comes newly begins where the one served last stands. What the next
 * answer will cost is reckoned from what the same operation has cost before. So who asks a little
 * is answered at once, however many others ask for all there is. While nobody waits, nobody is owed
 * anything.
 *
 * What a client asked that has left is still done if it changes something; questions are dropped.
 * Requests of scripts do not pass here: their order among what their worker tells must stay. */
#include "sched/desk.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sched/request.h"

enum {
  REQUEST_BYTES = 256,  /* what a request costs besides: its transaction, its message */
  OPERATIONS_MAX = 128, /* whose costs are remembered: clients may make up any names */
};

/* What an operation has cost lately. */
struct desk_cost {
  char *op;
  int64_t bytes;
  UT_hash_handle hh;
};

struct desk_client {
  struct heap_node place; /* number is the client's; in desk.order while somebody waits */
  int64_t served;
  struct message_list waiting;
  UT_hash_handle hh;
};

static struct desk_client *get_client(struct desk *desk, uint64_t number)
{
  struct desk_client *client;
  HASH_FIND(hh, desk->clients, &number, sizeof number, client);
  if (client)
    return client;
  client = memory_alloc(sizeof *client);
  client->place.number = (int64_t)number;
  client->served = desk->served;
  HASH_ADD_KEYPTR(hh, desk->clients, &client->place.number, sizeof client->place.number, client);
  return client;
}

static void free_client(struct desk *desk, struct desk_client *client)
{
  heap_remove(&client->place);
  HASH_DEL(desk->clients, client);
  message_list_deinit(&client->waiting);
  free(client);
}

static int64_t expect_cost(const struct desk *desk, const char *op)
{
  struct desk_cost *cost;
  HASH_FIND_STR(desk->costs, op, cost);
  return cost ? cost->bytes : REQUEST_BYTES;
}

static void learn_cost(struct desk *desk, const char *op, int64_t bytes)
{
  struct desk_cost *cost;
  HASH_FIND_STR(desk->costs, op, cost);
  if (!cost && HASH_COUNT(desk->costs) < OPERATIONS_MAX) {
    cost = memory_alloc(sizeof *cost);
    cost->op = memory_strdup(op);
    cost->bytes = bytes;
    HASH_ADD_KEYPTR(hh, desk->costs, cost->op, strlen(cost->op), cost);
  } else if (cost) {
    cost->bytes += (bytes - cost->bytes) / 4;
  }
}

static void take_place(struct desk *desk, struct desk_client *client)
{
  if (!client->waiting.first) {
    heap_remove(&client->place);
    return;
  }
  client->place.us = client->served + expect_cost(desk, client->waiting.first->as.request.op);
  heap_put(&desk->order, &client->place);
}

/* Also those that have only debts. */
static void forget_clients(struct desk *desk)
{
  struct desk_client *client, *next;
  HASH_ITER(hh, desk->clients, client, next)
    free_client(desk, client);
}

/* The front keeps account of what it has asked, so that each is answered in some way, whatever
 * becomes of this turn. */
static void drop_questions(struct sched *s, struct desk_client *client)
{
  struct message_list waiting = client->waiting;
  struct message *message;
  struct error error;
  client->waiting = (struct message_list){0};
  error_set(&error, ERROR_CANCELLED, "who asked has left");
  while ((message = message_list_pop(&waiting))) {
    if (request_is_question(message->as.request.op)) {
      message_list_append(&s->owed, message_reply_error(message, &error));
      message_destroy(message);
    } else {
      message_list_append(&client->waiting, message);
    }
  }
  take_place(&s->desk, client);
}

bool desk_take_in(struct sched *s, struct message *message)
{
  struct desk *desk = &s->desk;
  if (message->kind == MESSAGE_LEFT) {
    struct desk_client *client;
    HASH_FIND(hh, desk->clients, &message->tag, sizeof message->tag, client);
    if (client)
      drop_questions(s, client);
    message_destroy(message);
    return true;
  }
  if (message->kind != MESSAGE_REQUEST || message->as.request.client == 0)
    return false;
  struct desk_client *client = get_client(desk, message->as.request.client);
  if (client->served < desk->served)
    client->served = desk->served;
  message_list_append(&client->waiting, message);
  take_place(desk, client);
  return true;
}

void desk_begin(struct sched *s)
{
  s->desk.share = s->bounds.desk_bytes;
}

void desk_end(struct sched *s)
{
  s->desk.share = 0;
}

struct message *desk_next(struct sched *s)
{
  struct desk *desk = &s->desk;
  struct heap_node *node = heap_first(&desk->order);
  if (!node || desk->share <= 0) {
    if (!node)
      forget_clients(desk);
    return NULL;
  }
  struct desk_client *client = get_client(desk, (uint64_t)node->number);
  struct message *message = message_list_pop(&client->waiting);
  if (client->served > desk->served)
    desk->served = client->served;
  take_place(desk, client);
  return message;
}

void desk_answer(struct sched *s, struct message *message)
{
  struct desk *desk = &s->desk;
  uint64_t number = message->as.request.client;
  const struct message *last = s->out->last;
  size_t cost = REQUEST_BYTES;
  char *op = memory_strdup(message->as.request.op);
  if (message->as.request.params)
    cost += strlen(message->as.request.params);
  request_answer(s, message);
  const struct message *reply = s->out->last;
  if (reply != last && reply->kind == MESSAGE_REPLY && reply->as.reply.text)
    cost += strlen(reply->as.reply.text);
  if (number) {
    struct desk_client *client = get_client(desk, number);
    desk->share -= (int64_t)cost;
    client->served += (int64_t)cost;
    learn_cost(desk, op, (int64_t)cost);
    take_place(desk, client);
  }
  free(op);
}

bool desk_is_waited_at(const struct sched *s)
{
  return heap_first(&s->desk.order) != NULL;
}

void desk_clear(struct sched *s)
{
  struct desk_cost *cost, *next;
  forget_clients(&s->desk);
  HASH_ITER(hh, s->desk.costs, cost, next) {
    HASH_DEL(s->desk.costs, cost);
    free(cost->op);
    free(cost);
  }
  heap_deinit(&s->desk.order);
}
