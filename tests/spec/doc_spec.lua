--- What help() reads out of the comments of the modules, and that those leave nothing out.

local raw = dofile("tests/spec/support.lua").raw()
local comments = raw.module("comments")
local doc = raw.module("doc")

local function complain(problems)
  assert.equal("", table.concat(problems, "\n"))
end

--- The names of the libraries, as the overview lists them.
local function libraries()
  local found = {}
  for name in doc.help():match("The library:\n(.-)\nAt the console"):gmatch "%S+" do
    found[#found + 1] = name
  end
  assert.is_true(#found > 10)
  return ipairs(found)
end

describe("help", function()
  it("shows how a function is called, what it does, its arguments and its result", function()
    local text = doc.help "exec"
    assert.matches("^exec%(source, options%?%) %-> exec%.result%? result, string%? message", text)
    assert.matches("\n  source: string|exec.options\n    cwd?: string", text, 1, true)
    assert.matches("\n  the result:\n    ok: boolean", text, 1, true)
  end)

  it("shows a module, a class, and what is near", function()
    assert.matches("\n  crypto.sha256(data, form?) -> string digest\n", doc.help "crypto", 1, true)
    assert.matches("^http.auth\n  user%?: string\n", doc.help "http.auth")
    assert.matches('^no help on "crypto.shaa256"', doc.help "crypto.shaa256")
    assert.matches("^sqlite.database:exec%(sql, %.%.%.%) %-> integer changes\n", doc.help "sqlite.database:exec")
  end)
end)

local function read(path)
  local file <close> = assert(io.open(path))
  return (file:read "a")
end

local function is_told(name)
  return not doc.help(name):find "^no help"
end

--- All names that a pattern captures in a file.
local function names_in(path, pattern)
  local names = {}
  for name in read(path):gmatch(pattern) do
    names[#names + 1] = name
  end
  assert.is_true(#names > 0, path)
  return ipairs(names)
end

describe("help has", function()
  it("each global that job files see", function()
    local problems = {}
    local init, count = read "lua/moonbeat/init.lua", 0
    local function check(name)
      count = count + 1
      problems[#problems + 1] = not is_told(name) and name ~= "scheduler" and name or nil
    end
    for library, names in init:gmatch '\ndeferred%.calls%(([%w_]+), "%l+", (%b{})%)' do
      for name in names:gmatch '([%l_]+) = "' do
        check(library == "_G" and name or library .. "." .. name)
      end
    end
    for names in init:gmatch "\ndeferred%.libraries%(_G, (%b{})%)" do
      for name in names:gmatch '"(%l+)"' do
        check(name)
      end
    end
    for name in init:gmatch "\n_G%.(%l+) = " do
      check(name)
    end
    assert.is_true(count > 45, count .. " globals")
    complain(problems)
  end)

  it("each method of triggers and jobs, each function of the scheduler", function()
    local problems = {}
    local function check(name)
      problems[#problems + 1] = not is_told(name) and name or nil
    end
    for _, name in names_in("lua/moonbeat/trigger.lua", "\nfunction methods:([%w_]+)") do
      check("trigger:" .. name)
    end
    local methods = read "lua/moonbeat/scheduler.lua":match "%-%- methods of a job %-%-%-%-\n(.*)"
    for name in methods:gmatch '\n  (%l[%l_]*) = "' do
      check("job:" .. name)
    end
    for _, name in names_in("lua/moonbeat/scheduler.lua", "\nfunction scheduler%.([%w_]+)") do
      check("scheduler." .. name)
    end
    complain(problems)
  end)

  it("values, methods by the library's name, fields", function()
    assert.matches("^sqlite.version: string\n", doc.help "sqlite.version")
    assert.matches("\n  sqlite.version: string\n", doc.help "sqlite", 1, true)
    assert.matches("^json.null: userdata\n  What null becomes", doc.help "json.null")
    assert.matches("^kv.shared: kv\n  The same functions", doc.help "kv.shared")
    assert.matches("^lock.handle:release%(%) %-> true%?", doc.help "lock:release")
    assert.matches("^sqlite.database:rows%(sql, %.%.%.%)", doc.help "db:rows")
    assert.matches("^http.response:json%(%)", doc.help "response:json")
    assert.matches("^io.file:read%(%.%.%.%)", doc.help "file:read")
    assert.matches("^kv.get%(key, default%?%)", doc.help "kv.shared.get")
    assert.matches("^no help", doc.help "db:rowz")
    assert.equal("run.attempt: integer -- 1 for the first", doc.help "run.attempt")
    assert.matches("^no help on \"run.atempt\"", doc.help "run.atempt")
  end)

  it("no option that is what a function is given", function()
    local options = doc.help "lock":match "\n  options.-\n  action"
    assert.matches("\n    wait?: duration", options, 1, true)
    assert.is_nil(options:find("fence", 1, true))
    assert.matches("\n  the result:\n    name: string\n    fence: integer", doc.help "lock", 1, true)
  end)

  it("and editors have, each option of a job", function()
    local fields = read "lua/moonbeat/meta/moonbeat.lua":match "\n%-%-%-@class job%.options\n(.-)\n\n"
    local text = doc.help "job":gsub("%s+", " "):match "Options:(.*)"
    local _, last = read "src/model/job_option.c":find "static const struct field options"
    local known, problems = {}, {}
    for name in read "src/model/job_option.c":sub(last):match "(.-)\n};":gmatch '{"([%l_]+)"' do
      known[name] = true
      if name ~= "where" and not fields:find(("@field %s? "):format(name), 1, true) then
        problems[#problems + 1] = name .. " is not known to editors"
      end
      if name ~= "where" and name ~= "id" and not text:find("[ ]" .. name .. "[ ,;.]") then
        problems[#problems + 1] = name .. " is not in help"
      end
    end
    for name in fields:gmatch "@field ([%l_]+)" do
      problems[#problems + 1] = not known[name] and name .. " is no option" or nil
    end
    assert.is_true(known.retry)
    complain(problems)
  end)
end)

describe("the library", function()
  it("says of each argument what it is, and of each function what it does", function()
    local problems = {}
    for _, library in libraries() do
      local source = raw.module_source(library) or ""
      local module = comments.of(library)
      for name, arguments in source:gmatch("\nfunction (" .. library .. "[.:][%w_]+)(%b())") do
        local entry = module.entries[name]
        if not entry or entry.text == "" then
          problems[#problems + 1] = name .. " has no comment"
        end
        local typed = {}
        for _, param in ipairs(entry and entry.params or {}) do
          typed[param.name:gsub("%?$", "")] = param.type
        end
        for argument in arguments:gmatch "[%w_.]+" do
          if not typed[argument] then
            problems[#problems + 1] = ("%s: %s has no type"):format(name, argument)
          end
        end
      end
      for name in source:gmatch("\n(" .. library .. "%.[%w_]+) = ") do
        if not module.entries[name] or module.entries[name].text == "" then
          problems[#problems + 1] = name .. " has no comment"
        end
      end
    end
    complain(problems)
  end)

  it("is known to editors", function()
    local file <close> = assert(io.open "lua/moonbeat/meta/moonbeat.lua")
    local meta, problems = file:read "a", {}
    for _, library in libraries() do
      -- A run is no global: jobs' functions are given it.
      local is_known = library == "run" and meta:find("fun(run: run", 1, true)
      if not is_known and not library:find(".", 1, true) and not meta:find("\n" .. library .. " = nil\n", 1, true)
        and not meta:find("\nfunction " .. library .. "(", 1, true) then
        problems[#problems + 1] = library
      end
    end
    complain(problems)
  end)
end)
