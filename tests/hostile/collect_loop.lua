-- collections without end over a full heap => run: took longer than its time-out
job "collect_loop" {
  timeout = "400ms",
  run = function()
    local t = {}
    for i = 1, 200000 do
      t[i] = {}
    end
    while true do
      collectgarbage()
    end
  end,
}
