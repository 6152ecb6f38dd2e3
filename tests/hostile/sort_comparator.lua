-- a comparator that spins => run: took longer than its time-out
job "sort_comparator" {
  timeout = "400ms",
  run = function()
    table.sort({ 3, 2, 1 }, function()
      while true do end
    end)
  end,
}
