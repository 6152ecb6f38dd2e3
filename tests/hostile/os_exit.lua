-- an exit from the whole program => run: os.exit is not there: a run ends when its function returns
job "os_exit" {
  timeout = "30s",
  run = function()
    os.exit(1)
  end,
}
