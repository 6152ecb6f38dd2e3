-- a comparator that contradicts itself, again and again => run: took longer than its time-out
job "sort_lies" {
  timeout = "400ms",
  run = function()
    local t = {}
    for i = 1, 1000 do
      t[i] = i
    end
    while true do
      table.sort(t, function() return math.random() < 0.5 end)
    end
  end,
}
