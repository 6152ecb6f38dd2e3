-- a reader of load that never ends => run: longer than 4 MiB
job "load_endless" {
  timeout = "30s",
  run = function()
    load(function() return ("x "):rep(1000) end)
  end,
}
