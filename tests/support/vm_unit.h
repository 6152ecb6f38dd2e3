/* Runs Lua text in states on a loop of the test's own, as a worker would. */
#ifndef SUPPORT_VM_UNIT_H
#define SUPPORT_VM_UNIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "vm/state.h"

struct bench {
  uv_loop_t loop;
  struct bus *bus;
  struct host *host;
};

struct piece {
  struct vm_call call;
  const char *source;
  enum vm_outcome outcome;
  char *error;
  char *result; /* tostring of the first */
  int64_t ended_us;
  struct buffer log;
};

static int after_piece(lua_State *L, int status, lua_KContext unused)
{
  (void)status;
  (void)unused;
  struct piece *piece = (struct piece *)vm_call_argument(L);
  piece->result = memory_strdup(luaL_tolstring(L, -1, NULL));
  return 0;
}

static int l_piece(lua_State *L)
{
  struct piece *piece = (struct piece *)vm_call_argument(L);
  vm_push_chunk(L, piece->source, strlen(piece->source), "t.lua");
  return call_function(L, 0, 1, after_piece);
}

static void piece_ended(struct vm_call *call, enum vm_outcome outcome, const char *error)
{
  struct piece *piece = (struct piece *)call;
  piece->outcome = outcome;
  piece->error = memory_strdup(error ? error : "");
  piece->ended_us = clock_monotonic_us();
}

static void piece_log(struct vm_call *call, int level, const char *text, size_t size)
{
  (void)level;
  struct piece *piece = (struct piece *)call;
  buffer_append(&piece->log, text, size);
  buffer_append_byte(&piece->log, '\n');
}

static const struct vm_call_kind piece_kind = {
    .name = "piece", .entry = l_piece, .ended = piece_ended, .log = piece_log};

static inline void bench_open(struct bench *bench)
{
  uv_loop_init(&bench->loop);
  bench->bus = bus_create();
  bench->host = host_open(
      &(struct host_options){.loop = &bench->loop, .bus = bench->bus, .address = ADDRESS_WORKER},
      NULL);
}

static inline void bench_close(struct bench *bench)
{
  host_close(bench->host);
  uv_run(&bench->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&bench->loop), 0);
  host_free(bench->host);
  bus_destroy(bench->bus);
}

static inline struct vm *bench_vm_with(struct bench *bench, struct vm_options options)
{
  struct error error;
  options.host = bench->host;
  if (!options.script)
    options.script = "t";
  struct vm *vm = vm_create(&options, &error);
  if (!vm)
    fail_msg("%s", error.text);
  return vm;
}

static inline struct vm *bench_vm(struct bench *bench)
{
  return bench_vm_with(bench, (struct vm_options){0});
}

static inline struct piece *piece_start(struct vm *vm, const char *source, int64_t timeout_us)
{
  struct piece *piece = memory_alloc(sizeof *piece);
  piece->source = source;
  vm_call_start(vm, &piece->call, &piece_kind, timeout_us);
  return piece;
}

/* Runs the loop until the piece has ended; fails after five minutes, as a sanitizer on a busy
 * machine needs more than one. */
static inline void piece_wait(struct bench *bench, struct piece *piece)
{
  int64_t began_us = clock_monotonic_us();
  while (piece->outcome == VM_RUNNING) {
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    if (clock_monotonic_us() - began_us > 300 * 1000000LL)
      fail_msg("still running after five minutes: %s", piece->source);
  }
}

static inline void piece_free(struct piece *piece)
{
  free(piece->error);
  free(piece->result);
  buffer_deinit(&piece->log);
  free(piece);
}

/* The result of the text in a state of its own, or its error behind "!". A heap string. */
static inline char *evaluate_in(struct bench *bench, struct vm_options options, const char *source,
                                int64_t timeout_us)
{
  struct vm *vm = bench_vm_with(bench, options);
  struct piece *piece = piece_start(vm, source, timeout_us);
  piece_wait(bench, piece);
  char *text = piece->outcome == VM_SUCCEEDED ? memory_strdup(piece->result)
                                              : memory_printf("!%s", piece->error);
  piece_free(piece);
  vm_kill_all(vm);
  vm_destroy(vm);
  return text;
}

struct eval_case {
  const char *source, *expected; /* an expected "!text" need only be the beginning */
};

static inline void check_cases(const struct eval_case *cases, size_t count,
                               struct vm_options options, int64_t timeout_us)
{
  struct bench bench;
  bench_open(&bench);
  for (size_t i = 0; i < count; i++) {
    char *text = evaluate_in(&bench, options, cases[i].source, timeout_us);
    const char *expected = cases[i].expected;
    bool same = expected[0] == '!' ? strncmp(text, expected, strlen(expected)) == 0
                                   : strcmp(text, expected) == 0;
    if (!same)
      fail_msg("%s\n  gave     %s\n  expected %s", cases[i].source, text, expected);
    free(text);
  }
  bench_close(&bench);
}

#define CHECK_CASES(cases, options, timeout_us)                                                    \
  check_cases(cases, sizeof cases / sizeof cases[0], options, timeout_us)

#endif
