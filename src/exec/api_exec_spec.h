/* What raw.exec_spawn is to run, read from the table that lua/moonbeat/exec.lua makes: it stands at
 * index 2 of a function whose upvalue 1 is raw. What is wrong is raised, with `function` as who
 * complains. On the worker's thread. */
#ifndef EXEC_API_EXEC_SPEC_H
#define EXEC_API_EXEC_SPEC_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "exec/child.h"

/* Sets what the table says; that stays on the stack, since the options point to it. (-- ...) */
void api_exec_push_options(lua_State *L, const char *function, struct child_options *options);

/* What the child reads: the text, or NULL. `*keeps_input`: it reads a text, or what will be written
 * later. (-- input) */
const char *api_exec_push_input(lua_State *L, const char *function, size_t *size,
                                bool *keeps_input);

#endif
