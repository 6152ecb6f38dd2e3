/* Who hears of events: functions of scripts and consoles. Private to src/sched.
 *
 * A listener is declared by a version of a script, or added while a state lives. Events go to it in
 * their order, and it is heard one call after the other; how many may be under way is bounded.
 * Beyond that, an event for a listener in memory is dropped and counted, and an event for a durable
 * one waits in the store (outbox.c), where it stands from the transaction of its cause until the
 * listener has heard of it.
 *
 * What a turn does to listeners is noted, and stays or is taken back with it. */
#ifndef SCHED_LISTENER_H
#define SCHED_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/json.h"
#include "model/listener_spec.h"
#include "model/message.h"

struct sched;
struct script_entry;

enum {
  LISTENER_FLIGHT_MAX = 1000,    /* events under way to a listener in memory */
  LISTENER_WINDOW = 64,          /* to a durable one: what a crash may bring twice */
  LISTENER_WAITING_MAX = 100000, /* events of a durable one in the store */
  LISTENER_DEAD_MAX = 1000,      /* and those that it failed for good */
};

struct listener_state {
  int64_t in_flight;
  int64_t delivered, failed, dropped;
  int64_t waiting, dead;            /* rows; only of a durable one */
  int64_t last_number, sent_number; /* of its rows: the newest, and the last that was sent */
  int64_t retry_us;                 /* nothing is sent before; 0: at once */
  uint64_t round;                   /* what an earlier round sent is not heard any more */
  bool was_full;                    /* events were dropped, and that was told */
};

struct listener {
  struct listener *next;
  struct listener_spec *spec;
  char *script;
  uint64_t generation; /* of its state; 0: the script is not loaded yet */
  int worker;
  int64_t number;         /* of a durable one's row; else 0 */
  bool is_added;          /* while its state lived */
  bool is_fresh, is_gone; /* in this turn */
  bool is_touched;
  struct listener_state state, before;
  char *error; /* the last one; NULL: none */
  int64_t error_us, logged_us;
};

/* A name, or a job, and those who hear of it, found out when the name comes first. */
struct listener_slot {
  char *name;
  struct listener **heard_by;
  size_t count;
  struct listener_slot *jobs; /* of a name: those whose filter wants one job; a hash */
  bool has_filters;
  UT_hash_handle hh;
};

struct listeners {
  struct listener *first, *last;
  struct listener_slot *slots;
  uint64_t next_id; /* of an event */
  bool touched;
  bool has_durable; /* or had, at the end of the last turn that changed something */
};

#define listeners_each(at, s) for (struct listener *at = (s)->listeners.first; at; at = at->next)

/* Whether anybody might want an event of that name. */
bool listeners_hear(const struct sched *s, const char *name);
/* Returns how many want it. */
size_t listeners_tell(struct sched *s, const char *name, const char *json);

/* ---- who there is ---- */

/* Reads what a version declares, an array of specs, into a list; nothing is changed. */
enum error_code listeners_read(const struct script_entry *script, const struct json *specs,
                               struct listener **list, struct error *error);
void listeners_free(struct listener *list);
/* They take the place of those that the script declared before, as functions of the state that was
 * loaded last; takes the list. */
void listeners_declare(struct sched *s, const struct script_entry *script, struct listener *list);
/* Another of the script's states, of the generation and with the facts in force, is told from now
 * on in the place of `former`: what that has not said to have heard is told again to durable ones.
 */
void listeners_move(struct sched *s, const struct script_entry *script, uint64_t former);
/* A state asks while it lives; and takes back one of its listeners, or all (id 0). */
enum error_code listeners_add(struct sched *s, const struct message *request,
                              const struct json *spec, struct error *error);
enum error_code listeners_remove(struct sched *s, uint64_t generation, int64_t id,
                                 struct error *error);
/* The state is closed: those that were added in it are gone. The script is: all of it are. */
void listeners_retire(struct sched *s, uint64_t generation);
void listeners_remove_script(struct sched *s, const char *script);

/* ---- delivery ---- */

void listeners_heard(struct sched *s, const struct message *message);
/* A turn's last writing: sends what waits, and notes what changed. */
void listeners_pump(struct sched *s);
void listeners_flush(struct sched *s);
int64_t listeners_wake_us(const struct sched *s, int64_t now_us);
/* Whether a state still works on what it was sent. */
bool listeners_busy(const struct sched *s);

void listeners_recover(struct sched *s);
void listeners_commit(struct sched *s);
void listeners_undo(struct sched *s);
void listeners_free_all(struct sched *s);

/* ---- for the files of it ---- */

/* A listener has come or goes: who hears of a name is to be found out again. */
void listeners_forget_slots(struct sched *s);
struct listener *listener_of_state(struct sched *s, uint64_t generation, int64_t id);
/* Before its state is changed. */
void listener_touch(struct sched *s, struct listener *listener);
void listener_send(struct sched *s, struct listener *listener, int64_t number, uint64_t id,
                   int32_t delivery, const char *name, const char *json);
/* The one that "script/name" says, or that `name` alone does if there is no other; NULL with
 * *error. */
struct listener *listener_find(struct sched *s, const char *name, struct error *error);
void listener_view(const struct listener *listener, struct json_writer *writer);

/* outbox.c */
void outbox_add(struct sched *s, struct listener *listener, uint64_t id, const char *name,
                const char *json);
void outbox_heard(struct sched *s, struct listener *listener, const struct message *message);
void outbox_pump(struct sched *s, struct listener *listener);
enum error_code outbox_revive(struct sched *s, struct listener *listener, int64_t *count,
                              struct error *error);

#endif
