-- an iterator that always has one more => run: took longer than its time-out
job "spin_iterator" {
  timeout = "400ms",
  run = function()
    for _ in function() return true end do
    end
  end,
}
