--- Tests leave nothing behind, checked: no program of theirs makes temporary places itself, where support/scratch.h
-- removes them also after a test that failed.

local MAKERS = { "mkdtemp", "mkstemp", "mkostemp", "tmpfile", "tmpnam", "tempnam", '"/tmp/' }
local ROOM = "tests/support/scratch.c"

describe("temporary places", function()
  it("are made in one room", function()
    local problems, room = {}, {}
    local pipe <close> = assert(io.popen("find tests -name '*.[ch]' | LC_ALL=C sort"))
    for path in pipe:lines() do
      local file <close> = assert(io.open(path))
      local text = file:read "a"
      for _, maker in ipairs(MAKERS) do
        if text:find(maker, 1, true) then
          table.insert(path == ROOM and room or problems, ("%s: %s"):format(path, maker))
        end
      end
    end
    assert.equal("", table.concat(problems, "\n"))
    assert.same({ ROOM .. ": mkdtemp" }, room)
  end)
end)
