--- What scripts find in `moonbeat simulate`, in whose world they shall change nothing: their top level, their triggers
-- and `retry.decide` are run many times over, for times that have not come. Each state begins with this, before the
-- rest of the Lua half. What would reach out is refused where C would do it, as a failure of the world. Files can be
-- read; a database is a copy, which goes when it is closed. A folder to be made counts as made, as scripts begin so
-- and a database in it would be a copy all the same.

local raw = ...

local refused = {
  exec_spawn = "runs no commands",
  http_request = "sends no requests",
  email_send = "sends no mail",
}
for _, name in ipairs { "fs_write", "fs_append", "fs_remove", "fs_rename", "fs_copy", "fs_tempdir" } do
  refused[name] = "changes no files"
end

for name, what in pairs(refused) do
  local _ = raw[name] -- opened now, so that it is not opened over this
  raw[name] = function()
    return nil, "moonbeat simulate " .. what, "unavailable"
  end
end

function raw.fs_mkdir()
  return true
end

raw.copies_databases = true
