--- What makes two runs of a program differ comes through seams, checked: the time, random numbers, process ids and
-- child processes have a room each in src, and nobody else asks the system for them. SQL that we write has no clock
-- and no dice of its own either.

local SRC = "src"

--- Functions (whole names) or texts, and the files that may use them.
local ROOMS = {
  { "clocks", { "base/clock.c" },
    "clock_gettime clock_getres gettimeofday ftime time clock timespec_get uv_hrtime uv_gettimeofday " ..
    "uv_clock_gettime" },
  { "sleeping", { "base/clock.c" }, "sleep usleep nanosleep clock_nanosleep uv_sleep pthread_cond_timedwait" },
  -- What wakes a loop or a slice, and asks the clock again.
  { "timers", { "app/scheduler.c", "vm/preempt.c" }, "timerfd_create timerfd_settime timer_create setitimer alarm" },
  { "random numbers", { "base/random.c" },
    "getrandom getentropy rand srand rand_r random srandom random_r drand48 lrand48 mrand48 arc4random " ..
    "arc4random_buf uv_random RAND_bytes sqlite3_randomness" },
  { "process ids", { "base/process.c", "exec/child_spawn.c" }, "getpid getppid gettid uv_os_getpid uv_os_getppid" },
  { "child processes", { "exec/child_spawn.c", "exec/warden.c" },
    "fork vfork clone clone3 posix_spawn posix_spawnp execve execv execvp execl execlp fexecve system popen uv_spawn" },
}

--- In what is said to SQLite. The triggers of a sensor run in other programs, in their time.
local SQL = { "CURRENT_TIME", "CURRENT_DATE", "datetime%s*%(", "julianday%s*%(", "unixepoch%s*%(", "strftime%s*%('",
  "random%s*%(%s*%)", "randomblob" }
local SQL_ROOMS = { ["sensor/table_log_install.c"] = true }

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

local function each_source()
  local pipe = assert(io.popen("find " .. SRC .. " -name '*.[ch]' | LC_ALL=C sort"))
  local paths = {}
  for path in pipe:lines() do
    paths[#paths + 1] = path:sub(#SRC + 2)
  end
  pipe:close()
  return paths
end

local paths = each_source()
local room_of = {}
for _, room in ipairs(ROOMS) do
  for name in room[3]:gmatch "%S+" do
    room_of[name] = room
  end
end

--- Calls `found(name, room)` for each use of a function that has a room.
local function look(code, found)
  for before, name in code:gmatch "([%w_%.>]?)%f[%w_]([%a_][%w_]*)%s*%(" do
    local is_member = before == "." or before == ">"
    if room_of[name] and not is_member then
      found(name, room_of[name])
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
          problems[#problems + 1] = ("%s calls %s(): %s are the business of src/%s"):format(path, name, room[1],
            table.concat(room[2], " and "))
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
    look(split 'time(NULL) /* fork() */ "getpid()" s->time(x) // rand()\nx.fork() my_time() uv_hrtime ()',
      function(name)
        seen[#seen + 1] = name
      end)
    assert.same({ "time", "uv_hrtime" }, seen)
  end)

  it("have no way round them in SQL", function()
    local problems = {}
    for _, path in ipairs(paths) do
      local _, strings = split(read(SRC .. "/" .. path))
      for _, text in ipairs(SQL_ROOMS[path] and {} or SQL) do
        if strings:find(text) then
          problems[#problems + 1] = ("%s: %s"):format(path, text)
        end
      end
    end
    assert.equal("", table.concat(problems, "\n"))
  end)
end)
