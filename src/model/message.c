/* The scheduler sends a run to a worker, which answers with another message. Given to the
 * allocator, each would be freed in the part of the memory of the thread that made it, and the two
 * would wait for each other there at every run. So a thread keeps what it has finished with for
 * what it sends next, and it is the scheduler's own memory that comes back. A few are enough: most
 * runs are answered before the next one begins. More, all over the memory, would hold its pages. */
#include "model/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- memory ---- */

/* With a sanitizer each message is a block of its own, so that it sees one used after its end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SPARES_MAX = 0 };
#else
enum { SPARES_MAX = 16 };
#endif

struct spares {
  struct message *first;
  int count;
};

static _Thread_local struct spares *spares;
static pthread_key_t spares_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_spares(void *own)
{
  struct spares *ended = own;
  spares = NULL;
  while (ended->first) {
    struct message *message = ended->first;
    ended->first = message->next;
    free(message);
  }
  free(ended);
}

static void make_key(void)
{
  pthread_key_create(&spares_key, free_spares);
}

/* The system frees them when the thread ends. */
static struct spares *own_spares(void)
{
  if (!spares) {
    pthread_once(&once, make_key);
    spares = memory_alloc(sizeof *spares);
    pthread_setspecific(spares_key, spares);
  }
  return spares;
}

static void give(struct message *message)
{
  struct spares *own = own_spares();
  if (own->count >= SPARES_MAX) {
    free(message);
    return;
  }
  message->next = own->first;
  own->first = message;
  own->count++;
}

static struct message *get(void)
{
  struct spares *own = own_spares();
  struct message *message = own->first;
  if (!message)
    return memory_alloc(sizeof *message);
  own->first = message->next;
  own->count--;
  memset(message, 0, sizeof *message);
  return message;
}

/* ---- one message ---- */

struct message *message_create(enum message_kind kind, int from, int to)
{
  struct message *message = get();
  message->kind = kind;
  message->from = from;
  message->to = to;
  return message;
}

static void free_strings(struct message *m)
{
  switch (m->kind) {
  case MESSAGE_REQUEST:
    free(m->as.request.op);
    free(m->as.request.params);
    free(m->as.request.script);
    break;
  case MESSAGE_REPLY:
    free(m->as.reply.text);
    break;
  case MESSAGE_SOURCE:
    free(m->as.source.script);
    free(m->as.source.path);
    free(m->as.source.text);
    free(m->as.source.problem);
    break;
  case MESSAGE_SHORTAGE:
    free(m->as.shortage.text);
    break;
  case MESSAGE_MOVED:
    free(m->as.moved.text);
    break;
  case MESSAGE_MODULES:
    free(m->as.modules.script);
    free(m->as.modules.text);
    break;
  case MESSAGE_LOAD:
    free(m->as.load.script);
    free(m->as.load.path);
    free(m->as.load.text);
    break;
  case MESSAGE_LOADED:
    free(m->as.loaded.text);
    free(m->as.loaded.modules);
    break;
  case MESSAGE_RUN:
    free(m->as.run.job_id);
    free(m->as.run.func);
    free(m->as.run.command);
    free(m->as.run.args);
    free(m->as.run.events);
    free(m->as.run.env);
    free(m->as.run.decide);
    free(m->as.run.checkpoint);
    break;
  case MESSAGE_FINISHED:
    free(m->as.finished.result);
    free(m->as.finished.error);
    break;
  case MESSAGE_PROGRESS:
    free(m->as.progress.note);
    break;
  case MESSAGE_LOG:
    free(m->as.log.script);
    free(m->as.log.text);
    break;
  case MESSAGE_SENSED:
  case MESSAGE_SENSE:
  case MESSAGE_ACKNOWLEDGE:
    free(m->as.sensor.key);
    free(m->as.sensor.events);
    free(m->as.sensor.position);
    free(m->as.sensor.problem);
    break;
  case MESSAGE_ASK:
    free(m->as.ask.name);
    break;
  case MESSAGE_ANSWER:
    free(m->as.answer.error);
    break;
  case MESSAGE_EVENT:
    free(m->as.event.name);
    free(m->as.event.json);
    break;
  case MESSAGE_HEARD:
    free(m->as.heard.error);
    break;
  case MESSAGE_EVALUATE:
  case MESSAGE_COMPLETE:
  case MESSAGE_INTERRUPT:
  case MESSAGE_PRINT:
  case MESSAGE_END_SESSION:
    free(m->as.console.text);
    break;
  case MESSAGE_LEFT:
  case MESSAGE_SCANNED:
  case MESSAGE_CLOCK:
  case MESSAGE_ZONES:
  case MESSAGE_STOP:
  case MESSAGE_RESCAN:
  case MESSAGE_RETIRE:
  case MESSAGE_STARTED:
  case MESSAGE_TOLD:
  case MESSAGE_CANCEL:
  case MESSAGE_STOPPED:
  case MESSAGE_STUCK:
  case MESSAGE_UNSTUCK:
    break;
  }
}

void message_destroy(struct message *message)
{
  if (!message)
    return;
  free_strings(message);
  give(message);
}

/* ---- lists ---- */

void message_list_append(struct message_list *list, struct message *message)
{
  message->next = NULL;
  if (list->last)
    list->last->next = message;
  else
    list->first = message;
  list->last = message;
}

struct message *message_list_pop(struct message_list *list)
{
  struct message *message = list->first;
  if (message) {
    list->first = message->next;
    if (!list->first)
      list->last = NULL;
    message->next = NULL;
  }
  return message;
}

void message_list_join(struct message_list *list, struct message_list *tail)
{
  if (!tail->first)
    return;
  if (list->last)
    list->last->next = tail->first;
  else
    list->first = tail->first;
  list->last = tail->last;
  *tail = (struct message_list){0};
}

void message_list_deinit(struct message_list *list)
{
  struct message *message;
  while ((message = message_list_pop(list)))
    message_destroy(message);
}

/* ---- requests and replies ---- */

struct message *message_copy_request(const struct message *request)
{
  struct message *copy = message_create(MESSAGE_REQUEST, request->from, request->to);
  copy->tag = request->tag;
  copy->as.request.op = memory_strdup(request->as.request.op);
  copy->as.request.params = memory_strdup(request->as.request.params);
  copy->as.request.script = memory_strdup(request->as.request.script);
  copy->as.request.generation = request->as.request.generation;
  copy->as.request.attempt = request->as.request.attempt;
  copy->as.request.call = request->as.request.call;
  copy->as.request.client = request->as.request.client;
  return copy;
}

struct message *message_copy_reply(const struct message *reply)
{
  struct message *copy = message_create(MESSAGE_REPLY, reply->from, reply->to);
  copy->tag = reply->tag;
  copy->as.reply.code = reply->as.reply.code;
  copy->as.reply.text = memory_strdup(reply->as.reply.text);
  return copy;
}

static struct message *start_reply(const struct message *request)
{
  struct message *reply = message_create(MESSAGE_REPLY, request->to, request->from);
  reply->tag = request->tag;
  return reply;
}

struct message *message_reply(const struct message *request, char *json)
{
  struct message *reply = start_reply(request);
  reply->as.reply.text = json;
  return reply;
}

struct message *message_reply_error(const struct message *request, const struct error *error)
{
  struct message *reply = start_reply(request);
  reply->as.reply.code = error->code;
  reply->as.reply.text = memory_strdup(error->text);
  return reply;
}
