--- fail(format, ...) raises a sentence with the place in the person's script in front, however deep
-- in the Lua half it was found: `jobs/a.lua:7: cron "61 * * * *": minute 61 is over 59`.

local raw = ...

return function(format, ...)
  raw.fail(select("#", ...) > 0 and format:format(...) or format)
end
