-- a table within itself as JSON => run: 
job "json_cycle" {
  timeout = "30s",
  run = function()
    local t = {}
    t.t = t
    return json.encode(t)
  end,
}
