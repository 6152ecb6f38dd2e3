-- JSON of a hundred thousand brackets => run: nested too deeply
job "json_deep" {
  timeout = "30s",
  run = function()
    assert(json.decode(("["):rep(100000)))
  end,
}
