/* The other states of a script that is parallel. See twin.c. Private to src/sched. */
#ifndef SCHED_TWIN_H
#define SCHED_TWIN_H

#include "sched/state.h"

struct twin {
  struct twin *next;
  int worker;          /* whose place it has; it has no state there while it waits or has failed */
  uint64_t generation; /* 0: none */
  bool is_loaded;
  int awaits;                  /* the worker that a call of it keeps; 0: none */
  char *error;                 /* why it does not load; NULL: it does */
  struct json_document *facts; /* of its load */
};

/* In one of which a run begins. */
struct script_state {
  int worker;
  uint64_t generation;
};

/* The state of the version in force whose worker has the fewest runs. False: all sit on workers
 * that begin nothing more. */
bool twin_choose(const struct sched *s, const struct script_entry *script,
                 struct script_state *state);
bool twin_has(const struct script_entry *script, uint64_t generation);
/* The name of the listener that the script declares and that has the number in that state, a
 * twin's; *script says whose it is. NULL: there is none. */
const char *twin_listener(const struct sched *s, uint64_t generation, int64_t id,
                          const char **script);

/* Whether it is parallel, and how it stands with each state. */
void twins_put(const struct script_entry *script, struct json_writer *writer);

/* Their states are to be closed. They are forgotten, which no transaction takes back. */
void twins_retire(struct sched *s, const struct script_entry *script);
void twins_free(struct script_entry *script);

/* What follows changes what no transaction keeps: after a commit. */

/* Has a state loaded on each worker that has none of the version in force. */
void twins_spread(struct sched *s, struct script_entry *script);
void twins_spread_all(struct sched *s);
/* The message, LOADED, speaks of one of them. */
bool twins_loaded(struct sched *s, const struct message *message);
/* `worker`, which sits in a call of `generation`, has been replaced. If it had the first of the
 * script's states another becomes the first; false: there is none. */
bool twins_move(struct sched *s, struct script_entry *script, int worker, int replacement,
                uint64_t generation);
void twins_return(struct sched *s, struct script_entry *script, int worker); /* it goes on */

#endif
