/* A Lua state of one version of one script, with its calls. A script is an actor: one state on one
 * worker, whose globals live as long as the version does; each run, listener's event, console line
 * and the loading itself is a call, a coroutine of that state.
 *
 * This header is what api_*.c bindings and the worker see. All on the worker's thread. */
#ifndef VM_VM_H
#define VM_VM_H

#include <lua.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct vm;

/* The state that a coroutine belongs to. */
struct vm *vm_of(lua_State *L);

/* "orders"; "console" in a console. */
const char *vm_script_name(const struct vm *vm);

/* What one request may hold in bytes: it is read in a turn of the scheduler, which all wait for.
 * The largest that is of use has two values of `kv`, the old one and the new one. */
enum { VM_REQUEST_MAX = 2 << 20 };

/* Asks the scheduler and yields: `return vm_request(L, "pause_job", params)`. Results in Lua: the
 * decoded result, or nil, message, code. `params` is a JSON object of at most VM_REQUEST_MAX bytes,
 * copied; so are those of the functions below. */
int vm_request(lua_State *L, const char *op, const char *params);

/* Asks without waiting for an answer, which nobody hears. */
void vm_tell(lua_State *L, const char *op, const char *params);

/* Yields for at least so long: `return vm_sleep(L, us)`. No results in Lua. */
int vm_sleep(lua_State *L, int64_t us);

/* The same in two steps, so that the caller can work in between: a number, and the results for it.
 * Each number is for one vm_request_end, which yields if the answer is not there yet. */
uint64_t vm_request_start(lua_State *L, const char *op, const char *params);
int vm_request_end(lua_State *L, uint64_t number);

/* A text, or a JSON value, that leaves the state: itself, or a copy in its place without the
 * secrets that the state has read. Takes the text; NULL stays NULL. */
char *vm_redact(const struct vm *vm, char *text);
char *vm_redact_json(const struct vm *vm, char *json);
/* Puts the string at `index` without these secrets into its place: what is to be cut goes through
 * this first, as behind a cut a value is not always known. */
void vm_hide_secrets(lua_State *L, int index);
/* The name of a secret that the state has read and the text holds; NULL: none. */
const char *vm_secret_in(const struct vm *vm, const char *text);

/* A line of the log of the call that is running (a run's stored log, the console's output, or the
 * daemon's log for anything else). `level` is an enum log_level. */
void vm_log(lua_State *L, int level, const char *text, size_t size);

/* Each api_TOPIC.c has one function `api_TOPIC_open(L)` with the stack effect (raw -- raw): it adds
 * its functions to the table `raw`, from which lua/moonbeat builds what scripts see. */
void api_json_open(lua_State *L);
void api_json_open_in_slices(lua_State *L); /* long texts are cut like Lua code */
void api_log_open(lua_State *L);
void api_sleep_open(lua_State *L);
void api_time_open(lua_State *L);
void api_trigger_open(lua_State *L);
void api_scheduler_open(lua_State *L);
void api_console_open(lua_State *L);
void api_fs_open(lua_State *L);
void api_secret_open(lua_State *L);
void api_sqlite_open(lua_State *L);
void api_http_open(lua_State *L);
void api_crypto_open(lua_State *L);
void api_encoding_open(lua_State *L);
void api_env_open(lua_State *L);
void api_email_open(lua_State *L);
void api_exec_open(lua_State *L);
void api_run_open(lua_State *L);

#endif
