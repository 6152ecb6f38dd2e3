/* retry.decide: a function of the script that says of a failure whether another attempt shall
 * follow. It is asked in the state in which the run failed, by a call of its own with little time,
 * before the finish is reported, which carries what it said. One that fails or takes too long says
 * nothing, which the run's log tells. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "exec/run_call.h"

struct decide_call {
  struct vm_call call;
  struct run_call *run;     /* has ended, but for its report */
  struct message *finished; /* which is not sent yet */
};

/* A delay in microseconds, true (as the job's retry says) or false (give up); nil says nothing. */
static int after_decide(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  struct run_answer *answer =
      &((struct decide_call *)vm_call_argument(L))->finished->as.finished.answer;
  if (lua_isnil(L, -1))
    return 0;
  answer->verdict = VERDICT_RETRY;
  answer->delay_us = -1;
  if (lua_isinteger(L, -1))
    answer->delay_us = lua_tointeger(L, -1);
  else if (!lua_toboolean(L, -1))
    answer->verdict = VERDICT_GIVE_UP;
  return 0;
}

/* decide -> nothing */
static int l_decide(lua_State *L)
{
  const struct decide_call *decide = (struct decide_call *)vm_call_argument(L);
  const struct message *message = decide->run->message;
  const char *name = message->as.run.decide;
  vm_push_handler(L, "decide");
  run_push_object(L, decide->run);
  lua_pushstring(L, name[0] ? name : NULL);
  lua_pushstring(L, decide->finished->as.finished.error);
  return call_function(L, 3, 1, after_decide);
}

static void decide_log(struct vm_call *call, int level, const char *text, size_t size)
{
  run_log_line(((struct decide_call *)call)->run, level, text, size);
}

static void decide_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct decide_call *decide = (struct decide_call *)call;
  if (outcome == VM_FAILED || outcome == VM_TIMED_OUT) {
    char *line = memory_printf("retry.decide says nothing, as it failed: %s", error);
    decide_log(call, LOG_ERROR, line, strlen(line));
    free(line);
  }
  run_post_finished(decide->run, decide->finished);
  free(decide);
}

const struct vm_call_kind run_decide_kind = {.name = "retry.decide",
                                             .entry = l_decide,
                                             .ended = decide_ended,
                                             .log = decide_log,
                                             .passes_queue = true,
                                             .is_sequel = true};

void run_decide_cancel(struct vm_call *call, enum run_state state)
{
  if (state == RUN_CANCELLED)
    ((struct decide_call *)call)->finished->as.finished.state = state;
  vm_call_kill(call);
}

void run_decide(struct run_call *run, struct message *finished)
{
  struct decide_call *decide = memory_alloc(sizeof *decide);
  decide->run = run;
  decide->finished = finished;
  vm_call_start(run->call.vm, &decide->call, &run_decide_kind, RUN_DECIDE_US);
  decide->call.attempt = run->call.attempt;
}
