--- Each way of saving a job file, seen by the daemon within about a second.

local daemon = require "support.daemon"

local SECONDS = 2 -- the promise is one; a loaded machine gets a second more

describe("a job file saved by", function()
  local d

  --- A script whose job has this name for people, by which versions are told apart.
  local function source(name)
    return ('job "a" { name = "%s", run = function() end }\n'):format(name)
  end

  local function name_of(id)
    local job = d:job(id)
    return job and (job.name or "unnamed")
  end

  local function expect_name(name)
    daemon.wait_until(function() return name_of "a" == name end, SECONDS, 'job a is called "' .. name .. '"')
  end

  before_each(function()
    d = daemon.new()
    d:write("a.lua", source "one")
    d:start()
    assert.equal("one", name_of "a")
  end)

  after_each(function()
    d:close()
  end)

  local ways = {
    { "sh", "a shell's redirection", "sed s/one/two/ $J/a.lua > new; cat new > $J/a.lua" },
    { "mv", "rename over it", "sed s/one/two/ $J/a.lua > new; mv new $J/a.lua" },
    { "sed", "sed -i", "sed -i s/one/two/ $J/a.lua" },
    { "vim", "vim", "vim -u NONE -i NONE -es -c '%s/one/two/' -c wq $J/a.lua </dev/null" },
    { "vim", "vim with a backup by renaming",
      "vim -u NONE -i NONE -es -c 'set backup backupcopy=no' -c '%s/one/two/' -c wq $J/a.lua </dev/null" },
    { "rsync", "rsync", "mkdir src; sed s/one/two/ $J/a.lua > src/a.lua; rsync -ac src/ $J/" },
    { "rsync", "rsync --inplace", "mkdir src; sed s/one/two/ $J/a.lua > src/a.lua; rsync -ac --inplace src/ $J/" },
    { "sh", "removal and creation", "sed s/one/two/ $J/a.lua > new; rm $J/a.lua; sleep 0.1; cp new $J/a.lua" },
    { "sh", "a slow writer", "sed s/one/two/ $J/a.lua > new; : > $J/a.lua; sleep 0.3; cat new > $J/a.lua" },
  }
  for _, way in ipairs(ways) do
    it(way[2], function()
      if not daemon.has(way[1]) then
        pending(way[1] .. " is not installed")
        return
      end
      d:sh(way[3])
      expect_name "two"
      assert.is_nil(d:log():find("script a removed", 1, true))
    end)
  end

  it("git checkout", function()
    if not daemon.has "git" then
      pending "git is not installed"
      return
    end
    d:sh [[cd $J; git init -q; git config user.name x; git config user.email x@example.org
      git add .; git commit -qm 1; git checkout -qb other; sed -i s/one/two/ a.lua
      echo 'job "b" { run = function() end }' > b.lua; git add b.lua; git commit -qam 2]]
    expect_name "two"
    daemon.wait_until(function() return d:job "b" end, SECONDS, "b is there")
    d:sh "cd $J; git checkout -q -"
    expect_name "one"
    daemon.wait_until(function() return not d:job "b" end, SECONDS, "b is gone")
  end)

  it("a ConfigMap's swap of ..data", function()
    d:sh [[cd $J; mkdir ..1 ..2; mv a.lua ..1; sed s/one/two/ ..1/a.lua > ..2/a.lua
      ln -s ..1 ..data; ln -s ..data/a.lua a.lua]]
    daemon.sleep(0.8)
    assert.equal("one", name_of "a")
    d:sh "cd $J; ln -s ..2 ..data_tmp; mv -T ..data_tmp ..data; rm -r ..1"
    expect_name "two"
  end)

  it("a swap of the jobs folder, when it is a symbolic link", function()
    d:stop()
    d:sh "mv $J $J.1; cp -r $J.1 $J.2; sed -i s/one/two/ $J.2/a.lua; ln -s $J.1 $J"
    d:start()
    assert.equal("one", name_of "a")
    d:sh "ln -s $J.2 $J.tmp; mv -T $J.tmp $J"
    expect_name "two"
    assert.equal(d.jobs_folder, d:json("status")[1].jobs_folder)
  end)

  it("creation, renaming and deletion", function()
    d:write("b.lua", 'job "b" { run = function() end }')
    daemon.wait_until(function() return d:job "b" end, SECONDS, "b is there")
    d:sh "mv $J/b.lua $J/c.lua"
    daemon.wait_until(function()
      local job = d:job "b"
      return job and job.script == "c"
    end, SECONDS, "b belongs to c")
    d:remove "c.lua"
    daemon.wait_until(function() return not d:job "b" end, SECONDS, "b is gone")
    assert.equal("one", name_of "a")
  end)

  it("somebody who saves the module it requires", function()
    d:sh "mkdir $J/lib; echo 'return \"from one\"' > $J/lib/words.lua"
    d:write("a.lua", 'local name = require "lib.words"\njob "a" { name = name, run = function() end }')
    expect_name "from one"
    d:sh "echo 'return \"from two\"' > $J/lib/words.lua"
    expect_name "from two"
  end)

  it("somebody who makes a mistake, and mends it", function()
    d:write("a.lua", source "two" .. "job {")
    local script = daemon.wait_until(function()
      local found = d:json("scripts")[1]
      return found.error and found
    end, SECONDS, "the error is shown")
    assert.matches("a%.lua:2:", script.error)
    assert.equal("one", name_of "a")
    d:write("a.lua", source "three")
    expect_name "three"
    script = d:json("scripts")[1]
    assert.is_nil(script.error)
  end)
end)

describe("a jobs folder", function()
  local d

  after_each(function()
    d:close()
  end)

  it("may hold what is no script, and says so", function()
    d = daemon.new()
    d:write("good.lua", 'job "good" { run = function() end }')
    d:sh [[cd $J; mkdir dir.lua; mkfifo pipe.lua; ln -s nowhere link.lua; truncate -s 100M big.lua
      printf '\n\377' > bytes.lua; echo 'x = 1' > 9lives.lua]]
    d:start()
    local errors = {}
    for _, script in ipairs(d:json "scripts") do
      errors[script.name] = script.error
    end
    assert.matches("dir%.lua is a directory", errors.dir)
    assert.matches("pipe%.lua is a named pipe", errors.pipe)
    assert.matches("link%.lua is a symbolic link to nowhere, which does not exist", errors.link)
    assert.matches("big%.lua has 100%.0 MiB, a script may have 4 MiB", errors.big)
    assert.matches("bytes%.lua:2: byte 0xff is not UTF%-8", errors.bytes)
    assert.matches("letters, digits, _ and %-", errors["9lives"])
    assert.is_nil(errors.good)
    assert.truthy(d:job "good")
    assert.equal(0, d:cli("run-now", "good", "--wait").status)
  end)

  it("may go away for a while", function()
    d = daemon.new()
    d:write("a.lua", 'job "a" { run = function() end }')
    d:start()
    d:sh "mv jobs away"
    daemon.sleep(1.5)
    assert.truthy(d:job "a")
    assert.matches("its scripts stay in force until it is back", d:log(), 1, true)
    d:sh "mv away jobs"
    d:write("b.lua", 'job "b" { run = function() end }')
    daemon.wait_until(function() return d:job "b" end, 3, "b is there")
    assert.truthy(d:job "a")
  end)
end)
