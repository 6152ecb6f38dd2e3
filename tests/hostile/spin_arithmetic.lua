-- numbers only => run: took longer than its time-out
job "spin_arithmetic" {
  timeout = "400ms",
  run = function()
    local x = 1.5
    while x ~= 0 do
      x = x * 1.0000001 % 17 + 1
    end
  end,
}
