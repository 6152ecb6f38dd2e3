-- an error that is nothing => run: (the error is a nil value)
job "error_nil" {
  timeout = "30s",
  run = function()
    error(nil)
  end,
}
