-- handlers that fail within handlers, for ever => run: took longer than its time-out
job "xpcall_handlers_nested" {
  timeout = "400ms",
  run = function()
    local function handler(e)
      return select(2, xpcall(error, function(again) return again end, e))
    end
    while true do
      xpcall(error, handler, "x")
    end
  end,
}
