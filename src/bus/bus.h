/* How messages get from thread to thread: one mailbox per thread (a mutex, a list, one uv_async_t).
 * A wake-up is sent only when a mailbox goes from empty to non-empty, so that a batch costs one. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <uv.h>

#include "model/message.h"

enum { BUS_ADDRESSES_MAX = ADDRESS_WORKER + 256 };

struct bus;

struct bus *bus_create(void);
/* All mailboxes must be closed. Messages that nobody took are destroyed. */
void bus_destroy(struct bus *bus);

/* Called on the owner's thread with what the mailbox holds; it must leave the list empty. */
typedef void (*bus_receiver)(void *context, struct message_list *messages);

/* Opens the mailbox of `address` on the caller's loop. Messages posted before it is open wait. */
void bus_open(struct bus *bus, int address, uv_loop_t *loop, bus_receiver receive, void *context);
/* The same for who can go on without: ERROR_IO. */
enum error_code bus_try_open(struct bus *bus, int address, uv_loop_t *loop, bus_receiver receive,
                             void *context, struct error *error);
/* On the owner's thread; the loop must run once more for the handle to close. Later posts wait in
 * vain and are destroyed with the bus. */
void bus_close(struct bus *bus, int address);

/* Takes the message, or all messages of the list (which may go to different addresses). Any thread.
 */
void bus_post(struct bus *bus, struct message *message);
void bus_post_list(struct bus *bus, struct message_list *list);

/* Destroys what its owner, who has closed it, has not come for; it can be opened again. Any thread.
 */
void bus_clear(struct bus *bus, int address);

/* Takes all messages out of a mailbox that is not open. Any thread. */
struct message_list bus_take(struct bus *bus, int address);

/* Messages waiting in a mailbox. Any thread. */
size_t bus_waiting(struct bus *bus, int address);

#endif
