#include "bus/bus.h"

#include <stdlib.h>

#include "base/memory.h"
#include "bus/need.h"

struct mailbox {
  uv_mutex_t mutex;
  uv_async_t *wake; /* NULL unless open */
  struct message_list waiting;
  size_t count;
  bus_receiver receive;
  void *context;
};

struct bus {
  struct mailbox boxes[BUS_ADDRESSES_MAX];
};

struct bus *bus_create(void)
{
  struct bus *bus = memory_alloc(sizeof *bus);
  for (int i = 0; i < BUS_ADDRESSES_MAX; i++)
    uv_mutex_init(&bus->boxes[i].mutex);
  return bus;
}

void bus_destroy(struct bus *bus)
{
  for (int i = 0; i < BUS_ADDRESSES_MAX; i++) {
    message_list_deinit(&bus->boxes[i].waiting);
    uv_mutex_destroy(&bus->boxes[i].mutex);
  }
  free(bus);
}

static struct message_list take(struct mailbox *box)
{
  uv_mutex_lock(&box->mutex);
  struct message_list taken = box->waiting;
  box->waiting = (struct message_list){0};
  box->count = 0;
  uv_mutex_unlock(&box->mutex);
  return taken;
}

static void on_wake(uv_async_t *wake)
{
  struct mailbox *box = wake->data;
  struct message_list taken = take(box);
  if (taken.first)
    box->receive(box->context, &taken);
}

enum error_code bus_try_open(struct bus *bus, int address, uv_loop_t *loop, bus_receiver receive,
                             void *context, struct error *error)
{
  struct mailbox *box = &bus->boxes[address];
  uv_async_t *wake = memory_alloc(sizeof *wake);
  enum error_code code = need_ask(uv_async_init(loop, wake, on_wake), "a mailbox", error);
  if (code) {
    free(wake);
    return code;
  }
  wake->data = box;
  uv_mutex_lock(&box->mutex);
  box->receive = receive;
  box->context = context;
  box->wake = wake;
  if (box->waiting.first)
    uv_async_send(wake);
  uv_mutex_unlock(&box->mutex);
  return ERROR_OK;
}

void bus_open(struct bus *bus, int address, uv_loop_t *loop, bus_receiver receive, void *context)
{
  struct error error;
  if (bus_try_open(bus, address, loop, receive, context, &error))
    need_end(&error);
}

static void free_handle(uv_handle_t *handle)
{
  free(handle);
}

void bus_close(struct bus *bus, int address)
{
  struct mailbox *box = &bus->boxes[address];
  uv_mutex_lock(&box->mutex);
  uv_async_t *wake = box->wake;
  box->wake = NULL;
  uv_mutex_unlock(&box->mutex);
  if (wake)
    uv_close((uv_handle_t *)wake, free_handle);
}

static void put(struct mailbox *box, struct message *message)
{
  if (!box->waiting.first && box->wake)
    uv_async_send(box->wake);
  message_list_append(&box->waiting, message);
  box->count++;
}

void bus_post(struct bus *bus, struct message *message)
{
  struct mailbox *box = &bus->boxes[message->to];
  uv_mutex_lock(&box->mutex);
  put(box, message);
  uv_mutex_unlock(&box->mutex);
}

void bus_post_list(struct bus *bus, struct message_list *list)
{
  struct mailbox *locked = NULL;
  struct message *message;
  while ((message = message_list_pop(list))) {
    struct mailbox *box = &bus->boxes[message->to];
    if (box != locked) {
      if (locked)
        uv_mutex_unlock(&locked->mutex);
      uv_mutex_lock(&box->mutex);
      locked = box;
    }
    put(box, message);
  }
  if (locked)
    uv_mutex_unlock(&locked->mutex);
}

size_t bus_waiting(struct bus *bus, int address)
{
  struct mailbox *box = &bus->boxes[address];
  uv_mutex_lock(&box->mutex);
  size_t count = box->count;
  uv_mutex_unlock(&box->mutex);
  return count;
}

struct message_list bus_take(struct bus *bus, int address)
{
  return take(&bus->boxes[address]);
}

void bus_clear(struct bus *bus, int address)
{
  struct message_list unread = take(&bus->boxes[address]);
  message_list_deinit(&unread);
}
