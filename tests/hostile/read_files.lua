-- the debug library => run: attempt to index a nil value (global 'debug')
job "read_files" {
  timeout = "30s",
  run = function()
    debug.sethook()
  end,
}
