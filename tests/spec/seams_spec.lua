--- What makes two runs of a program differ comes through seams, checked: the time, random numbers, process ids and
-- child processes have a room each in src, and nobody else asks the system for them. SQL that we write has no clock
-- and no dice of its own either.

local SRC, LIBRARY = "src", "lua/moonbeat"

--- Functions (whole names), and the files that may use them.
local ROOMS = {
  { "clocks", { "base/clock.c" },
    "clock_gettime clock_getres gettimeofday ftime time clock timespec_get uv_hrtime uv_gettimeofday " ..
    "uv_clock_gettime" },
  -- How long a timer of their own loop has left; nothing that is decided or kept goes by it.
  { "the clock of a loop", { "app/scheduler.c", "exec/child.c", "sensor/sensor_run.c" }, "uv_now" },
  { "sleeping", { "base/clock.c" }, "sleep usleep nanosleep clock_nanosleep uv_sleep pthread_cond_timedwait" },
  -- What wakes a loop or a slice, and asks the clock again.
  { "timers", { "app/scheduler.c", "vm/preempt.c" }, "timerfd_create timerfd_settime timer_create setitimer alarm" },
  -- What a process that was given a bound has used of it.
  { "used time", { "exec/isolated.c" }, "getrusage uv_getrusage times" },
  { "random numbers", { "base/random.c" },
    "getrandom getentropy rand srand rand_r random srandom random_r drand48 lrand48 mrand48 arc4random " ..
    "arc4random_buf uv_random RAND_bytes RAND_priv_bytes sqlite3_randomness" },
  -- Names that the system would draw are drawn by base/temporary.c.
  { "names by chance", {}, "mkdtemp mkstemp mkostemp mkstemps mkostemps mktemp tmpfile tmpnam tempnam " ..
    "uv_fs_mkdtemp uv_fs_mkstemp" },
  { "process ids", { "base/process.c", "exec/child_spawn.c" }, "getpid getppid gettid uv_os_getpid uv_os_getppid" },
  { "child processes", { "exec/child_spawn.c", "exec/warden.c" },
    "fork vfork clone clone3 posix_spawn posix_spawnp execve execveat fexecve execv execvp execvpe execl execlp " ..
    "execle system popen uv_spawn" },
  -- Calls that the C library has no name for: a thread's id, and descriptors of processes and of what they inherit.
  { "calls by number", { "base/process.c", "exec/child.c", "exec/child_spawn.c", "exec/warden.c" }, "syscall" },
}

--- Of these, names that are words for other things too: only a call of them counts, or their address; not the address
-- of what is called so all the time.
local WORDS, OFTEN = {}, { time = true, times = true }
for word in ("time times clock random rand sleep alarm system clone fork"):gmatch "%S+" do
  WORDS[word] = true
end

--- In what is said to SQLite, in lower case. The triggers of a sensor run in other programs, in their time.
local SQL = { "current_time", "current_date", "%f[%w_]date%s*%(%s*'now'", "%f[%w_]time%s*%(%s*'now'",
  "%f[%w_]date%s*%(%s*%)", "%f[%w_]time%s*%(%s*%)", "datetime%s*%(", "julianday%s*%(", "unixepoch%s*%(",
  "strftime%s*%('", "timediff%s*%(", "random%s*%(%s*%)", "randomblob" }
local SQL_ROOMS = { ["sensor/table_log_install.c"] = true }

--- Files of the system that are dice.
local DEVICES = { "/dev/u?random", "/proc/sys/kernel/random" }

--- What the library's Lua has to ask its host for.
local LUA = { "math%.random", "os%.time", "os%.clock", "os%.date", "os%.tmpname" }

--- The text without comments; strings are emptied, or are all that is left.
local function split(text)
  local code, strings = {}, {}
  local position = 1
  while position <= #text do
    local at = text:find("[\"'/]", position) or #text + 1
    code[#code + 1] = text:sub(position, at - 1)
    local two = text:sub(at, at + 1)
    if two == "/*" then
      position = (select(2, text:find("*/", at + 2, true)) or #text) + 1
    elseif two == "//" then
      position = text:find("\n", at, true) or #text + 1
    elseif two:sub(1, 1) == '"' or two:sub(1, 1) == "'" then
      local stop = at + 1
      while stop <= #text and text:sub(stop, stop) ~= two:sub(1, 1) do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
      strings[#strings + 1] = text:sub(at + 1, stop - 1)
      code[#code + 1] = '""'
      position = stop + 1
    else
      code[#code + 1] = two:sub(1, 1)
      position = at + 1
    end
  end
  return table.concat(code), table.concat(strings, "\n")
end

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function each_file(folder, pattern)
  local pipe = assert(io.popen(("find %s -name '%s' | LC_ALL=C sort"):format(folder, pattern)))
  local paths = {}
  for path in pipe:lines() do
    paths[#paths + 1] = path:sub(#folder + 2)
  end
  pipe:close()
  return paths
end

local paths = each_file(SRC, "*.[ch]")
local room_of = {}
for _, room in ipairs(ROOMS) do
  for name in room[3]:gmatch "%S+" do
    room_of[name] = room
    room_of["SYS_" .. name], room_of["__NR_" .. name] = room, room
  end
end

--- Whether a word at this place stands for the function: it is called, if in parentheses, or its address is taken.
local function is_function(code, name, first)
  local last = first + #name - 1
  local before, behind = code:sub(math.max(1, first - 20), first - 1), code:sub(last + 1, last + 20)
  return behind:find "^%s*%(" or before:find "%(%s*$" and behind:find "^%s*%)%s*%(" or
    not OFTEN[name] and before:find "[^&]&%s*$" and behind:find "^%s*[,;)]"
end

--- Calls `found(name, room)` for each use of a function that has a room.
local function look(code, found)
  for first, name in code:gmatch "()%f[%w_]([%a_][%w_]*)" do
    local room, before = room_of[name], code:sub(math.max(1, first - 2), first - 1)
    local is_member = before:sub(-1) == "." or before == "->"
    if room and not is_member and (not WORDS[name] or is_function(code, name, first)) then
      found(name, room)
    end
  end
end

local function may(room, path)
  for _, allowed in ipairs(room[2]) do
    if path == allowed then
      return true
    end
  end
  return false
end

describe("the seams", function()
  it("are all there is between src and the system's clocks, dice and processes", function()
    local problems = {}
    for _, path in ipairs(paths) do
      look(split(read(SRC .. "/" .. path)), function(name, room)
        if not may(room, path) then
          problems[#problems + 1] = ("%s uses %s: %s are the business of %s"):format(path, name, room[1],
            #room[2] > 0 and "src/" .. table.concat(room[2], " and ") or "nobody")
        end
      end)
    end
    assert.is_true(#paths > 300)
    assert.equal("", table.concat(problems, "\n"))
  end)

  it("are used: each room still holds what it is there for", function()
    for _, room in ipairs(ROOMS) do
      for _, path in ipairs(room[2]) do
        local used = false
        look(split(read(SRC .. "/" .. path)), function(_, its)
          used = used or its == room
        end)
        assert.is_true(used, path .. ": " .. room[1])
      end
    end
  end)

  it("are seen through comments, strings and members", function()
    local seen = {}
    look(split [[time(NULL) /* fork() */ "getpid()" s->time(x) // rand()
      x.fork() my_time() uv_hrtime () int time; time = 3; f(time); f(&s->clock); syscall(SYS_getpid) id = getpid;
      (time)(NULL); start(&fork); if (a && clock) getpid]], function(name)
      seen[#seen + 1] = name
    end)
    assert.same({ "time", "uv_hrtime", "syscall", "SYS_getpid", "getpid", "time", "fork", "getpid" }, seen)
  end)

  --- Every file of `folder` in whose text, as `of` makes it, one of the patterns is.
  local function having(folder, files, patterns, of)
    local problems = {}
    for _, path in ipairs(files) do
      local text = of(read(folder .. "/" .. path), path)
      for _, pattern in ipairs(patterns) do
        if text:find(pattern) then
          problems[#problems + 1] = ("%s: %s"):format(path, pattern)
        end
      end
    end
    return table.concat(problems, "\n")
  end

  local function strings_of(text)
    return (select(2, split(text)))
  end

  it("have no way round them in SQL, nor by files", function()
    assert.equal("", having(SRC, paths, SQL, function(text, path)
      return SQL_ROOMS[path] and "" or strings_of(text):lower()
    end))
    assert.equal("", having(SRC, paths, DEVICES, strings_of))
  end)

  it("have no way round them in the library's Lua", function()
    local files = each_file(LIBRARY, "*.lua")
    assert.is_true(#files > 20)
    assert.equal("", having(LIBRARY, files, LUA, function(text)
      return (text:gsub("%-%-[^\n]*", ""):gsub('"[^"\n]*"', ""))
    end))
  end)
end)
