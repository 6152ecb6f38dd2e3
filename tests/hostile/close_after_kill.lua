-- a __close that wants to run after the kill => run: took longer than its time-out
job "close_after_kill" {
  timeout = "400ms",
  run = function()
    local _ <close> = setmetatable({}, { __close = function()
      while true do end
    end })
    while true do end
  end,
}
