/* `fs` for Lua: each function reads its arguments into a job, which a thread of libuv's pool does
 * (api_fs_work.c, api_fs_tree.c) while the call waits. Argument 1 is always the name by which a
 * person called, for messages. When its call is killed, a job under way is told to stop, and a run
 * has ended when the job has: nothing of it changes files any more. */
#include "vm/api_fs.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "vm/api_args.h"
#include "vm/api_fs_work.h"
#include "vm/api_sqlite_files.h"
#include "vm/api_time.h"
#include "vm/call.h"
#include "vm/helper.h"
#include "vm/state.h"
#include "vm/vm.h"
#include "vm/wait.h"

struct fs_wait {
  struct wait wait; /* first */
  struct helper_work helper;
  struct call_follower follower;
  void (*work)(struct fs_job *job);
  int (*push)(lua_State *L, struct fs_job *job); /* what success returns */
  struct fs_job job;
};

/* ---- results ---- */

static int push_true(lua_State *L, struct fs_job *job)
{
  (void)job;
  lua_pushboolean(L, true);
  return 1;
}

static int push_data(lua_State *L, struct fs_job *job)
{
  lua_pushlstring(L, job->data.data ? job->data.data : "", job->data.size);
  return 1;
}

static int push_exists(lua_State *L, struct fs_job *job)
{
  lua_pushboolean(L, job->exists);
  return 1;
}

static int push_names(lua_State *L, struct fs_job *job)
{
  lua_Integer count = 0;
  lua_newtable(L);
  for (size_t at = 0; at < job->names.size; at += strlen(job->names.data + at) + 1) {
    lua_pushstring(L, job->names.data + at);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int push_name(lua_State *L, struct fs_job *job)
{
  lua_pushstring(L, job->names.data);
  return 1;
}

static const char *type_of(mode_t mode)
{
  return S_ISREG(mode)    ? "file"
         : S_ISDIR(mode)  ? "directory"
         : S_ISLNK(mode)  ? "link"
         : S_ISFIFO(mode) ? "pipe"
         : S_ISSOCK(mode) ? "socket"
                          : "device";
}

static void set_integer(lua_State *L, const char *name, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

void api_fs_push_stat(lua_State *L, const struct stat *file)
{
  lua_createtable(L, 0, 8);
  lua_pushstring(L, type_of(file->st_mode));
  lua_setfield(L, -2, "type");
  set_integer(L, "size", (lua_Integer)file->st_size);
  set_integer(L, "mode", (lua_Integer)(file->st_mode & 07777));
  set_integer(L, "inode", (lua_Integer)file->st_ino);
  set_integer(L, "device", (lua_Integer)file->st_dev);
  api_time_push(L, (int64_t)file->st_mtim.tv_sec * 1000000 + file->st_mtim.tv_nsec / 1000);
  lua_setfield(L, -2, "modified_at");
}

static int push_stat(lua_State *L, struct fs_job *job)
{
  api_fs_push_stat(L, &job->stat);
  return 1;
}

static int push_entries(lua_State *L, struct fs_job *job)
{
  const struct stat *stats = (const struct stat *)(void *)job->data.data;
  push_names(L, job);
  lua_newtable(L);
  for (size_t i = 0; i < job->data.size / sizeof *stats; i++) {
    api_fs_push_stat(L, &stats[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 2;
}

/* ---- waiting ---- */

static void on_work(struct helper_work *helper)
{
  struct fs_wait *fs = helper_owner(helper, struct fs_wait, helper);
  fs->work(&fs->job);
}

static void on_done(struct helper_work *helper, bool was_done)
{
  struct fs_wait *fs = helper_owner(helper, struct fs_wait, helper);
  (void)was_done; /* what is taken back was cancelled: nobody asks for its result */
  call_unfollow(&fs->follower);
  wait_done(&fs->wait);
}

static void cancel(struct wait *wait)
{
  struct fs_wait *fs = (struct fs_wait *)wait;
  atomic_store(&fs->job.is_cancelled, true);
  helper_cancel(&fs->helper);
}

/* The work, which was cancelled, ends soon. */
static bool on_call_ended(struct call_follower *follower, enum vm_outcome outcome, bool is_awaited)
{
  (void)follower, (void)outcome;
  return is_awaited;
}

static int finish(lua_State *L, struct wait *wait)
{
  struct fs_wait *fs = (struct fs_wait *)wait;
  return fs->job.code ? args_push_error(L, &fs->job.error) : fs->push(L, &fs->job);
}

static void release(struct wait *wait)
{
  struct fs_wait *fs = (struct fs_wait *)wait;
  fs_job_deinit(&fs->job);
  free(fs);
}

static const struct wait_kind fs_kind = {"fs", cancel, finish, release, false, true};

/* What is raised is raised before there is a job. `path_at` 0: none. */
static struct fs_wait *begin(lua_State *L, const char *verb, int path_at, const char *what)
{
  const char *function = luaL_checkstring(L, 1);
  char *path = NULL;
  wait_check(L, function);
  sqlite_files_set_store(args_raw_string(L, lua_upvalueindex(1), "store_path"));
  if (path_at)
    path = args_path(L, lua_upvalueindex(1), path_at, function, what);
  struct fs_wait *fs = memory_alloc(sizeof *fs);
  fs->helper = (struct helper_work){.work = on_work, .done = on_done};
  fs->follower.call_ended = on_call_ended;
  fs->job.verb = verb;
  fs->job.path = path;
  fs->job.shown = memory_strdup(path_at ? lua_tostring(L, path_at) : "");
  return fs;
}

static int start(lua_State *L, struct fs_wait *fs, void (*work)(struct fs_job *job),
                 int (*push)(lua_State *L, struct fs_job *job))
{
  fs->work = work;
  fs->push = push;
  call_follow(vm_of(L), &fs->follower);
  helper_start(vm_of(L)->helpers, &fs->helper);
  return wait_begin(L, &fs->wait, &fs_kind);
}

/* ---- bindings; all wait, all may give nil, message, code ---- */

static int l_read(lua_State *L) /* function path offset|nil size|nil -> data */
{
  const char *function = luaL_checkstring(L, 1);
  int64_t offset = args_integer(L, 3, function, "offset", 0, 0);
  int64_t size = args_integer(L, 4, function, "size", 0, -1);
  struct fs_wait *fs = begin(L, "read", 2, "path");
  fs->job.offset = offset;
  fs->job.size = size;
  return start(L, fs, fs_work_read, push_data);
}

/* The text at index 3 into the job: the script's own string may be gone before it is written. */
static struct fs_wait *begin_with_data(lua_State *L, const char *verb)
{
  size_t size;
  const char *data = args_string(L, 3, luaL_checkstring(L, 1), "data", &size);
  struct fs_wait *fs = begin(L, verb, 2, "path");
  buffer_append(&fs->job.data, data, size);
  return fs;
}

static int l_write(lua_State *L) /* function path data mode|nil -> true */
{
  int64_t mode = args_integer(L, 4, luaL_checkstring(L, 1), "mode", 0, -1);
  if (mode > 07777)
    return args_fail(L,
                     "fs.write: mode must be 07777 octal at most; tonumber(\"644\", 8) reads it");
  struct fs_wait *fs = begin_with_data(L, "write");
  fs->job.mode = (int32_t)mode;
  return start(L, fs, fs_work_write, push_true);
}

static int l_append(lua_State *L) /* function path data -> true */
{
  return start(L, begin_with_data(L, "append to"), fs_work_append, push_true);
}

static int l_exists(lua_State *L) /* function path -> boolean */
{
  return start(L, begin(L, "look for", 2, "path"), fs_work_exists, push_exists);
}

static int l_stat(lua_State *L) /* function path is_not_followed -> stat */
{
  struct fs_wait *fs = begin(L, "stat", 2, "path");
  fs->job.flag = lua_toboolean(L, 3);
  return start(L, fs, fs_work_stat, push_stat);
}

static int l_list(lua_State *L) /* function path -> names */
{
  return start(L, begin(L, "list", 2, "path"), fs_work_list, push_names);
}

static int l_entries(lua_State *L) /* function path -> names stats */
{
  return start(L, begin(L, "list", 2, "path"), fs_work_entries, push_entries);
}

static int l_glob(lua_State *L) /* function pattern -> paths */
{
  struct fs_wait *fs = begin(L, "glob", 2, "pattern");
  free(fs->job.path);
  fs->job.path = memory_strdup(args_jobs_folder(L, lua_upvalueindex(1)));
  return start(L, fs, fs_work_glob, push_names);
}

static int l_mkdir(lua_State *L) /* function path parents -> true */
{
  struct fs_wait *fs = begin(L, "mkdir", 2, "path");
  fs->job.flag = lua_toboolean(L, 3);
  return start(L, fs, fs_work_mkdir, push_true);
}

static int l_remove(lua_State *L) /* function path recursive -> true */
{
  struct fs_wait *fs = begin(L, "remove", 2, "path");
  fs->job.flag = lua_toboolean(L, 3);
  return start(L, fs, fs_work_remove, push_true);
}

static struct fs_wait *begin_with_two(lua_State *L, const char *verb)
{
  args_string(L, 2, luaL_checkstring(L, 1), "from", NULL);
  char *path_to = args_path(L, lua_upvalueindex(1), 3, luaL_checkstring(L, 1), "to");
  lua_pushstring(L, path_to);
  free(path_to);
  struct fs_wait *fs = begin(L, verb, 2, "from");
  fs->job.path_to = memory_strdup(lua_tostring(L, -1));
  fs->job.shown_to = memory_strdup(lua_tostring(L, 3));
  return fs;
}

static int l_rename(lua_State *L) /* function from to -> true */
{
  return start(L, begin_with_two(L, "rename"), fs_work_rename, push_true);
}

static int l_copy(lua_State *L) /* function from to -> true */
{
  return start(L, begin_with_two(L, "copy"), fs_work_copy, push_true);
}

static int l_tempdir(lua_State *L) /* function -> path */
{
  return start(L, begin(L, "make", 0, NULL), fs_work_tempdir, push_name);
}

void api_fs_open(lua_State *L) /* raw -- raw */
{
  static const luaL_Reg functions[] = {{"fs_read", l_read},       {"fs_write", l_write},
                                       {"fs_append", l_append},   {"fs_exists", l_exists},
                                       {"fs_stat", l_stat},       {"fs_list", l_list},
                                       {"fs_entries", l_entries}, {"fs_glob", l_glob},
                                       {"fs_mkdir", l_mkdir},     {"fs_remove", l_remove},
                                       {"fs_rename", l_rename},   {"fs_copy", l_copy},
                                       {"fs_tempdir", l_tempdir}, {NULL, NULL}};
  args_open(L);
  args_set_functions(L, functions);
  api_fs_watch_open(L);
}
