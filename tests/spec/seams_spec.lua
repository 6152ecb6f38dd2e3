--- What makes two runs of a program differ comes through seams, checked: the time, random numbers, process ids and
-- child processes have a room each in src, and nobody else asks the system for them. SQL that we write has no clock
-- and no dice of its own either.
--
-- Who asks for a function is told by the compiled objects: whatever a macro, a pointer or a line break makes of its
-- name, there it stands as the linker will look for it.

local SRC, LIBRARY = "src", "lua/moonbeat"
local BUILD = os.getenv "MOONBEAT_BUILD" or "build"

--- Functions, and the files that may use them.
local ROOMS = {
  { "clocks", { "base/clock.c" },
    "clock_gettime clock_getres clock_adjtime adjtimex ntp_gettime ntp_gettimex ntp_adjtime gettimeofday ftime time " ..
    "clock timespec_get sysinfo getitimer timer_gettime timerfd_gettime uv_hrtime uv_gettimeofday uv_clock_gettime " ..
    "uv_uptime" },
  -- How long a timer of their own loop has left; nothing that is decided or kept goes by it.
  { "the clock of a loop", { "app/scheduler.c", "exec/child.c", "sensor/sensor_run.c" }, "uv_now" },
  { "sleeping", { "base/clock.c" },
    "sleep usleep nanosleep clock_nanosleep thrd_sleep pause select pselect pthread_cond_timedwait " ..
    "pthread_cond_clockwait pthread_mutex_timedlock pthread_mutex_clocklock cnd_timedwait mtx_timedlock " ..
    "sem_timedwait sem_clockwait uv_sleep uv_cond_timedwait sqlite3_sleep" },
  -- One that came already, without waiting.
  { "signals by the clock", { "exec/warden.c" }, "sigtimedwait" },
  -- What wakes a loop or a slice, and asks the clock again.
  { "timers", { "app/scheduler.c", "vm/preempt.c" },
    "timerfd_create timerfd_settime timer_create timer_settime setitimer alarm ualarm" },
  -- What a process has used: one that was given a bound, and one that has ended.
  { "used time", { "exec/isolated.c", "exec/child_roll.c" }, "getrusage uv_getrusage times wait3 wait4" },
  { "random numbers", { "base/random.c" },
    "getrandom getentropy getauxval rand srand rand_r random srandom random_r initstate initstate_r drand48 erand48 " ..
    "lrand48 nrand48 mrand48 jrand48 srand48 arc4random arc4random_buf arc4random_uniform uv_random " ..
    "sqlite3_randomness" },
  -- Names that the system would draw are drawn by base/temporary.c.
  { "names by chance", {}, "mkdtemp mkstemp mkostemp mkstemps mkostemps mktemp tmpfile tmpnam tmpnam_r tempnam " ..
    "uv_fs_mkdtemp uv_fs_mkstemp" },
  { "process ids", { "base/process.c", "exec/child_spawn.c" },
    "getpid getppid gettid getpgrp getpgid getsid uv_os_getpid uv_os_getppid" },
  { "child processes", { "exec/child_spawn.c", "exec/warden.c" },
    "fork _Fork vfork clone posix_spawn posix_spawnp pidfd_spawn pidfd_spawnp execve execveat fexecve execv execvp " ..
    "execvpe execl execlp execle system popen wordexp forkpty daemon uv_spawn" },
  -- Calls that the C library has no name for: a thread's id, and descriptors of processes and of what they inherit.
  { "calls by number", { "base/process.c", "exec/child.c", "exec/child_spawn.c", "exec/warden.c" }, "syscall" },
  -- Functions by a text: what is looked for stands in a list there.
  { "libraries by name", { "vm/crypto_library.c", "vm/curl_library.c" },
    "dlopen dlmopen dlsym dlvsym uv_dlopen uv_dlsym" },
}

--- What no object tells: the processor's own clocks and dice, those of a file system of SQLite's, of OpenSSL's list.
local UNNAMED = { "%f[%w_]asm%f[^%w_]", "%f[%w_]__asm", "__builtin_ia32", "rdtsc", "rdrand", "rdseed",
  "__builtin_readcyclecounter", "xCurrentTime", "xRandomness", "xSleep", "TESTCTRL_PRNG", "%f[%w_]RAND_", "EVP_RAND",
  "BN_[%w_]*rand" }

--- In what is said to SQLite, in lower case. The triggers of a sensor run in other programs, in their time.
local SQL = { "current_time", "current_date", "%f[%w_]date%s*%(%s*'now'", "%f[%w_]time%s*%(%s*'now'",
  "%f[%w_]date%s*%(%s*%)", "%f[%w_]time%s*%(%s*%)", "datetime%s*%(", "julianday%s*%(", "unixepoch%s*%(",
  "strftime%s*%('", "timediff%s*%(", "random%s*%(%s*%)", "randomblob" }
local SQL_ROOMS = { ["sensor/table_log_install.c"] = true }

--- Files of the system that are dice, clocks, or tell who we are.
local DEVICES = { "/dev/u?random", "/dev/hwrng", "/proc/sys/kernel/random", "/dev/rtc", "/proc/driver/rtc",
  "/class/rtc", "/proc/uptime", "/proc/stat", "/proc/loadavg", "/proc/timer_list", "/proc/self$", "/proc/self\n",
  "/proc/thread%-self", "/proc/self/stat%f[^%w]", "/proc/self/status", "/proc/self/sched", "/proc/self/auxv" }

--- What the library's Lua has to ask its host for, by the library that Lua keeps it in; of these nothing else is done
-- with the libraries but to name a member. Only init.lua gives them functions of ours.
local LUA = {
  math = { random = true, randomseed = true },
  os = { time = true, clock = true, date = true, difftime = true, tmpname = true, execute = true },
  io = { popen = true, tmpfile = true },
}
local LUA_ROOM = "init.lua"

--- The text without comments; strings are emptied, or are all that is left. Neighbours are one string, as in C.
local function split(text)
  local code, strings = {}, {}
  local position, is_neighbour = 1, false
  text = text:gsub("\\\n", "")
  while position <= #text do
    local at = text:find("[\"'/]", position) or #text + 1
    local before, two = text:sub(position, at - 1), text:sub(at, at + 1)
    is_neighbour = is_neighbour and not before:find "%S"
    code[#code + 1] = before
    if two == "/*" then
      position = (select(2, text:find("*/", at + 2, true)) or #text) + 1
    elseif two == "//" then
      position = text:find("\n", at, true) or #text + 1
    elseif two:sub(1, 1) == '"' or two:sub(1, 1) == "'" then
      local stop = at + 1
      while stop <= #text and text:sub(stop, stop) ~= two:sub(1, 1) do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
      local last = is_neighbour and table.remove(strings) or ""
      strings[#strings + 1] = last .. text:sub(at + 1, stop - 1)
      code[#code + 1] = '""'
      position, is_neighbour = stop + 1, true
    else
      code[#code + 1] = two:sub(1, 1)
      position, is_neighbour = at + 1, false
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
  end
end

--- Calls `found(path, name)` for each function that an object asks others for.
local function each_need(found)
  local is_source = {}
  for _, path in ipairs(paths) do
    is_source[path] = true
  end
  local pipe = assert(io.popen(("find '%s/CMakeFiles' -path '*/src/*.c.o' -exec nm -A -u {} +"):format(BUILD)))
  for line in pipe:lines() do
    local path, name = line:match "/src/([^:]*)%.o:.* ([%w_]+)$"
    if is_source[path] then -- else a former one
      found(path, name)
    end
  end
  assert(pipe:close(), "nm failed; is binutils installed, and MOONBEAT_BUILD the build folder?")
end

--- The room of a function, also under the names that the C library gives it.
local function find_room(name)
  local plain = name:gsub("^__", ""):gsub("_chk$", "")
  return room_of[name] or room_of[plain] or room_of[plain:gsub("64$", "")]
end

local function may(room, path)
  for _, allowed in ipairs(room[2]) do
    if path == allowed then
      return true
    end
  end
  return false
end

--- Uses of Lua's libraries that are not the business of the library: "os.time", or "os" where it is passed on.
local function look_at_lua(text, found)
  local function blank(literal)
    local inner = literal:match '^"(.*)"$' or literal:match "^'(.*)'$" or literal:match "^%[=*%[(.*)%]=*%]$"
    if LUA[inner] then
      found(('"%s"'):format(inner))
    end
    return '""'
  end
  local code = text:gsub("%-%-%[(=*)%[.-%]%1%]", ""):gsub("%-%-[^\n]*", ""):gsub('"[^"\n]*"', blank)
    :gsub("'[^'\n]*'", blank):gsub("%[(=*)%[.-%]%1%]", '""')
  for first, library, last in code:gmatch "()%f[%w_]([%a_][%w_]*)()" do
    local refused = LUA[library]
    local member = code:match("^%s*%.%s*([%a_][%w_]*)", last)
    if refused and code:sub(first - 1, first - 1) ~= ":" and (not member or refused[member]) then
      found(library .. (member and "." .. member or ""))
    end
  end
end

describe("the seams", function()
  it("are all there is between src and the system's clocks, dice and processes", function()
    local problems, seen, count = {}, {}, 0
    each_need(function(path, name)
      local room = find_room(name)
      if room and not may(room, path) then
        problems[#problems + 1] = ("%s uses %s: %s are the business of %s"):format(path, name, room[1],
          #room[2] > 0 and "src/" .. table.concat(room[2], " and ") or "nobody")
      end
      count = count + (seen[path] and 0 or 1)
      seen[path] = true
    end)
    assert.is_true(count > 300, ("%d objects below %s: build first"):format(count, BUILD))
    assert.equal("", table.concat(problems, "\n"))
  end)

  it("are used: each room still holds what it is there for", function()
    local used = {}
    each_need(function(path, name)
      local room = find_room(name)
      if room then
        used[path .. room[1]] = true
      end
    end)
    for _, room in ipairs(ROOMS) do
      for _, path in ipairs(room[2]) do
        assert.is_true(used[path .. room[1]], path .. ": " .. room[1])
      end
    end
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

  it("are not gone round by numbers of calls, by the processor, in SQL, nor by files", function()
    for _, path in ipairs(paths) do
      for prefix, name in split(read(SRC .. "/" .. path)):gmatch "%f[%w_]_*(%u+)_(%l[%w_]*)" do
        local is_number = prefix == "SYS" or prefix == "NR"
        assert.is_true(not (is_number and room_of[name]) or may(room_of[name], path), path .. " calls " .. name)
      end
    end
    assert.equal("", having(SRC, paths, UNNAMED, split))
    assert.equal("", having(SRC, paths, SQL, function(text, path)
      return SQL_ROOMS[path] and "" or strings_of(text):lower()
    end))
    assert.equal("", having(SRC, paths, DEVICES, strings_of))
  end)

  it("are seen through comments, line breaks and neighbouring strings", function()
    local code, strings = split [[fork() /* vfork() */ "date(" /* and */ "'now')" // rand()
      x = "ran" "dom()" + "a"; sys\
call(1)]]
    assert.equal('fork()  ""  "" \n      x = "" "" + ""; syscall(1)', code)
    assert.equal("date('now')\nrandom()\na", strings)
    local seen = {}
    look_at_lua([[local now = os.time -- os.clock
      math.max(1) m = math _ENV.os.date() _G["os"] 'math' x:os() "math.random" --[=[ os ]=] pass(io) io.open()
      ]], function(use)
      seen[#seen + 1] = use
    end)
    assert.same({ '"os"', '"math"', "os.time", "math", "os.date", "io" }, seen)
  end)

  it("have no way round them in the library's Lua", function()
    local files, problems = each_file(LIBRARY, "*.lua"), {}
    assert.is_true(#files > 20)
    for _, path in ipairs(files) do
      look_at_lua(read(LIBRARY .. "/" .. path), function(use)
        if path ~= LUA_ROOM then
          problems[#problems + 1] = path .. ": " .. use
        end
      end)
    end
    assert.equal("", table.concat(problems, "\n"))
  end)
end)
