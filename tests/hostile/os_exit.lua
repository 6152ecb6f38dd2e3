-- an exit from the whole program => run: attempt to call a nil value (field 'exit')
job "os_exit" {
  timeout = "30s",
  run = function()
    os.exit(1)
  end,
}
