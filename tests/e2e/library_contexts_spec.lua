--- Every function of the library in every place from which a script can call it: it works there, or, where a C
-- function stands in between and it would have to wait, it says so in one sentence.

local daemon = require "support.daemon"
local dkjson = require "dkjson"

--- A module of the jobs folder. Each case calls the one function that it is named after; `prepare` makes what they
-- need. Nobody listens on port 1.
local CASES = [=[
local cases = {}

local function expect(value, expected)
  if value ~= expected then
    error(("got %s, not %s"):format(tostring(value), tostring(expected)), 2)
  end
end

local function case(name, run)
  cases[#cases + 1] = { name = name, run = run }
end

local function unreachable(name, call)
  case(name, function()
    local result, message, code = call()
    expect(result, nil)
    expect(message:match "could not connect: Connection refused", "could not connect: Connection refused")
    expect(code, "unavailable")
  end)
end

local URL = "http://127.0.0.1:1/"
local SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

local DIGESTS = { md5 = "900150983cd2", sha1 = "a9993e364706", sha256 = "ba7816bf8f01", sha512 = "ddaf35a19361" }
for name, digest in pairs(DIGESTS) do
  case("crypto." .. name, function() expect(crypto[name]("abc"):sub(1, 12), digest) end)
end
case("crypto.hash", function() expect(#crypto.hash("sha384", ("x"):rep(1000000)), 96) end)
case("crypto.hash_file", function(F) expect(crypto.hash_file("md5", F .. "/a.txt"):sub(1, 12), "5d41402abc4b") end)
case("crypto.hmac", function() expect(#crypto.hmac("sha256", "k", "d"), 64) end)
case("crypto.equal", function() expect(crypto.equal("a", "a"), true) end)
for _, code in ipairs { "base64", "base64url", "hex" } do
  local encoded = { base64 = "+/8=", base64url = "-_8", hex = "fbff" }
  case(("crypto.%s_encode"):format(code), function() expect(crypto[code .. "_encode"] "\xfb\xff", encoded[code]) end)
  case(("crypto.%s_decode"):format(code), function() expect(crypto[code .. "_decode"](encoded[code]), "\xfb\xff") end)
end
case("crypto.uuid", function() expect(#crypto.uuid(7), 36) end)
case("crypto.random_bytes", function() expect(#crypto.random_bytes(100000), 100000) end)
case("crypto.random_integer", function() expect(crypto.random_integer(3, 3), 3) end)

unreachable("email.send", function()
  return email.send { server = "smtp://127.0.0.1:1", from = "a@example.org", to = "b@example.org", text = "x" }
end)
case("env.get", function() expect(env.get "LIBRARY_PROBE", "on") end)
case("env.require", function() expect(env.require "LIBRARY_PROBE", "on") end)
case("env.all", function() expect(env.all().LIBRARY_PROBE, "on") end)
case("exec", function() expect(exec { "echo", "x" }.stdout, "x\n") end)
case("os.execute", function() expect(os.execute "true", true) end)
case("io.popen", function() expect(io.popen("echo x"):read "l", "x") end)
case("io.type", function() expect(io.type "x", nil) end)
case("io.write", function() expect(io.write("x\n"), nil) end)

case("fs.read", function(F) expect(fs.read(F .. "/a.txt"), "hello") end)
case("fs.write", function(F) expect(fs.write(F .. "/written", "x"), true) end)
case("fs.append", function(F) expect(fs.append(F .. "/appended", "x"), true) end)
case("fs.lines", function(F) expect(fs.lines(F .. "/a.txt")(), "hello") end)
case("fs.exists", function(F) expect(fs.exists(F .. "/a.txt"), true) end)
case("fs.stat", function(F) expect(fs.stat(F .. "/a.txt").size, 5) end)
case("fs.list", function(F) expect(#fs.list(F .. "/folder"), 0) end)
case("fs.glob", function(F) expect(#fs.glob(F .. "/a.*"), 1) end)
case("fs.walk", function(F) expect(type(fs.walk(F .. "/folder")), "function") end)
case("fs.watch", function(F)
  for _ in fs.watch(F .. "/folder", { timeout = 0.01 }) do error "nothing changes" end
end)
case("fs.mkdir", function(F) expect(fs.mkdir(F .. "/made"), true) end)
case("fs.remove", function(F) expect(fs.remove(F .. "/remove"), true) end)
case("fs.rename", function(F) expect(fs.rename(F .. "/rename", F .. "/renamed"), true) end)
case("fs.copy", function(F) expect(fs.copy(F .. "/a.txt", F .. "/copied"), true) end)
case("fs.tempdir", function() expect(fs.remove(fs.tempdir()), true) end)
case("fs.basename", function() expect(fs.basename "a/b", "b") end)
case("fs.dirname", function() expect(fs.dirname "a/b", "a") end)
case("fs.join", function() expect(fs.join("a", "b"), "a/b") end)

for _, method in ipairs { "get", "head", "post", "put", "patch", "delete" } do
  unreachable("http." .. method, function() return http[method](URL) end)
end
unreachable("http.request", function() return http.request { method = "OPTIONS", url = URL } end)
case("inspect", function() expect(inspect { a = 1 }, "{ a = 1 }") end)
case("json.encode", function() expect(json.encode { 1 }, "[1]") end)
case("json.decode", function() expect(json.decode "[1]"[1], 1) end)
case("json.array", function() expect(json.encode(json.array {}), "[]") end)

case("kv.set", function() expect(kv.set("key", 1), nil) end)
case("kv.get", function() expect(kv.get("none", 5), 5) end)
case("kv.delete", function() expect(kv.delete "none", nil) end)
case("kv.keys", function() expect(#kv.keys "none", 0) end)
case("kv.incr", function() expect(kv.incr "count" > 0, true) end)
case("kv.cas", function() expect(kv.cas("none", 1, 2), false) end)
case("kv.update", function() expect(kv.update("updated", function() return 1 end), 1) end)
case("kv.expires_at", function() expect(kv.expires_at "none", nil) end)
case("lock", function() expect(lock("probe", function() return 1 end), 1) end)

for _, level in ipairs { "debug", "info", "warn", "error" } do
  case("log." .. level, function() expect(log[level]("%d", 1), nil) end)
end
case("secret", function() expect(secret("none", "x"), "x") end)
case("sleep", function() expect(sleep(0.001), nil) end)
case("sqlite.open", function() expect(sqlite.open(":memory:"):value "SELECT 1", 1) end)
case("sqlite.blob", function() expect(type(sqlite.blob "x"), "userdata") end)

case("template.compile", function() expect(template.compile "{{ x }}" { x = 1 }, "1") end)
case("template.render", function() expect(template.render("{{ x }}", { x = 1 }), "1") end)
case("template.file", function(F) expect(template.file(F .. "/a.txt")(), "hello") end)

case("time.now", function() expect(time.now() > time.at(0), true) end)
case("time.at", function() expect(time.at(0).us, 0) end)
case("time.parse", function() expect(time.parse("1970-01-01T00:00:01Z").us, 1000000) end)
case("time.duration", function() expect(time.duration "1m", 60.0) end)
case("time.text", function() expect(time.text(60), "1m") end)
case("time.zones", function() expect(#time.zones() > 100, true) end)
case("time.sleep", function() expect(time.sleep(0.001), nil) end)

unreachable("webhook.send", function() return webhook.send(URL, {}, { secret = SECRET, retries = 0 }) end)
case("webhook.verify", function() expect(webhook.verify({}, "", SECRET), nil) end)

--- What C calls, and so cannot be left to wait.
local between = {
  less = function(call)
    local result
    local meta = { __lt = function() result = result or call() return false end }
    table.sort { setmetatable({}, meta), setmetatable({}, meta) }
    return result
  end,
  format = function(call)
    local result
    local _ = ("%s"):format(setmetatable({}, { __tostring = function() result = call() return "" end }))
    return result
  end,
  close = function(call)
    local result
    local thread = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function() result = call() end })
      coroutine.yield()
    end)
    coroutine.resume(thread)
    coroutine.close(thread)
    return result
  end,
  -- These can wait.
  comparator = function(call)
    local result
    table.sort({ 2, 1 }, function(a, b)
      result = result or call()
      return a < b
    end)
    return result
  end,
  tostring = function(call)
    local result
    tostring(setmetatable({}, { __tostring = function() result = call() return "" end }))
    return result
  end,
  index = function(call)
    return setmetatable({}, { __index = call }).anything
  end,
  iterator = function(call)
    for result in call do
      return result
    end
  end,
  gsub = function(call)
    local result
    ("x"):gsub("x", function() result = call() end)
    return result
  end,
}

local function prepare(F)
  fs.remove(F, { recursive = true })
  for _, name in ipairs { "a.txt", "remove", "rename" } do
    fs.mkdir(F .. "/folder", { parents = true })
    assert(fs.write(F .. "/" .. name, "hello"))
  end
end

--- All cases; the results, "ok" or what was raised, go to a file.
local function run(context)
  local F, results = "../scratch/" .. context, {}
  prepare(F)
  for _, one in ipairs(cases) do
    local function call()
      local ok, message = pcall(one.run, F)
      return ok and "ok" or tostring(message)
    end
    results[one.name] = between[context] and between[context](call) or call()
  end
  assert(fs.write("../results/" .. context .. ".json", json.encode(results)))
end

return { cases = cases, run = run, between = between }
]=]

local SCRIPT = [=[
local library = require "cases"

library.run "toplevel"

job "in_job" { run = function() library.run "job" end }

job "in_coroutine" { run = function()
  local thread = coroutine.wrap(function()
    coroutine.yield()
    return coroutine.wrap(function() library.run "coroutine" end)()
  end)
  thread()
  thread()
end }

job "in_pcall" { run = function()
  assert(pcall(xpcall, function() assert(pcall(library.run, "pcall")) end, print))
end }

job "in_isolation" { isolate = true, env = { LIBRARY_PROBE = "on" }, run = function() library.run "isolation" end }

job "between" { run = function()
  for context in pairs(library.between) do
    library.run(context)
  end
end }

job "asks" { run = function() end, trigger = trigger("probing", function() library.run "trigger" end) }

on("probe", function() library.run "listener" end)
]=]

describe("the library", function()
  local d

  setup(function()
    d = daemon.new { env = { LIBRARY_PROBE = "on" } }
    d:sh "mkdir results scratch"
    d:write("cases.lua", CASES)
    d:write("probe.lua", SCRIPT)
    d:start()
  end)

  teardown(function()
    d:close()
  end)

  local function results(context)
    local path = ("%s/results/%s.json"):format(d.root, context)
    return dkjson.decode(daemon.wait_until(function() return daemon.read_file(path) end, 20, context .. " has run"))
  end

  --- Names whose result is not "ok", unless `allowed` says that it may be so.
  local function check(context, allowed)
    local found, problems, count = results(context), {}, 0
    for name, text in pairs(found) do
      count = count + 1
      if text ~= "ok" and not (allowed and allowed(name, text)) then
        problems[#problems + 1] = ("%s in %s: %s"):format(name, context, text)
      end
    end
    table.sort(problems)
    assert.equal("", table.concat(problems, "\n"))
    assert.is_true(count > 60)
    return found
  end

  it("has a case for each of its functions", function()
    local walk = [[
      local own, names = {}, { "exec", "inspect", "lock", "secret", "sleep", "os.execute" }
      for name in ("_G coroutine math string table utf8 scheduler os"):gmatch "%S+" do own[name] = true end
      for library, members in pairs(_G) do
        if type(members) == "table" and not own[library] then
          for name, member in pairs(members) do
            if type(member) == "function" then names[#names + 1] = library .. "." .. name end
          end
        end
      end
      print(table.concat(names, " "))
    ]]
    local out = d:cli_with(walk:gsub("\n", " ") .. "\n", "repl").out -- a line is a chunk
    local known, missing, count = {}, {}, 0
    for name in pairs(results "toplevel") do
      known[name] = true
    end
    for name in out:gmatch "%S+" do
      count = count + 1
      if not known[name] then
        missing[#missing + 1] = name
      end
    end
    assert.equal("", table.concat(missing, " "))
    assert.is_true(count > 60)
  end)

  it("says what is not there, after commands too", function()
    local out = d:must("repl", "-e", 'exec "true"', "-e", 'print(pcall(io.open, "x"))',
      "-e", "print(pcall(io.write, {}))")
    assert.matches("io.open is not there: use fs.read", out, 1, true)
    assert.matches("io.write: argument 1 must be a string, got table", out, 1, true)
  end)

  it("works at the top level of a script", function()
    check "toplevel"
  end)

  for _, context in ipairs { "job", "coroutine", "pcall", "isolation" } do
    it("works in a " .. context, function()
      local run = d:run_now("in_" .. context)
      assert.equal("succeeded", run.state, run.error)
      check(context)
    end)
  end

  it("works in a listener", function()
    d:must("emit", "probe")
    check "listener"
  end)

  it("works in a trigger", function()
    check "trigger"
  end)

  it("works at the prompt", function()
    local result = d:cli_with([[require("cases").run "prompt"]], "repl")
    assert.equal("", result.err)
    check "prompt"
  end)

  it("works in metamethods, iterators, comparators, callbacks of gsub", function()
    local run = d:run_now("between", 60)
    assert.equal("succeeded", run.state, run.error)
    check "index"
    check "iterator"
    check "gsub"
    check "comparator"
    check "tostring"
  end)

  it("says that it cannot wait where C stands in between", function()
    for _, context in ipairs { "less", "format", "close" } do
      local waits = 0
      check(context, function(name, text)
        waits = waits + 1
        local who = text:match "([%w_.]+) cannot wait here: a C function is in between %b()$"
        return who == name or who == name:match "[^.]+$"
      end)
      assert.is_true(waits > 20)
    end
  end)
end)
