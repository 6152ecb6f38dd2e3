--- Values that nobody else may see: secret "SHOP_TOKEN" is the text of the file of that name in the
-- secrets folder of the daemon, or among the credentials that systemd has given it. Wherever a text
-- leaves the script, in a log, an error, a result or an event, *** stands in its place.

local raw = ...
local fail = raw.module("fail")

local secret = {}

--- The text of a secret, without the line end behind it. When there is none: `default` if it is given,
--- else an error. The file must be its owner's alone (chmod 600). It is read each time, so that it can
--- be changed while the daemon runs. Of less than 4 bytes it is not kept out of texts; of several
--- lines, those of 8 bytes and more are kept out also one by one.
---@param name string
---@param default? string
---@return string value
function secret.secret(name, default)
  if type(name) ~= "string" then
    fail("secret wants a name, got %s", raw.type_name(name))
  elseif name:find("\0", 1, true) then
    fail "secret: the name holds a NUL byte"
  end
  local value, message, code = raw.secret(name)
  if value then
    return value
  elseif code == "not_found" and default ~= nil then
    return default
  end
  return fail("%s", message)
end

return secret
