--- The order of the layers, checked: a folder of src includes itself and those above it, only some see the headers
-- of Lua, libuv and SQLite, each header compiles alone, and no file is too long to be read.

local SRC = "src"
local ORDER = { "base", "time", "trigger", "model", "store", "sched", "sim", "bus", "sensor", "vm", "exec",
  "script", "rehearsal", "testing", "ctl", "app" }
local LINES_MAX = 800

--- Folders that include less than the order would let them: what they watch is nobody's job or run.
local NARROW = { sensor = { base = true, time = true, sensor = true } }

--- Which folders, or which files of a folder, may include a library's header.
local LIBRARIES = {
  { header = "lua%.h", "vm/", "exec/", "rehearsal/", "testing/" },
  { header = "lauxlib%.h", "vm/", "exec/", "testing/" },
  { header = "lualib%.h", "vm/", "exec/" },
  { header = "uv%.h", "bus/", "sensor/", "vm/", "exec/", "script/", "ctl/", "app/" },
  { header = "sqlite3%.h", "store/", "sensor/table_log", "vm/api_sqlite" },
  { header = "curl/.*", "vm/curl_library" },
  { header = "openssl/.*", "vm/crypto_library" },
  { header = "readline/.*", "ctl/repl_readline%.c" },
  { header = "uthash%.h", "base/hash%.h" },
}

local rank = {}
for i, folder in ipairs(ORDER) do
  rank[folder] = i
end

local function lines_of(command)
  local lines, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  assert(pipe:close(), command)
  return lines
end

--- Of each file of src, its path below src, how many lines it has, and what it includes.
local function read_sources()
  local sources = {}
  for _, path in ipairs(lines_of("find " .. SRC .. " -name '*.[ch]' | LC_ALL=C sort")) do
    local source = { path = path:sub(#SRC + 2), lines = 0, own = {}, foreign = {} }
    source.folder = source.path:match "^[^/]+"
    for line in io.lines(path) do
      source.lines = source.lines + 1
      table.insert(source.own, line:match '^%s*#%s*include%s+"([^"]+)"')
      table.insert(source.foreign, line:match "^%s*#%s*include%s+<([^>]+)>")
    end
    sources[#sources + 1] = source
  end
  return sources
end

local sources = read_sources()

local function complain(problems)
  assert.equal("", table.concat(problems, "\n"))
end

describe("the layers", function()
  it("are the folders of src", function()
    local folders = lines_of("cd " .. SRC .. " && ls -d */ | tr -d /")
    local expected = { table.unpack(ORDER) }
    table.sort(expected)
    table.sort(folders)
    assert.same(expected, folders)
    assert.is_true(#sources > 100)
  end)

  it("include only those above them", function()
    local problems = {}
    for _, source in ipairs(sources) do
      for _, header in ipairs(source.own) do
        local folder = header:match "^([^/]+)/"
        if not folder then
          problems[#problems + 1] = ('%s includes "%s" without its folder'):format(source.path, header)
        elseif not rank[folder] or rank[folder] > rank[source.folder] then
          problems[#problems + 1] = ('%s includes "%s", which is below it'):format(source.path, header)
        elseif NARROW[source.folder] and not NARROW[source.folder][folder] then
          problems[#problems + 1] = ('%s includes "%s", which it has no need of'):format(source.path, header)
        end
      end
    end
    complain(problems)
  end)

  it("keep libraries where they belong", function()
    local problems = {}
    for _, source in ipairs(sources) do
      for _, library in ipairs(LIBRARIES) do
        local is_allowed = false
        for _, place in ipairs(library) do
          is_allowed = is_allowed or source.path:find("^" .. place) ~= nil
        end
        for _, header in ipairs(source.foreign) do
          if header:find("^" .. library.header .. "$") and not is_allowed then
            problems[#problems + 1] = ("%s includes <%s>"):format(source.path, header)
          end
        end
      end
    end
    complain(problems)
  end)
end)

describe("a file of src", function()
  it(("has at most %d lines"):format(LINES_MAX), function()
    local problems = {}
    for _, source in ipairs(sources) do
      if source.lines > LINES_MAX then
        problems[#problems + 1] = ("%s has %d lines"):format(source.path, source.lines)
      end
    end
    complain(problems)
  end)

  it("includes its own header first, or that of the files it is one of", function()
    local problems = {}
    for _, source in ipairs(sources) do
      local header = source.path:gsub("%.c$", ".h")
      local own = header ~= source.path and io.open(SRC .. "/" .. header)
      if own then
        own:close()
        if source.own[1] ~= header and source.own[1] ~= header:gsub("%.h$", "_internal.h") then
          problems[#problems + 1] = source.path
        end
      end
    end
    complain(problems)
  end)
end)

describe("a header", function()
  it("compiles alone", function()
    local flags = table.concat(lines_of("pkg-config --cflags libuv sqlite3 libcurl libcrypto libxxhash && " ..
      "{ pkg-config --cflags lua5.4 2>/dev/null || pkg-config --cflags lua-5.4 2>/dev/null || " ..
      "pkg-config --cflags lua54 2>/dev/null || pkg-config --cflags lua; }"), " ")
    local script = ([[
      cd %s && find . -name '*.h' | sed 's,^\./,,' | xargs -P 4 -I HEADER sh -c '
        echo "#include \"HEADER\"" |
        ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -DMOONBEAT_VERSION="\"0\"" -Wall -Wextra -Werror \
          -I. %s -fsyntax-only -xc - 2>&1 | head -5'
    ]]):format(SRC, flags)
    complain(lines_of(script))
  end)
end)
