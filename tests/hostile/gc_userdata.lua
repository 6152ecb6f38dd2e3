-- a finalizer in the metatables of what the library makes => run: nothing was finalized
local makers = {
  function() return sqlite.blob "x" end,
  function() return sqlite.open ":memory:" end,
  function() return json.array {} end,
  function() return json.decode "{}" end,
}

job "gc_userdata" {
  timeout = "30s",
  run = function()
    for _, make in ipairs(makers) do
      pcall(function()
        getmetatable(make()).__gc = function()
          while true do end
        end
      end)
      for _ = 1, 100 do
        make()
      end
    end
    collectgarbage()
    error "nothing was finalized"
  end,
}
