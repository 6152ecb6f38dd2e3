-- an endless pattern where nothing can be interrupted => run: took longer than its time-out
job "pattern_in_less" {
  timeout = "400ms",
  run = function()
    local meta = { __lt = function()
      return ("a"):rep(200000):find(("a*"):rep(60) .. "b")
    end }
    table.sort { setmetatable({}, meta), setmetatable({}, meta) }
  end,
}
