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
