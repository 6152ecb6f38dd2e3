-- a list joined again and again => run: took longer than its time-out
job "concat_huge" {
  timeout = "400ms",
  run = function()
    local t = {}
    for i = 1, 500000 do
      t[i] = "x"
    end
    while true do
      table.concat(t, ", ")
    end
  end,
}
