-- an error of many megabytes => run: bytes left out
job "error_huge" {
  timeout = "30s",
  run = function()
    error(("x"):rep(20000000), 0)
  end,
}
