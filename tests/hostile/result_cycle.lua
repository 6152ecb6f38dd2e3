-- a result that has itself in it => run: the result cannot be stored
job "result_cycle" {
  timeout = "30s",
  run = function()
    local t = {}
    t.t = t
    return t
  end,
}
