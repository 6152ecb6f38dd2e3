--- `moonbeat import crontab`: the job file that it writes loads, runs what cron would run, and loses nothing.

local daemon = require "support.daemon"

local USER = [==[
# Nightly things, kept short.
MAILTO=ops@example.com
SHELL=/bin/bash
GREETING="good day"

*/5 * * * * [[ -n $GREETING ]] && echo "$GREETING"; cat%first%%third
0 2 * * *	/usr/bin/pg_dump shop > "shop-$(date +\%F).sql"
@daily cd /srv && nice -n 10 python3 manage.py clean
# 5 5 * * * switched off
CRON_TZ=Asia/Shanghai
0 9 * * mon-fri printf 'in \%s\n' "$PWD"
]==]

local SYSTEM = [[
17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
*/10 * * * * nobody php /srv/cron.php
]]

local d

local function contains(text, part)
  assert.matches(part, text, 1, true)
end

local function write(name, text)
  daemon.write_file(d.root .. "/" .. name, text)
end

before_each(function()
  d = daemon.new()
end)

after_each(function()
  d:close()
end)

describe("import crontab", function()
  it("writes a job file that loads, and whose jobs do what they did", function()
    write("tab", USER)
    assert.equal("wrote jobs/tab.lua: 4 jobs\n", d:must("import", "crontab", "tab", "-o", "jobs/tab.lua"))
    contains(d:must("check", "jobs"), "ok     tab  4 jobs\n")
    local lua = daemon.read_file(d.jobs_folder .. "/tab.lua")
    contains(lua, "\n-- Nightly things, kept short.\n")
    contains(lua, "\n-- 5 5 * * * switched off\n")
    contains(lua, "\n-- MAILTO=ops@example.com\n")
    d:start()
    assert.equal("Asia/Shanghai", d:job("printf").timezone)
    assert.equal("cron 0 2 * * * timezone=" .. d:job("pg_dump").timezone, d:job("pg_dump").trigger_text)
    assert.equal("cron @daily timezone=" .. d:job("manage").timezone, d:job("manage").trigger_text)
    d:run_now "echo"
    local log = d:must("logs", "echo")
    for _, line in ipairs { "good day", "first", "third" } do
      contains(log, line)
    end
    d:run_now "printf"
    contains(d:must("logs", "printf"), "in " .. os.getenv "HOME")
  end)

  it("reads the system's form", function()
    write("tab", SYSTEM)
    local lua = d:must("import", "crontab", "--system", "tab")
    contains(lua, 'job "cron_hourly" {\n  trigger = cron "17 * * * *",\n')
    contains(lua, '"runuser", "-s", "/bin/sh", "-c", "php /srv/cron.php", "--", "nobody"')
    write("jobs/tab.lua", lua)
    contains(d:must("check", "jobs"), "ok     tab  2 jobs\n")
    contains(d:cli("import", "crontab", "tab").err, "--system")
    local result = d:cli("import", "crontab", "/etc/crontab")
    if result.status == 0 then
      assert.equal(result.out, d:must("import", "crontab", "/etc/crontab", "--system"))
    end
  end)

  it("keeps what it does not understand, and says so", function()
    write("tab", "@daily a\n  0 61 * * * b\n\t* * *\n@dayly c\nA='x\n")
    local result = d:cli("import", "crontab", "tab")
    assert.equal(65, result.status)
    assert.equal('moonbeat: tab:2:5: cron "0 61 * * *": hour 61 is over 23\n' ..
      "moonbeat: tab:3:2: five fields are wanted, here are 3\n" ..
      'moonbeat: tab:4:1: cron "@dayly": unknown macro "@dayly", did you mean "@daily"?\n' ..
      "moonbeat: tab:5:3: the quote of A's value is not closed\n", result.err)
    contains(result.out, "--   0 61 * * * b\n")
    contains(result.out, "-- @dayly c\n")
    write("jobs/tab.lua", result.out)
    contains(d:must("check", "jobs"), "ok     tab  1 job\n")
  end)

  it("replaces a file only with --force", function()
    write("tab", "@daily a\n")
    write("jobs/tab.lua", "-- mine\n")
    local result = d:cli("import", "crontab", "tab", "-o", "jobs/tab.lua")
    assert.equal(73, result.status)
    assert.equal("moonbeat: jobs/tab.lua exists: --force replaces it\n", result.err)
    assert.equal("-- mine\n", daemon.read_file(d.jobs_folder .. "/tab.lua"))
    assert.same({ path = "jobs/tab.lua", jobs = 1, problems = 0 },
      d:json("import", "crontab", "tab", "-o", "jobs/tab.lua", "--force")[1])
    contains(daemon.read_file(d.jobs_folder .. "/tab.lua"), 'job "a" {')
    assert.equal("tab.lua\n", d:sh "ls -A jobs")
    assert.equal(66, d:cli("import", "crontab", "none").status)
    assert.equal(64, d:cli("import", "crontab", "tab", "--json").status)
    assert.equal(73, d:cli("import", "crontab", "tab", "-o", "jobs", "--force").status)
  end)

  it("has the text on the disk before it has its name", function()
    if not os.execute "strace -qq -o /dev/null true 2>/dev/null" then
      return pending "strace may not trace here"
    end
    write("tab", "@daily a\n")
    local out = d:sh("ASAN_OPTIONS=detect_leaks=0 strace -qq -o trace -e inject=fsync:error=EIO " ..
      d.bin .. " import crontab tab -o jobs/tab.lua; echo $?")
    assert.equal("moonbeat: cannot write jobs/tab.lua: Input/output error\n74\n", out)
    assert.equal("", d:sh "ls -A jobs")
  end)

  it("reads standard input, whatever is in it", function()
    contains(d:cli_with("@weekly a\r\n", "import", "crontab", "-").out, 'trigger = cron "@weekly",\n')
    local bytes = {}
    for byte = 0, 255 do
      bytes[#bytes + 1] = "* * * * * echo " .. string.char(byte) .. "]]" .. string.char(byte)
    end
    local out = d:cli_with(table.concat(bytes, "\n"), "import", "crontab", "-").out
    write("jobs/tab.lua", out)
    contains(d:must("check", "jobs"), "ok     tab  ")
  end)
end)
