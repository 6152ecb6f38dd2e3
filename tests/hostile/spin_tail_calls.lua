-- tail calls for ever => run: took longer than its time-out
job "spin_tail_calls" {
  timeout = "400ms",
  run = function()
    local function again()
      return again()
    end
    again()
  end,
}
