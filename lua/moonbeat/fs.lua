--- Files, without blocking anybody: each call is done by a helper thread while other runs go on.
-- Relative paths begin at the jobs folder. Misuse raises; what the system refuses comes back as
-- nil, a sentence and a code ("not_found", "permission", "exists", "full", "limit", "io").

local raw = ...

---@class fs
local fs = {}

local check_options = raw.check_options

---@class fs.read_options
---@field offset? integer where to begin, in bytes; 0 when not given
---@field size? integer how many bytes at most; to the end when not given

--- The bytes of a file, or of a part of it: "" when the part lies behind the end. At most 64 MiB.
---@param path string
---@param options? fs.read_options
---@return string? data
---@return string? message
---@return string? code
function fs.read(path, options)
  options = check_options("fs.read", options, "offset", "size")
  return raw.fs_read("fs.read", path, options.offset, options.size)
end

---@class fs.write_options
---@field mode? integer permissions of a new file, tonumber("644", 8) when not given

--- Replaces a file's contents at once: who reads it sees the old bytes or the new ones, also after a
-- power cut. An existing file keeps its permissions.
---@param path string
---@param data string
---@param options? fs.write_options
---@return true? done
---@return string? message
---@return string? code
function fs.write(path, data, options)
  options = check_options("fs.write", options, "mode")
  return raw.fs_write("fs.write", path, data, options.mode)
end

--- Adds to the end of a file, which is created when it is not there.
---@param path string
---@param data string
---@return true? done
---@return string? message
---@return string? code
function fs.append(path, data)
  return raw.fs_append("fs.append", path, data)
end

local LINES_PART = 64 * 1024

--- An iterator over the lines of a file, without their line ends; the file may be of any size.
--- Raises when the file cannot be read.
---@param path string
---@return fun(): string?
function fs.lines(path)
  local offset, ended = 0, false
  local position = 1
  local function refill()
    local part, message = raw.fs_read("fs.lines", path, offset, LINES_PART)
    if not part then
      raw.fail(message)
    end
    offset = offset + #part
    ended = #part == 0
    return part
  end
  local rest = refill()
  return function()
    local pieces
    while true do
      local stop = rest:find("\n", position, true)
      if stop then
        local line = rest:sub(position, stop - 1)
        position = stop + 1
        if pieces then
          pieces[#pieces + 1] = line
          line = table.concat(pieces)
        end
        return line
      end
      if position <= #rest then
        pieces = pieces or {}
        pieces[#pieces + 1] = rest:sub(position)
      end
      position = 1
      rest = ended and "" or refill()
      if ended then
        return pieces and table.concat(pieces)
      end
    end
  end
end

--- Whether there is anything by that name; a link to nothing counts as nothing.
---@param path string
---@return boolean? exists
---@return string? message
---@return string? code
function fs.exists(path)
  return raw.fs_exists("fs.exists", path)
end

---@class fs.stat
---@field type "file"|"directory"|"link"|"pipe"|"socket"|"device"
---@field size integer in bytes
---@field modified_at time.value when its contents changed last
---@field mode integer permissions
---@field inode integer
---@field device integer

--- What is known about a file; about the link itself with `{ follow = false }`.
---@param path string
---@param options? { follow?: boolean }
---@return fs.stat? stat
---@return string? message
---@return string? code
function fs.stat(path, options)
  options = check_options("fs.stat", options, "follow")
  return raw.fs_stat("fs.stat", path, options.follow == false)
end

--- The names in a directory, sorted, without "." and "..".
---@param path? string the jobs folder when not given
---@return string[]? names
---@return string? message
---@return string? code
function fs.list(path)
  return raw.fs_list("fs.list", path == nil and "." or path)
end

--- The paths that match a pattern with * ? [a-z] and {a,b}, sorted; none is an empty list. Braces make
--- 10,000 patterns at most.
---@param pattern string
---@return string[]? paths
---@return string? message
---@return string? code
function fs.glob(pattern)
  return raw.fs_glob("fs.glob", pattern)
end

---@class fs.walk_options
---@field depth? integer how many levels of directories to enter; all when not given

--- An iterator over all that lies below a directory, each directory before what is in it, by name:
--- `for path, stat in fs.walk "in" do`. Links are told and not followed. A directory that cannot be
--- read has a third value, why. Raises when the first one cannot be read.
---@param path? string the jobs folder when not given
---@param options? fs.walk_options
---@return fun(): string?, fs.stat?, string?
function fs.walk(path, options)
  local depth = check_options("fs.walk", options, "depth").depth or math.huge
  if math.type(depth) ~= "integer" and depth ~= math.huge or depth < 0 then
    raw.fail("fs.walk: depth must be a whole number from 0")
  end
  path = path == nil and "." or path
  local names, stats = raw.fs_entries("fs.walk", path)
  if not names then
    raw.fail(stats)
  end
  local stack = { { path = path == "." and "" or path, names = names, stats = stats, at = 0 } }
  return function()
    local level = stack[#stack]
    while level and level.at == #level.names do
      stack[#stack] = nil
      level = stack[#stack]
    end
    if not level then
      return nil
    end
    level.at = level.at + 1
    local here, stat, problem = fs.join(level.path, level.names[level.at]), level.stats[level.at], nil
    if stat.type == "directory" and #stack <= depth then
      local below, more = raw.fs_entries("fs.walk", here)
      if below then
        stack[#stack + 1] = { path = here, names = below, stats = more, at = 0 }
      else
        problem = more
      end
    end
    return here, stat, problem
  end
end

---@class fs.watch_options
---@field settle? duration changes are told when nothing has happened for so long, or at last after ten times that; 0.1
---@field recursive? boolean of a directory: also what lies below those in it
---@field timeout? duration the loop ends when nothing has changed for so long; never when not given

---@class fs.change: fs.stat
---@field path string
---@field change "created"|"changed"|"removed" of a removed file nothing else is known

local LOOK_MS = 10000 -- at least so often: not every file system tells of changes
local RESTLESS = 10 -- times as long as it is to settle, where it never does

--- Milliseconds, rounded up.
local function milliseconds(options, name, otherwise)
  local seconds = otherwise
  if options[name] ~= nil then
    seconds = raw.seconds_option("fs.watch", name, options[name])
  end
  return seconds and math.ceil(seconds * 1000)
end

--- Waits until it has been quiet for so long.
local function await_quiet(watch, settle_ms)
  local end_ms = raw.time_monotonic_ms() + RESTLESS * settle_ms
  repeat
    local is_quiet = settle_ms == 0 or not raw.fs_watch_wait(watch, settle_ms)
  until is_quiet or raw.time_monotonic_ms() >= end_ms
end

--- Looks when something has happened and it has been quiet for a while, or the longest wait is over.
local function await_changes(watch, settle_ms, timeout_ms)
  local end_ms = timeout_ms and raw.time_monotonic_ms() + timeout_ms
  while true do
    local left_ms = end_ms and end_ms - raw.time_monotonic_ms() or LOOK_MS
    if raw.fs_watch_wait(watch, math.max(0, math.min(LOOK_MS, left_ms))) then
      await_quiet(watch, settle_ms)
    end
    local changes, message = raw.fs_watch_look(watch)
    if not changes then
      raw.fail("fs.watch: " .. message)
    elseif #changes > 0 then
      return changes
    elseif left_ms <= 0 then
      return nil
    end
  end
end

--- An iterator over what changes from now on, as it happens: `for change in fs.watch "in/*.csv" do`.
--- The path is a file, a directory, whose files are meant, or a pattern as of fs.glob, with ** for
--- directories at any depth; none need be there yet. The watching ends with the loop, or with the run.
---@param path string
---@param options? fs.watch_options
---@return fun(): fs.change?
function fs.watch(path, options)
  options = check_options("fs.watch", options, "settle", "recursive", "timeout")
  local settle_ms = milliseconds(options, "settle", 0.1)
  local timeout_ms = milliseconds(options, "timeout")
  local watch = raw.fs_watch("fs.watch", path, options.recursive and true or false)
  local _, message = raw.fs_watch_look(watch)
  if message then
    raw.fail("fs.watch: " .. message)
  end
  local changes, at = {}, 0
  local function next_change()
    if changes and at == #changes then
      changes, at = await_changes(watch, settle_ms, timeout_ms), 0
    end
    at = at + 1
    return changes and changes[at]
  end
  return next_change, nil, nil, setmetatable({}, { __close = function() raw.fs_watch_close(watch) end })
end

--- Makes a directory; with `{ parents = true }` those above it too, and one that is there is fine.
---@param path string
---@param options? { parents?: boolean }
---@return true? done
---@return string? message
---@return string? code
function fs.mkdir(path, options)
  options = check_options("fs.mkdir", options, "parents")
  return raw.fs_mkdir("fs.mkdir", path, options.parents and true or false)
end

--- Removes a file, a link or an empty directory; with `{ recursive = true }` a directory with all
-- that is in it (links are removed, not followed).
---@param path string
---@param options? { recursive?: boolean }
---@return true? done
---@return string? message
---@return string? code
function fs.remove(path, options)
  options = check_options("fs.remove", options, "recursive")
  return raw.fs_remove("fs.remove", path, options.recursive and true or false)
end

--- Gives a file or a directory another name, in the place of a file that has it.
---@param from string
---@param to string
---@return true? done
---@return string? message
---@return string? code
function fs.rename(from, to)
  return raw.fs_rename("fs.rename", from, to)
end

--- Copies a file of any size with its permissions; the copy appears at once when it is complete.
---@param from string
---@param to string
---@return true? done
---@return string? message
---@return string? code
function fs.copy(from, to)
  return raw.fs_copy("fs.copy", from, to)
end

--- Makes a new, empty directory in the system's place for temporary files. It is yours to remove.
---@return string? path
---@return string? message
---@return string? code
function fs.tempdir()
  return raw.fs_tempdir("fs.tempdir")
end

local function check_text(name, what, value)
  if type(value) ~= "string" then
    raw.fail(("%s: %s must be a string, got %s"):format(name, what, raw.type_name(value)))
  end
end

--- Joins parts of a path with "/"; an absolute part begins anew.
---@param ... string
---@return string
function fs.join(...)
  local path = ""
  for index = 1, select("#", ...) do
    local part = select(index, ...)
    check_text("fs.join", "part " .. index, part)
    if part:sub(1, 1) == "/" or path == "" then
      path = part
    elseif part ~= "" then
      path = path .. (path:sub(-1) == "/" and "" or "/") .. part
    end
  end
  return path
end

--- The last part of a path; without `suffix` when it ends so: basename("a/b.txt", ".txt") is "b".
---@param path string
---@param suffix? string
---@return string
function fs.basename(path, suffix)
  check_text("fs.basename", "path", path)
  local name = path:gsub("/+$", "")
  name = name:match("[^/]*$")
  if name == "" and path ~= "" then
    return "/"
  end
  if suffix ~= nil then
    check_text("fs.basename", "suffix", suffix)
    if #suffix < #name and name:sub(-#suffix) == suffix and suffix ~= "" then
      name = name:sub(1, -#suffix - 1)
    end
  end
  return name
end

--- All of a path but its last part: dirname("a/b.txt") is "a", dirname("b.txt") is ".".
---@param path string
---@return string
function fs.dirname(path)
  check_text("fs.dirname", "path", path)
  local trimmed = path:match("^(.*[^/])/*$")
  if not trimmed then
    return path == "" and "." or "/"
  end
  local folder = trimmed:match("^(.*)/[^/]*$")
  if not folder then
    return "."
  end
  folder = folder:match("^(.*[^/])/*$")
  return folder or "/"
end

return fs
