-- an endless pattern in a comparator => run: took longer than its time-out
job "pattern_in_comparator" {
  timeout = "400ms",
  run = function()
    table.sort({ 3, 2, 1 }, function()
      return ("a"):rep(200000):find(("a*"):rep(60) .. "b")
    end)
  end,
}
