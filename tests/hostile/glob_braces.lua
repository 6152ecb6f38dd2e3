-- a pattern whose braces make a thousand million others => run: its braces make more than 10000 patterns
job "glob_braces" {
  timeout = "30s",
  run = function()
    assert(fs.glob(("{a,b}"):rep(30)))
  end,
}
