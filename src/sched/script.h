/* Which version of a script is in force. See script.c, script_loaded.c, script_wait.c. Private to
 * src/sched. */
#ifndef SCHED_SCRIPT_H
#define SCHED_SCRIPT_H

#include "sched/state.h"

struct script_entry *script_find(struct sched *s, const char *name);
struct script_entry *script_get(struct sched *s, const char *name, enum script_origin origin);
enum script_ready { SCRIPT_READY, SCRIPT_LATER, SCRIPT_MISSING };
/* READY sets *entry; MISSING sets *error to why. */
enum script_ready script_ready(struct sched *s, const char *name, struct script_entry **entry,
                               struct error *error);
/* A pool or a calendar has come; after the commit, and when loads have ended, scripts that failed
 * without it are loaded once more, whatever the order of their files. */
void script_provide(struct sched *s);
void script_try_provided(struct sched *s);
/* Whether the script is there and declares `name` among its `kind` ("pools"), or may do so when it
 * is loaded. */
bool script_declares(struct sched *s, const char *script, const char *kind, const char *name);
void script_load(struct sched *s, struct script_entry *script, const char *source, size_t size);
void script_source(struct sched *s, const struct message *message);
void script_scanned(struct sched *s, const struct message *message);
/* Writes what a load brought; script_settle(), after the commit, puts it in force. Both may see the
 * same message twice when a commit fails in between. */
void script_loaded(struct sched *s, const struct message *message);
void script_settle(struct sched *s, const struct message *message);
void script_remove(struct sched *s, struct script_entry *script);
/* What a turn has removed is gone for good, or is there as it was; who has come to wait in it does
 * so, or comes again. The latter also if the first look into the folder was part of it. */
void script_commit(struct sched *s);
void script_undo(struct sched *s);
void script_recover(struct sched *s);
bool script_has_function(const struct script_entry *script, const char *func, struct error *error);
/* Both take the request, which is answered when the script, or what the front finds in the folder,
 * is loaded. */
void script_load_for(struct sched *s, struct script_entry *script, const char *source, size_t size,
                     struct message *request);
void script_reload(struct sched *s, struct message *request);
void script_answer_reloads(struct sched *s);
void script_forget_all(struct sched *s);
/* For its twins: has a state made of the source, which is named by what is returned; and closed. */
uint64_t script_send_load(struct sched *s, const struct script_entry *script, int worker,
                          const char *source, size_t size);
void script_retire_state(struct sched *s, int worker, uint64_t generation);
/* Its worker is stuck: nothing is in force any more, and what is loaded from now on is loaded by
 * the other. */
void script_leave(struct sched *s, struct script_entry *script, int worker);
/* Loads what was in force, or was being loaded, when it left its worker. */
void script_begin_anew(struct sched *s, struct script_entry *script);

/* ---- between script.c, script_loaded.c and script_wait.c ---- */

/* It was added at run time, and is as if it had not been sent. */
bool script_was_never_good(const struct script_entry *script);
/* Frees it; it has nothing in force. */
void script_forget(struct sched *s, struct script_entry *script);
/* Closes its states. */
void script_retire(struct sched *s, const struct script_entry *script);
void script_set_error(struct script_entry *script, const char *text);
/* Tells those who sent the source; `failure` NULL: it is in force. */
void script_answer_waiting(struct sched *s, struct script_entry *script, const char *failure);
/* Scripts that failed because another one held an id may do better now. */
void script_try_conflicts(struct sched *s);
void script_waits_forget(struct sched *s, const struct script_entry *script);
void script_waits_forget_all(struct sched *s);
/* The turn is committed, or taken back. */
void script_waits_commit(struct sched *s);
void script_waits_undo(struct sched *s);
/* Whether this look into the folder was asked for. */
bool script_waits_scanned(struct sched *s, uint64_t tag);
/* The version that was in force when the daemon last ran stays in force until the file is mended:
 * whether there is one; and loads it. */
bool script_may_fall_back(struct sched *s, const struct script_entry *script);
bool script_fall_back(struct sched *s, struct script_entry *script);

#endif
