-- a long list sorted again and again => run: took longer than its time-out
job "sort_huge" {
  timeout = "400ms",
  run = function()
    local t = {}
    for i = 1, 500000 do
      t[i] = i * 7919 % 500009
    end
    while true do
      table.sort(t)
      table.sort(t, function(a, b) return a > b end)
    end
  end,
}
