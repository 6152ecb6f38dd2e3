--- What no job file declares, in `moonbeat simulate` and `moonbeat check`: pools and calendars.

local daemon = require "support.daemon"
local simulated = require "support.simulated"

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

describe("what was set at run time", function()
  local d

  before_each(function()
    d = daemon.new { env = { TZ = "UTC" } }
  end)

  after_each(function()
    d:close()
  end)

  local function simulate(...)
    return d:cli("simulate", d.jobs_folder, "--from", "2027-03-27", "--for", "1d", ...)
  end

  --- "NAME SLOTS" of each pool.
  local function pools_of(...)
    local answer = simulated.object(d, "--from", "2027-03-27", "--for", "1d", ...)
    local list = {}
    for _, pool in ipairs(answer.pools) do
      list[#list + 1] = ("%s %d"):format(pool.name, pool.slots)
    end
    return list
  end

  local with_gpu = [[
    pool("db", 1)
    pool("io", 1)
    job "train" { trigger = cron "0 3 * * *", pool = "gpu", run = function() end }
    job "dump" { trigger = cron "0 3 * * *", pool = "db", run = function() end }
    job "copy" { trigger = cron "0 3 * * *", pool = "io", run = function() end }
  ]]

  it("is there for simulate and check: pools", function()
    d:start()
    d:must("set", "pool", "gpu", "2")
    d:write("a.lua", with_gpu)
    d:must "reload"
    d:must("set", "pool", "db", "5")
    assert.same({ "db 5", "gpu 2", "io 1" }, pools_of()) -- beside the daemon
    d:must("check", d.jobs_folder)
    d:kill()
    d:write("a.lua", (with_gpu:gsub('"io", 1', '"io", 3')))
    local listing = "cd .moonbeat; ls -A; cksum moonbeat.db moonbeat.db-wal"
    local before = d:sh(listing)
    assert.same({ "db 5", "gpu 2", "io 3" }, pools_of "--no-history") -- and what it has left
    d:must("check", d.jobs_folder)
    assert.equal(before, d:sh(listing))
    d:write("a.lua", (with_gpu:gsub('"db", 1', '"db", 2')))
    assert.same({ "db 2", "gpu 2", "io 1" }, pools_of()) -- as a daemon takes it
    assert.same({ "db 7", "gpu 1", "io 1" }, pools_of("--pool", "db=7", "--pool", "gpu=1"))
  end)

  it("is there for simulate and check: calendars", function()
    local source = 'job "a" { trigger = cron("0 9 * * *"):except "holidays", run = function() end }'
    d:start()
    d:must("repl", "-e", 'calendar "holidays" { dates = "2027-03-28" }')
    d:write("a.lua", source)
    d:must "reload"
    local function dates()
      local list = {}
      for _, fire in ipairs(simulated.object(d, "--from", "2027-03-27", "--for", "3d").fires) do
        list[#list + 1] = fire["local"]:sub(1, 10)
      end
      return list
    end
    assert.same({ "2027-03-27", "2027-03-29" }, dates())
    d:must("check", d.jobs_folder)
    d:kill()
    d:write("a.lua", 'calendar "holidays" { dates = "2027-03-27" } ' .. source)
    assert.same({ "2027-03-28", "2027-03-29" }, dates())
    d:sh [[sqlite3 .moonbeat/moonbeat.db "UPDATE calendars SET definition = '{\"ics\":\"gone\"}'"]]
    assert.same({ "2027-03-28", "2027-03-29" }, dates())
    d:write("a.lua", source)
    contains(d:cli("check", d.jobs_folder).out, 'unknown calendar "holidays"')
  end)

  it("is said where no daemon has it: pools", function()
    d:write("a.lua", with_gpu)
    assert.equal(65, simulate().status)
    assert.equal(65, d:cli("check", d.jobs_folder).status)
    assert.same({ "db 1", "gpu 2", "io 1" }, pools_of("--pool", "gpu=2"))
    assert.same({ "db 1", "gpu 0", "io 1" }, pools_of("--pool", "gpu=2", "--pool", "gpu=0"))
  end)

  it("is refused when nobody uses it: pools", function()
    d:write("a.lua", with_gpu)
    local function refuses(status, sentence, ...)
      local result = simulate(...)
      contains(result.err, "moonbeat: " .. sentence)
      assert.same({ "", status }, { result.out, result.status })
    end
    refuses(66, '--pool: no job uses a pool "gpuu", did you mean "gpu"?\n', "--pool", "gpu=1", "--pool", "gpuu=1")
    refuses(66, '--pool: no job uses a pool "gpuu"; a file does not load: ', "--pool", "gpuu=1")
    refuses(64, '--pool "gpu": behind = stands how many slots it has\n', "--pool", "gpu")
    refuses(64, '--pool "gpu=two": behind = stands how many slots it has\n', "--pool", "gpu=two")
    refuses(65, '--pool: pool "gpu": -1 slots are not between 0 and 1000000\n', "--pool", "gpu=-1")
  end)
end)
