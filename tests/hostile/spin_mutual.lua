-- two functions that call each other at the end => run: took longer than its time-out
job "spin_mutual" {
  timeout = "400ms",
  run = function()
    local ping
    local function pong()
      return ping()
    end
    function ping()
      return pong()
    end
    ping()
  end,
}
