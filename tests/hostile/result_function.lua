-- a result that is a function => run: the result cannot be stored
job "result_function" {
  timeout = "30s",
  run = function()
    return print
  end,
}
