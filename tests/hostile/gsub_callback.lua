-- a callback of gsub that spins => run: took longer than its time-out
job "gsub_callback" {
  timeout = "400ms",
  run = function()
    ("x"):gsub("x", function()
      while true do end
    end)
  end,
}
