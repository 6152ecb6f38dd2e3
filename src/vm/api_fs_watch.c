/* fs.watch for Lua: looking again and again, and waiting in between until something has happened in
 * a folder that the last look went into. Lua's half decides when to look.
 *
 * A watch is counted: Lua holds it, and so does each wait, since a look on a thread of the pool
 * outlives its call. Its handles close with the first of: fs_watch_close, the end of a call that
 * waits for it, its collection. On the worker's thread but for work(). */
#include <fnmatch.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors.h"
#include "base/memory.h"
#include "sensor/wake.h"
#include "vm/api_args.h"
#include "vm/api_fs.h"
#include "vm/api_fs_tally.h"
#include "vm/helper.h"
#include "vm/nap.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

#define WATCH "moonbeat.watch"

/* Of one state: each has handles of the loop and of the system. */
enum { WATCHES_MAX = 256 };

struct fs_watch {
  struct vm *vm; /* until it is closed */
  int holders;
  struct fs_tally *tally;
  struct wake *wake; /* NULL: closed */
  size_t skip;       /* bytes in front of a path that the script has not written */
  bool is_woken, is_looking;
  struct watch_nap *nap; /* that waits for a change */
};

struct look {
  struct wait wait; /* first */
  struct helper_work helper;
  struct fs_watch *watch;
  struct fs_look found;
};

struct watch_nap {
  struct nap nap; /* first */
  struct fs_watch *watch;
};

static void close_watch(struct fs_watch *watch)
{
  if (!watch->wake)
    return;
  wake_close(watch->wake);
  watch->wake = NULL;
  watch->vm->watches--;
}

static void let_go(struct fs_watch *watch)
{
  if (--watch->holders > 0)
    return;
  close_watch(watch);
  fs_tally_destroy(watch->tally);
  free(watch);
}

static struct fs_watch *check_watch(lua_State *L)
{
  struct fs_watch *watch = *(struct fs_watch **)luaL_checkudata(L, 1, WATCH);
  if (!watch || !watch->wake)
    args_fail(L, "fs.watch: the watching has ended");
  return watch;
}

/* ---- looking ---- */

static void work(struct helper_work *helper)
{
  struct look *look = helper_owner(helper, struct look, helper);
  fs_tally_look(look->watch->tally, &look->found);
}

/* What happened in a folder before it was watched has woken nobody: such a one is looked at again.
 */
static void follow_folders(struct look *look)
{
  struct wake *wake = look->watch->wake;
  const struct buffer *folders = &look->found.folders;
  wake_begin(wake, false);
  for (size_t at = 0; at < folders->size;) {
    const char *path = folders->data + at, *only = path + strlen(path) + 1;
    wake_visit(wake, path, *only ? only : NULL);
    at = (size_t)(only + strlen(only) + 1 - folders->data);
  }
  if (wake_end(wake))
    look->watch->is_woken = true;
}

static void on_looked(struct helper_work *helper, bool was_done)
{
  struct look *look = helper_owner(helper, struct look, helper);
  (void)was_done;
  look->watch->is_looking = false;
  if (look->watch->wake && !look->found.code)
    follow_folders(look);
  wait_done(&look->wait);
}

static void cancel_look(struct wait *wait)
{
  struct look *look = (struct look *)wait;
  close_watch(look->watch);
  atomic_store(&look->found.is_cancelled, true);
  helper_cancel(&look->helper);
}

static int finish_look(lua_State *L, struct wait *wait)
{
  const struct look *look = (struct look *)wait;
  if (look->found.code)
    return args_push_error(L, &look->found.error);
  lua_createtable(L, (int)look->found.count, 0);
  for (size_t i = 0; i < look->found.count; i++) {
    const struct fs_change *change = &look->found.changes[i];
    if (strcmp(change->what, "removed") == 0)
      lua_createtable(L, 0, 2);
    else
      api_fs_push_stat(L, &change->stat);
    lua_pushstring(L, change->path + look->watch->skip);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, change->what);
    lua_setfield(L, -2, "change");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void release_look(struct wait *wait)
{
  struct look *look = (struct look *)wait;
  fs_look_deinit(&look->found);
  let_go(look->watch);
  free(look);
}

static const struct wait_kind look_kind = {"fs.watch",   cancel_look, finish_look,
                                           release_look, false,       true};

static int l_look(lua_State *L) /* watch -> changes | nil message code; waits */
{
  struct fs_watch *watch = check_watch(L);
  wait_check(L, "fs.watch");
  if (watch->is_looking || watch->nap)
    return args_fail(L, "fs.watch: another coroutine waits for it already");
  struct look *look = memory_alloc(sizeof *look);
  look->helper = (struct helper_work){.work = work, .done = on_looked};
  look->watch = watch;
  watch->holders++;
  watch->is_looking = true;
  watch->is_woken = false;
  helper_start(watch->vm->helpers, &look->helper);
  return wait_begin(L, &look->wait, &look_kind);
}

/* ---- waiting for a change ---- */

static void on_change(void *context)
{
  struct fs_watch *watch = context;
  watch->is_woken = true;
  if (watch->nap)
    nap_end(&watch->nap->nap);
}

static void cancel_nap(struct wait *wait)
{
  struct watch_nap *nap = (struct watch_nap *)wait;
  close_watch(nap->watch);
  nap_end(&nap->nap);
}

static int finish_nap(lua_State *L, struct wait *wait)
{
  struct fs_watch *watch = ((struct watch_nap *)wait)->watch;
  watch->nap = NULL;
  lua_pushboolean(L, watch->is_woken);
  watch->is_woken = false;
  return 1;
}

static void release_nap(struct wait *wait)
{
  struct watch_nap *nap = (struct watch_nap *)wait;
  if (nap->watch->nap == nap) /* it was abandoned */
    nap->watch->nap = NULL;
  let_go(nap->watch);
  free(nap);
}

static const struct wait_kind nap_kind = {"fs.watch",  cancel_nap, finish_nap,
                                          release_nap, false,      false};

static int l_wait(lua_State *L) /* watch milliseconds -> whether something has happened; waits */
{
  struct fs_watch *watch = check_watch(L);
  lua_Integer ms = luaL_checkinteger(L, 2);
  wait_check(L, "fs.watch");
  if (watch->is_looking || watch->nap)
    return args_fail(L, "fs.watch: another coroutine waits for it already");
  if (watch->is_woken) {
    watch->is_woken = false;
    lua_pushboolean(L, true);
    return 1;
  }
  struct watch_nap *nap = memory_alloc(sizeof *nap);
  nap->watch = watch;
  watch->holders++;
  watch->nap = nap;
  return nap_begin(L, &nap->nap, ms > 0 ? ms * 1000 : 0, &nap_kind);
}

/* ---- watches ---- */

static bool matters(const char *only, const char *name)
{
  return !only || fnmatch(only, name, 0) == 0;
}

/* `pattern` behind the folder, whose own characters mean only themselves. */
static char *full_pattern(const char *folder, const char *pattern)
{
  struct buffer full = {0};
  for (; *folder; folder++) {
    if (strchr("*?[]\\", *folder))
      buffer_append_byte(&full, '\\');
    buffer_append_byte(&full, *folder);
  }
  buffer_append_byte(&full, '/');
  buffer_append_text(&full, pattern);
  return buffer_take(&full);
}

static void check_count(lua_State *L)
{
  struct error error;
  const struct vm *vm = vm_of(L);
  if (vm->watches >= WATCHES_MAX)
    lua_gc(L, LUA_GCCOLLECT); /* some may be in use no more */
  if (vm->watches >= WATCHES_MAX)
    args_fail(L, "fs.watch: %d are open already", WATCHES_MAX);
  if (descriptors_ask(&error))
    args_fail(L, "fs.watch: %s", error.text);
}

static int l_watch(lua_State *L) /* function path is_deep -> watch */
{
  check_count(L);
  const char *function = luaL_checkstring(L, 1);
  char *path = args_path(L, lua_upvalueindex(1), 2, function, "path");
  const char *written = lua_tostring(L, 2);
  const char *folder = args_jobs_folder(L, lua_upvalueindex(1));
  bool is_pattern = strpbrk(written, "*?[") != NULL;
  if (is_pattern && written[0] != '/' && folder) {
    free(path);
    path = full_pattern(folder, written);
  }
  struct fs_watch **holder = lua_newuserdatauv(L, sizeof *holder, 0);
  struct fs_watch *watch = memory_alloc(sizeof *watch);
  *holder = watch;
  watch->vm = vm_of(L);
  watch->vm->watches++;
  watch->holders = 1;
  watch->tally = fs_tally_create(path, is_pattern, lua_toboolean(L, 3));
  watch->skip = written[0] != '/' && folder ? strlen(folder) + 1 : 0;
  watch->wake = wake_open(wait_loop(L), matters, on_change, watch);
  free(path);
  luaL_setmetatable(L, WATCH);
  return 1;
}

static int l_close(lua_State *L) /* watch -> */
{
  struct fs_watch *watch = *(struct fs_watch **)luaL_checkudata(L, 1, WATCH);
  if (watch)
    close_watch(watch);
  return 0;
}

static int l_collect(lua_State *L) /* watch -> */
{
  struct fs_watch **holder = luaL_checkudata(L, 1, WATCH), *watch = *holder;
  *holder = NULL;
  if (!watch)
    return 0;
  close_watch(watch);
  let_go(watch);
  return 0;
}

void api_fs_watch_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"fs_watch", l_watch},
                                       {"fs_watch_look", l_look},
                                       {"fs_watch_wait", l_wait},
                                       {"fs_watch_close", l_close},
                                       {NULL, NULL}};
  luaL_newmetatable(L, WATCH);
  lua_pushcfunction(L, l_collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  args_set_functions(L, functions);
}
