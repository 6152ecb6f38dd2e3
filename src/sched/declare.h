/* A script's jobs become what it declares. See declare.c. Private to src/sched. */
#ifndef SCHED_DECLARE_H
#define SCHED_DECLARE_H

#include "sched/state.h"

/* Reads and compares before it writes anything: on failure nothing is changed. */
enum error_code declare_jobs(struct sched *s, const struct script_entry *script,
                             const struct json *specs, bool *conflict, struct error *error);
void declare_remove_jobs(struct sched *s, const char *script);
/* The jobs that `script` declared cannot run. */
void declare_break_jobs(struct sched *s, const char *script, const char *reason);
/* The jobs that could not run because of `script` can again, whoever made them. */
void declare_mend_jobs(struct sched *s, const char *script);
/* One that could not be read may be readable now: then it is what the store says. False: it is
 * still unreadable. */
bool declare_read_again(struct sched *s, struct entry *entry);
/* Whether a new job can be taken: its pool is there, its key can be made, its calendars are known,
 * and it may fire. Anchors its trigger. */
enum error_code declare_check(struct sched *s, struct job *job, struct error *error);
/* The same of one that takes the place of `old`, whose trigger stays if it is written the same. */
enum error_code declare_check_change(struct sched *s, const struct job *old, struct job *job,
                                     struct error *error);
/* Stores a new job; takes it over also on failure. NULL with *error set. That it was added is for
 * the caller to tell, when it is sure to stay. */
struct entry *declare_add(struct sched *s, struct job *job, struct error *error);
/* The definition of an entry becomes `job` (taken over); its due time is kept if the trigger is the
 * same. */
void declare_change(struct sched *s, struct entry *entry, struct job *job);
void declare_remove(struct sched *s, struct entry *entry);
/* The same of one of which nobody was told that it was added. */
void declare_take_back(struct sched *s, struct entry *entry);

#endif
