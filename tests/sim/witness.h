/* A life, written down for a judge who knows nothing of the scheduler's code: `python3
 * tests/checker FOLDER/store.db --log FOLDER/client.jsonl`, whose __main__.py says what the lines
 * mean. */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/message.h"

struct witness;

/* Writes FOLDER/client.jsonl; NULL: to nowhere. */
struct witness *witness_open(const char *folder);
void witness_close(struct witness *witness);

/* A number for what begins now. */
int64_t witness_begin(struct witness *witness);
/* An operation of a client's; `reply` NULL: it had no answer. */
void witness_operation(struct witness *witness, int64_t begin, const char *operation,
                       const char *params, int64_t sent_us, int64_t acked_us,
                       const struct message *reply);
void witness_ran(struct witness *witness, const char *run, int32_t attempt, int64_t at_us);
/* A script's file now holds this, `{"jobs":[...]}`; NULL: there is none. */
void witness_file(struct witness *witness, const char *script, const char *source, int64_t at_us);
void witness_daemon(struct witness *witness, const char *what, int64_t at_us);
/* Told when it is over. */
void witness_fault(struct witness *witness, const char *what, int64_t at_us, int64_t until_us);
/* The store's daemon was told of an I/O error, and has to end. */
void witness_fatal(struct witness *witness, const char *what, int64_t at_us);
/* A script says when a job of its trigger in Lua is due next. */
void witness_answer(struct witness *witness, const char *job, int64_t due_us);
/* The job that had this number is not there any more. */
void witness_gone(struct witness *witness, const char *job, int64_t number, int64_t at_us);
void witness_clock(struct witness *witness, int64_t step_us, int64_t at_us);
/* The tz database has other rules for some zones now, or its first ones again. */
void witness_zones(struct witness *witness, bool are_other, int64_t at_us);
void witness_settled(struct witness *witness, int64_t at_us);

#endif
