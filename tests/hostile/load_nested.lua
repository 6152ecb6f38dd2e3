-- a chunk of a million parentheses => run: overflow
job "load_nested" {
  timeout = "30s",
  run = function()
    assert(load("return " .. ("("):rep(1000000)))
  end,
}
