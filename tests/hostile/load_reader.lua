-- a reader of load that spins => run: took longer than its time-out
job "load_reader" {
  timeout = "400ms",
  run = function()
    load(function()
      while true do end
    end)
  end,
}
