--- Raises at the place in the spec, whatever lies in between.

return function(form, ...)
  local level = 2
  repeat
    local at = debug.getinfo(level, "S")
    level = level + 1
  until not at or (at.what ~= "C" and not at.source:find("moonbeat/testing/", 1, true)
    and not at.source:find("/luassert/", 1, true))
  error(form:format(...), level - 1)
end
