/* Operations that clients and scripts ask for: a handler each, in tables of names. Private to
 * src/sched. */
#ifndef SCHED_REQUEST_H
#define SCHED_REQUEST_H

#include "sched/state.h"

/* One operation. Appends its result to `result` and returns ERROR_OK; or fails with *error; or
 * keeps *message (setting it to NULL) to answer later. */
struct request {
  struct sched *s;
  struct message **message;
  const struct json *params;
  struct json_writer *result;
  struct error *error;
};

typedef enum error_code (*request_handler)(struct request *request);

struct request_operation {
  const char *name;
  request_handler handle;
  const char *const *params; /* known names, NULL-terminated; NULL: the options of a job */
  enum { CHANGES, ASKS } effect;
};

extern const struct request_operation request_add_operations[];
extern const struct request_operation request_attempt_operations[];
extern const struct request_operation request_calendar_operations[];
extern const struct request_operation request_event_operations[];
extern const struct request_operation request_listener_operations[];
extern const struct request_operation request_job_operations[];
extern const struct request_operation request_kv_operations[];
extern const struct request_operation request_lock_operations[];
extern const struct request_operation request_pool_operations[];
extern const struct request_operation request_run_operations[];
extern const struct request_operation request_script_operations[];
extern const struct request_operation request_status_operations[];

/* The spec with some members replaced; a null takes the member out. A heap string. */
char *request_merge(const char *spec, const struct json *changes);
char *request_merge_text(const char *spec, const char *changes); /* a JSON object */
/* A function that is not there is found out when the job is added, not when it is due; a script
 * that is still being loaded is taken at its word. */
enum error_code request_check_function(struct sched *s, const struct job *job, struct error *error);
enum error_code request_why(struct request *request);

void request_answer(struct sched *s, struct message *message); /* takes the message */
/* It only asks, so that nobody misses it when who asked has left. */
bool request_is_question(const char *op);

/* The text parameter, or NULL with ERROR_USAGE set. */
const char *request_text(struct request *request, const char *name);
/* The same of one that may be missing, or null: NULL then. */
enum error_code request_optional_text(struct request *request, const char *name, const char **text);
/* false when it is missing or null. */
enum error_code request_switch(struct request *request, const char *name, bool *is_on);
/* From 0 on; 0 when it is missing or null. */
enum error_code request_number(struct request *request, const char *name, int64_t *number);
enum error_code request_count(struct request *request, const char *name, int64_t otherwise,
                              int64_t most, int64_t *count);
/* The job that params.job names; NULL with *error set, nearest id included. */
struct entry *request_job(struct request *request);

#endif
