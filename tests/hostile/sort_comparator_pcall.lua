-- a comparator that catches its kill => run: took longer than its time-out
job "sort_comparator_pcall" {
  timeout = "400ms",
  run = function()
    table.sort({ 3, 2, 1 }, function()
      while true do
        pcall(function()
          while true do end
        end)
      end
    end)
  end,
}
